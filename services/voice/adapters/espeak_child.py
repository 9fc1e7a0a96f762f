"""Speaks one text with eSpeak NG and writes native-endian 16-bit PCM to standard output.

Run as a program, never imported: the library keeps its state in globals and some texts crash it, which must end this
process and not the service. Arguments: path of the library, folder of its data or an empty word, voice. The text comes
on standard input; the first line of output is the sample rate.
"""

import ctypes
import sys

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_CHARACTERS_UTF8 = 1
_BUFFER_MS = 60


def main(library_path: str, data_home: str, voice: str) -> int:
    """Returns the exit status: 0, or 1 when the library refuses."""
    text = sys.stdin.buffer.read().replace(b"\0", b" ") + b"\0"
    library = ctypes.CDLL(library_path)
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data_home.encode() or None, 0)
    if rate <= 0:
        return 1
    output = sys.stdout.buffer
    output.write(b"%d\n" % rate)

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def receive(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            output.write(ctypes.string_at(samples, count * 2))
            output.flush()
        return 0

    library.espeak_SetSynthCallback(receive)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        return 1
    return int(library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, _CHARACTERS_UTF8, None, None) != 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
