"""Turns speech of any piece sizes into chunks for a wire: joined without a click, labelled, the last one marked."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from services.voice.audio import AudioForm, Samples

# The last samples wait until it is known what follows: a join (5 ms of cross-fade) or the end (a chunk of 20 ms).
_FADE_MS = 5
_SHORTEST_MS = 20
_LIVE_CHUNK_MS = 100
# What a speaker pauses between two sentences, beside the silence that the voice itself leaves.
_PAUSE_MS = 160


class Segment(Enum):
    """What a chunk is there for."""

    FILLER = "filler"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a stream, coded. `text_span` is set on the first chunk that speaks it; `voice` when it changes."""

    samples: bytes
    sequence: int
    segment: Segment
    text_span: str = ""
    is_last: bool = False
    voice: str = ""


class ChunkAssembler:
    """Assembles one stream. Not shared between streams."""

    def __init__(self, form: AudioForm, *, voice: str) -> None:
        self._form = form
        self._configured_voice = voice
        self._voice = voice
        self._segment = Segment.CONTENT
        self._text_span = ""
        self._joins = False
        self._waiting: Samples = np.zeros(0, dtype=np.int16)
        self._fade = form.samples_in(_FADE_MS)
        self._reserve = form.samples_in(_FADE_MS + _SHORTEST_MS)
        self._sequence = 0
        self._sample_count = 0

    @property
    def audio_ms(self) -> int:
        """Length of the audio handed out so far."""
        return round(self._sample_count * 1_000 / self._form.sample_rate_hz)

    def begin(self, segment: Segment, text_span: str, *, voice: str) -> list[Chunk]:
        """Starts another span; returns what is left of the one before but for the samples that are cross-faded."""
        chunks: list[Chunk] = []
        if len(self._waiting) > self._fade:
            ready = len(self._waiting) - self._fade
            chunks.append(self._cut(ready))
        self._segment, self._text_span, self._voice = segment, text_span, voice
        self._joins = self._sequence > 0
        if self._joins:
            self._join(np.zeros(self._form.samples_in(_PAUSE_MS), dtype=np.int16))
        return chunks

    def push(self, samples: Samples, *, chunk_ms: int = _LIVE_CHUNK_MS) -> list[Chunk]:
        """Adds speech of the current span; returns the chunks of at least `chunk_ms` that are full."""
        if self._joins:
            self._join(samples)
        else:
            self._waiting = np.concatenate([self._waiting, samples])
        self._joins = False
        size, chunks = self._form.samples_in(chunk_ms), list[Chunk]()
        while len(self._waiting) >= size + self._reserve:
            chunks.append(self._cut(size))
        return chunks

    def flush(self) -> list[Chunk]:
        """Returns everything but the samples that wait for a join or the end."""
        ready = len(self._waiting) - self._reserve
        return [self._cut(ready)] if ready >= self._form.samples_in(_SHORTEST_MS) else []

    def finish(self) -> list[Chunk]:
        """Returns the end of the stream as one last chunk, faded out; nothing when nothing was ever pushed."""
        if not len(self._waiting):
            return []
        tail = min(self._fade, len(self._waiting))
        ramp = np.linspace(1.0, 0.0, tail)
        self._waiting = self._waiting.copy()
        self._waiting[-tail:] = (self._waiting[-tail:] * ramp).astype(np.int16)
        return [self._cut(len(self._waiting), is_last=True)]

    def _join(self, samples: Samples) -> None:
        width = min(self._fade, len(self._waiting), len(samples))
        ramp = np.linspace(0.0, 1.0, width)
        mixed = self._waiting[len(self._waiting) - width :] * (1.0 - ramp) + samples[:width] * ramp
        self._waiting = np.concatenate(
            [self._waiting[: len(self._waiting) - width], np.rint(mixed).astype(np.int16), samples[width:]]
        )

    def _cut(self, count: int, *, is_last: bool = False) -> Chunk:
        samples, self._waiting = self._waiting[:count], self._waiting[count:]
        chunk = Chunk(
            self._form.encode(samples),
            self._sequence,
            self._segment,
            self._text_span,
            is_last,
            "" if self._voice == self._configured_voice else self._voice,
        )
        self._sequence += 1
        self._sample_count += count
        self._text_span = ""
        return chunk
