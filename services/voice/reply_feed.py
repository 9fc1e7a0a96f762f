"""The router's reply while it comes: cut into sentences for a voice, also when the router takes words back."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from services.voice.sentences import Sentence, SentenceSplitter

# Words that wait longer for the end of their sentence are spoken without it.
DRIBBLE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """What a caller said. `request` is the turn as the router is given it; nothing here looks into it."""

    message: str
    turn_id: str
    request: object


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the reply, to append."""

    text: str


@dataclass(frozen=True, slots=True)
class Reset:
    """The reply so far is void; it begins anew."""


@dataclass(frozen=True, slots=True)
class Replied:
    """The whole reply, last. `phase` is the conversation's after it; `message` the reply as the router gave it."""

    text: str
    phase: str
    complete: bool
    message: object


RouterEvent = Delta | Reset | Replied


class RouterTurns(Protocol):
    """The router, as a spoken conversation needs it. Both raise ReparteeError."""

    def stream(self, turn: SpokenTurn, *, timeout_seconds: float) -> AsyncGenerator[RouterEvent, None]:
        """Yields the reply as it comes, `Replied` last. Closing it cancels the turn."""
        ...

    async def amend(self, turn: SpokenTurn, heard_text: str, *, timeout_seconds: float) -> None:
        """Keeps of the turn's reply `heard_text` alone, a beginning of it."""
        ...


@dataclass(frozen=True, slots=True)
class _Taken:
    sentence: Sentence
    version: int
    follows_break: bool


class ReplyFeed:
    """The reply of one turn. `on_change` is called after every event.

    A voice takes sentences by `sentences`. When the router takes words back, those that no voice has begun are
    forgotten; what was `begun` stays said, and a new text that begins like it goes on behind it.
    """

    def __init__(self, *, on_change: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        self.text = ""
        self.replied: Replied | None = None
        self.is_over = False
        # True once the caller heard words that the reply does not hold.
        self.contradicted = False
        self._on_change = on_change
        self._now = now
        self._splitter = SentenceSplitter()
        self._waiting: deque[tuple[Sentence, bool]] = deque()
        self._taken: list[_Taken] = []
        self._dropped: set[int] = set()
        self._begun = -1
        self._version = 0
        self._said = ""
        self._breaks = False
        self._changed = asyncio.Event()
        self._waits_since: float | None = None

    async def read(self, events: AsyncGenerator[RouterEvent, None]) -> None:
        """Reads the stream to its end; raises what it raises."""
        try:
            async with aclosing(events):
                pending: asyncio.Task[RouterEvent | None] | None = None
                try:
                    while True:
                        pending = pending or asyncio.ensure_future(anext(events, None))
                        done, _ = await asyncio.wait({pending}, timeout=self._patience())
                        if not done:
                            self._put(self._splitter.flush())
                            self._waits_since = self._now()
                        else:
                            event, pending = pending.result(), None
                            if event is None:
                                break
                            self._note(event)
                        self._tell()
                finally:
                    if pending is not None:
                        pending.cancel()
                        await asyncio.wait({pending})
        finally:
            self.is_over = True
            self._tell()

    async def sentences(self) -> AsyncIterator[str]:
        """Yields the sentences, each when a voice asks for it, until the reply is over."""
        while True:
            while self._waiting:
                sentence, follows_break = self._waiting.popleft()
                self._taken.append(_Taken(sentence, self._version, follows_break))
                yield sentence.text
            if self.is_over:
                return
            self._changed.clear()
            await self._changed.wait()

    def is_followed(self, index: int) -> bool:
        """Returns whether a voice has asked for the sentence after that one, and so has made it to its end."""
        return len(self._taken) > index + 1

    def is_dropped(self, index: int) -> bool:
        """Returns whether the sentence that was taken as number `index` must not be spoken any more."""
        return index in self._dropped

    def begin(self, index: int) -> bool:
        """Notes that a sentence is heard from now on; returns whether what was heard before it is void."""
        self._begun = index
        return self._taken[index].follows_break

    def heard_until(self, index: int, text: str) -> str:
        """Returns the reply up to where `text`, a beginning of that sentence, ends; "" when the reply was another."""
        taken = self._taken[index]
        end = taken.sentence.start + len(text)
        return self.text[:end] if taken.version == self._version and not self._said else ""

    def _note(self, event: RouterEvent) -> None:
        match event:
            case Delta():
                self._append(event.text)
            case Reset():
                self._reset()
            case Replied():
                if event.text != self.text:
                    if not event.text.startswith(self.text):
                        self._reset()
                    self._append(event.text[len(self.text) :])
                self._settle_beginning()
                self._put(self._splitter.finish())
                self.replied = event

    def _append(self, text: str) -> None:
        self.text += text
        if not self._said:
            self._put(self._splitter.push(text))
        elif not self._said.startswith(self.text):
            self._settle_beginning()

    def _settle_beginning(self) -> None:
        """Decides how a text that began anew goes on from what was said of the one before."""
        if not self._said:
            return
        goes_on, said = self.text.startswith(self._said), self._said
        self._said = ""
        if goes_on:
            self._taken = [
                _Taken(each.sentence, self._version, each.follows_break) if each.sentence.end <= len(said) else each
                for each in self._taken
            ]
            self._splitter = SentenceSplitter(len(said))
            self._put(self._splitter.push(self.text[len(said) :]))
        else:
            self.contradicted = self._breaks = True
            self._put(self._splitter.push(self.text))

    def _reset(self) -> None:
        unheard = range(self._begun + 1, len(self._taken))
        self._breaks |= any(breaks for _, breaks in self._waiting) or any(self._taken[i].follows_break for i in unheard)
        self._waiting.clear()
        self._dropped.update(unheard)
        begun = self._taken[self._begun] if self._begun >= 0 else None
        # What was said of a version before the last one is void for good.
        if begun is not None and begun.version == self._version:
            self._said = self._said or self.text[: begun.sentence.end]
        self.text, self._splitter, self._waits_since = "", SentenceSplitter(), None
        self._version += 1

    def _put(self, sentences: list[Sentence]) -> None:
        for sentence in sentences:
            self._waiting.append((sentence, self._breaks))
            self._breaks = False
        if not self._splitter.waits:
            self._waits_since = None
        elif sentences or self._waits_since is None:
            self._waits_since = self._now()

    def _patience(self) -> float | None:
        return None if self._waits_since is None else max(0.0, self._waits_since + DRIBBLE_SECONDS - self._now())

    def _tell(self) -> None:
        self._changed.set()
        self._on_change()
