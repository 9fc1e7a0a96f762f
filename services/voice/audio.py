"""Samples: forms of audio, G.711 µ-law, resampling and the trimming of silence, all on int16 arrays."""

from dataclasses import dataclass
from enum import Enum
from typing import cast

import numpy as np
import soxr
from numpy.typing import NDArray

from libs.common.errors import FieldViolation, InvalidRequest

Samples = NDArray[np.int16]

SAMPLE_RATES_HZ = (8_000, 16_000, 24_000)


class Encoding(Enum):
    """How samples are coded on the wire."""

    PCM_S16LE = "pcm_s16le"
    MULAW = "mulaw"


@dataclass(frozen=True, slots=True)
class AudioForm:
    """Coding and samples a second of a stream; mono."""

    encoding: Encoding = Encoding.PCM_S16LE
    sample_rate_hz: int = 8_000

    def encode(self, samples: Samples) -> bytes:
        """Returns `samples` as they go on the wire."""
        if self.encoding is Encoding.MULAW:
            return encode_mulaw(samples)
        return samples.astype("<i2").tobytes()

    def samples_in(self, milliseconds: float) -> int:
        """Returns how many samples last `milliseconds`."""
        return int(self.sample_rate_hz * milliseconds / 1_000)


def audio_form(encoding: Encoding, sample_rate_hz: int) -> AudioForm:
    """Returns a checked form, 8 kHz for a rate of 0; raises InvalidRequest (FORMAT_UNSUPPORTED)."""
    rate = sample_rate_hz or 8_000
    if rate not in SAMPLE_RATES_HZ:
        raise _unsupported("expected 8000, 16000 or 24000")
    if encoding is Encoding.MULAW and rate != 8_000:
        raise _unsupported("expected 8000 with AUDIO_ENCODING_MULAW")
    return AudioForm(encoding, rate)


def _unsupported(expected: str) -> InvalidRequest:
    return InvalidRequest(
        "FORMAT_UNSUPPORTED",
        "Audio comes as PCM at 8, 16 or 24 kHz, or as µ-law at 8 kHz.",
        violations=[FieldViolation("format.sample_rate_hz", expected)],
    )


def _mulaw_of_every_sample() -> NDArray[np.uint8]:
    # ITU-T G.711: sign, three bits of exponent, four bits of mantissa, every bit inverted.
    pcm = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(pcm), 32_635) + 0x84
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return (~(np.where(pcm < 0, 0x80, 0) | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)


def _sample_of_every_mulaw() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


_TO_MULAW = _mulaw_of_every_sample()
_FROM_MULAW = _sample_of_every_mulaw()


def encode_mulaw(samples: Samples) -> bytes:
    """Returns G.711 µ-law, one byte a sample."""
    return _TO_MULAW[samples.view(np.uint16)].tobytes()


def decode_mulaw(coded: bytes) -> Samples:
    """Returns the samples of G.711 µ-law."""
    return _FROM_MULAW[np.frombuffer(coded, dtype=np.uint8)]


class Resampler:
    """Changes the rate of a stream piece by piece, without a seam between the pieces."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16")

    def push(self, samples: Samples, *, last: bool = False) -> Samples:
        """Returns what can be said so far; everything that is left when `last`."""
        if self._stream is None:
            return samples
        return cast(Samples, self._stream.resample_chunk(samples, last=last))


class SilenceTrimmer:
    """Takes the silence off both ends of a stream, piece by piece; pauses within stay.

    Silence is held back until sound follows it. `keep_ms` of it stays at either end, so that no sound is clipped.
    """

    def __init__(self, sample_rate_hz: int, *, keep_ms: float = 30.0, threshold: int = 300) -> None:
        self._keep = int(sample_rate_hz * keep_ms / 1_000)
        self._threshold = threshold
        self._held = np.zeros(0, dtype=np.int16)
        self._begun = False

    def push(self, samples: Samples) -> Samples:
        """Returns what is known to be no silence at an end."""
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > self._threshold)
        held = np.concatenate([self._held, samples])
        if loud.size == 0:
            self._held = held if self._begun else held[len(held) - min(len(held), self._keep) :]
            return held[:0]
        offset = len(self._held)
        start = 0 if self._begun else max(0, offset + int(loud[0]) - self._keep)
        end = offset + int(loud[-1]) + 1
        self._begun, self._held = True, held[end:]
        return held[start:end]

    def finish(self) -> Samples:
        """Returns the little silence that stays at the end; nothing when there was no sound."""
        return self._held[: self._keep if self._begun else 0]
