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
# And between a filler, which trails off, and what it was waiting for.
_PAUSE_AFTER_FILLER_MS = 40


class Segment(Enum):
    """What a chunk is there for."""

    FILLER = "filler"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a stream, coded. `text_span` is set on the first chunk that speaks it; `voice` when it changes.

    `audio_ms` is how long it lasts.
    """

    samples: bytes
    sequence: int
    segment: Segment
    text_span: str = ""
    is_last: bool = False
    voice: str = ""
    audio_ms: float = 0.0


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
        # Speech after a join, until there is enough of it for the whole cross-fade.
        self._arriving: Samples = np.zeros(0, dtype=np.int16)
        self._fade = form.samples_in(_FADE_MS)
        self._reserve = form.samples_in(_FADE_MS + _SHORTEST_MS)
        self._sequence = 0
        self._sample_count = 0

    @property
    def audio_ms(self) -> int:
        """Length of the audio handed out so far."""
        return round(self._sample_count * 1_000 / self._form.sample_rate_hz)

    @property
    def waiting_ms(self) -> float:
        """Length of what waits to be handed out."""
        return len(self._waiting) * 1_000 / self._form.sample_rate_hz

    def begin(self, segment: Segment, text_span: str, *, voice: str) -> list[Chunk]:
        """Starts another span; returns what is left of the one before but for the samples that are cross-faded."""
        chunks: list[Chunk] = []
        self._arrive()
        if len(self._waiting) > self._fade:
            ready = len(self._waiting) - self._fade
            chunks.append(self._cut(ready))
        trails_off = self._segment is Segment.FILLER and segment is Segment.CONTENT
        pause_ms = _PAUSE_AFTER_FILLER_MS if trails_off else _PAUSE_MS
        self._segment, self._text_span, self._voice = segment, text_span, voice
        self._joins = len(self._waiting) > 0
        if self._joins:
            self._join(np.zeros(self._form.samples_in(pause_ms), dtype=np.int16))
        return chunks

    def push(self, samples: Samples, *, chunk_ms: int = _LIVE_CHUNK_MS) -> list[Chunk]:
        """Adds speech of the current span; returns the chunks of at least `chunk_ms` that are full."""
        if self._joins:
            self._arriving = np.concatenate([self._arriving, samples])
            if len(self._arriving) < self._fade:
                return []
            self._arrive()
        else:
            self._waiting = np.concatenate([self._waiting, samples])
        size, chunks = self._form.samples_in(chunk_ms), list[Chunk]()
        while len(self._waiting) >= size + self._reserve:
            chunks.append(self._cut(size))
        return chunks

    def flush(self) -> list[Chunk]:
        """Returns everything but the samples that wait for a join or the end."""
        ready = len(self._waiting) - self._reserve
        return [self._cut(ready)] if ready >= self._form.samples_in(_SHORTEST_MS) else []

    def rest(self) -> list[Chunk]:
        """Returns everything, faded out, because silence follows: what comes after it is not joined."""
        self._arrive()
        if not len(self._waiting):
            return []
        self._fade_out()
        return [self._cut(len(self._waiting))]

    def discard(self) -> None:
        """Drops what waits: nothing more of it is heard."""
        self._waiting, self._arriving = self._waiting[:0], self._arriving[:0]
        self._text_span = ""

    def finish(self) -> list[Chunk]:
        """Returns the end of the stream as one last chunk, faded out; nothing when nothing was ever pushed."""
        self._arrive()
        if not len(self._waiting):
            return []
        self._fade_out()
        return [self._cut(len(self._waiting), is_last=True)]

    def _fade_out(self) -> None:
        tail = min(self._fade, len(self._waiting))
        ramp = np.linspace(1.0, 0.0, tail)
        self._waiting = self._waiting.copy()
        self._waiting[-tail:] = (self._waiting[-tail:] * ramp).astype(np.int16)

    def _arrive(self) -> None:
        if self._joins and len(self._arriving):
            self._join(self._arriving)
            self._arriving, self._joins = self._arriving[:0], False

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
            count * 1_000 / self._form.sample_rate_hz,
        )
        self._sequence += 1
        self._sample_count += count
        self._text_span = ""
        return chunk
