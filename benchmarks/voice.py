"""Everything that the voice promises, measured now: first sound, silences, speech, figures read aloud, streams."""

import asyncio
import time

from benchmarks import voice_first_audio, voice_masking, voice_speech, voice_streams
from benchmarks.figure import Figure


async def measure() -> list[Figure]:
    """Runs every part and returns the figures."""
    found: list[Figure] = []
    # It runs simulated turns in an event loop of its own.
    found += await asyncio.to_thread(voice_masking.figures)
    for part in (voice_first_audio, voice_speech, voice_streams):
        name, begun = part.__name__.rpartition(".")[2], time.monotonic()
        print(f"\n== {name}", flush=True)
        found += await part.figures()
        print(f"{name} took {time.monotonic() - begun:.0f} s", flush=True)
    return found
