"""A turn's audio as a caller hears it who plays each chunk when it comes: its silences, and which text was heard."""

import re
from dataclasses import dataclass
from itertools import zip_longest

# Audio is sent at most this far ahead of the caller's ear, so that speaking over it leaves little unheard.
LEAD_SECONDS = 0.3
_WORD_END = re.compile(r"(?<=\S)(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Span:
    """A text and the milliseconds of the turn's audio that speak it; `index` is its sentence's, -1 for a phrase."""

    text: str
    begins_ms: float
    index: int

    def heard_of(self, heard_ms: float, *, ends_ms: float) -> str:
        """Returns the words whose audio was heard to their end; a span is taken to be spoken evenly."""
        if heard_ms >= ends_ms:
            return self.text
        characters = len(self.text) * max(0.0, heard_ms - self.begins_ms) / (ends_ms - self.begins_ms)
        ends = [match.end() for match in _WORD_END.finditer(self.text) if match.end() <= characters]
        return self.text[: ends[-1]] if ends else ""


class Playback:
    """What was sent of one turn. Points in time are seconds of one clock; the turn began at `begun`."""

    def __init__(self, *, begun: float) -> None:
        self._begun = begun
        self._spans: list[Span] = []
        # When the caller has heard all that was sent; None before the first chunk.
        self.ends_at: float | None = None
        self.audio_ms = 0.0
        self.first_audio_ms = 0.0
        self.largest_gap_ms = 0.0

    @property
    def ends_ms(self) -> float:
        """When all that was sent is heard, in milliseconds after the turn began; 0 when nothing was sent."""
        return 0.0 if self.ends_at is None else (self.ends_at - self._begun) * 1_000

    def due(self, chunk_ms: float) -> float:
        """Returns when a chunk of that length may be sent."""
        return self._begun if self.ends_at is None else self.ends_at + chunk_ms / 1_000 - LEAD_SECONDS

    def begins(self, text: str, *, index: int = -1) -> None:
        """Notes that what is sent from here on speaks `text`."""
        self._spans.append(Span(text, self.audio_ms, index))

    def sent(self, chunk_ms: float, *, now: float) -> None:
        """Notes a chunk that leaves now."""
        if self.ends_at is None:
            self.first_audio_ms = max((now - self._begun) * 1_000, 0.001)
            self.ends_at = now
        self.largest_gap_ms = max(self.largest_gap_ms, (now - self.ends_at) * 1_000)
        self.ends_at = max(self.ends_at, now) + chunk_ms / 1_000
        self.audio_ms += chunk_ms

    def played_ms(self, now: float) -> float:
        """Returns how much the caller has heard by now."""
        return 0.0 if self.ends_at is None else max(0.0, self.audio_ms - max(0.0, self.ends_at - now) * 1_000)

    @property
    def last_span(self) -> Span | None:
        """Returns what was begun last."""
        return self._spans[-1] if self._spans else None

    def heard(self, heard_ms: float, *, unsent_ms: float = 0.0) -> list[tuple[Span, str]]:
        """Returns the spans of which a word was heard, each with what was heard of it.

        `unsent_ms` is what of the last span was not sent.
        """
        told: list[tuple[Span, str]] = []
        for span, after in zip_longest(self._spans, self._spans[1:]):
            # A sentence that another voice had to say again counts as it was said last.
            if after is None or span.index < 0 or span.index != after.index:
                text = span.heard_of(heard_ms, ends_ms=after.begins_ms if after else self.audio_ms + unsent_ms)
                told += [(span, text)] if text else []
        return told
