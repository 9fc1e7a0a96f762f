"""Engines, a cache and a store of conversations that do as they are told: answer, fail, hang, or be slow."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from libs.common.errors import Unavailable
from libs.common.request_context import current
from services.router.adapters.memory_conversations import MemoryConversations
from services.router.answers import CachedAnswer, Lookup, NewAnswer
from services.router.conversations import AppendOutcome, Commit, CommitOutcome, ConversationRef, Snapshot
from services.router.ladder import EngineAnswer, EngineQuestion
from services.router.shown import Sink
from services.router.turn import CacheOutcome, SlotValue, Stored


@dataclass(slots=True)
class Trouble:
    """What a fake does before its work: `ok`, `error`, or `hang` until it is cancelled."""

    mode: str = "ok"

    async def befall(self) -> None:
        """Does it."""
        if self.mode == "error":
            raise Unavailable("DOWN", "Switched off by the test.")
        if self.mode == "hang":
            await asyncio.Event().wait()


def echo(question: EngineQuestion) -> EngineAnswer:
    """Answers with the question, and counts the turn in the state."""
    count = question.state.event_count + 1
    slots = {**question.state.slots, f"turn{count}": SlotValue(question.text, question.turn_id)}
    return EngineAnswer(text=f"reply to {question.text}", state=replace(question.state, event_count=count, slots=slots))


@dataclass(slots=True)
class FakeEngine:
    """An `Engine`. `script` entries are used before `answering`: an answer, or an exception to raise.

    With a sink it first shows `pieces`: a text, or None for a reset.
    """

    answering: Callable[[EngineQuestion], EngineAnswer] = echo
    trouble: Trouble = field(default_factory=Trouble)
    script: deque[EngineAnswer | Exception] = field(default_factory=deque[EngineAnswer | Exception])
    pieces: tuple[str | None, ...] = ()
    questions: list[EngineQuestion] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    # When set, every answer waits for it.
    gate: asyncio.Event | None = None
    # Set once it is asked.
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(
        self, question: EngineQuestion, *, timeout_seconds: float, sink: Sink | None = None
    ) -> EngineAnswer:
        self.questions.append(question)
        self.timeouts.append(timeout_seconds)
        for piece in self.pieces if sink is not None else ():
            if piece is None:
                sink.reset("LLM_STALLED")
            else:
                sink.delta(piece)
        self.asked.set()
        await self.trouble.befall()
        if self.gate is not None:
            await self.gate.wait()
        # Lets other turns in between, as a real call would.
        await asyncio.sleep(0)
        if self.script:
            next_one = self.script.popleft()
            if isinstance(next_one, Exception):
                raise next_one
            return next_one
        return self.answering(question)


@dataclass(slots=True)
class FakeAnswers:
    """A semantic cache that knows exact questions only."""

    trouble: Trouble = field(default_factory=Trouble)
    answers: dict[str, str] = field(default_factory=dict)
    stored: list[NewAnswer] = field(default_factory=list)
    # What each store call had left of its deadline.
    budgets: list[float] = field(default_factory=list)
    lookups: int = 0
    waits: list[float] = field(default_factory=list)
    # What the next lookups come to; then the answers decide.
    misses: deque[Lookup] = field(default_factory=deque)
    lease: str = ""
    rechecks: bool = False
    abandoned: list[str] = field(default_factory=list)
    reported: list[tuple[str, str, str]] = field(default_factory=list)

    async def lookup(
        self, question: str, *, agent: str, locale: str, timeout_seconds: float, wait_seconds: float = 0.0
    ) -> Lookup:
        self.lookups += 1
        self.waits.append(wait_seconds)
        try:
            await self.trouble.befall()
        except Unavailable:
            return Lookup(miss_reason="CACHE_UNAVAILABLE")
        await asyncio.sleep(0)
        text = self.answers.get(question)
        if self.misses:
            return self.misses.popleft()
        if text is None:
            return Lookup(miss_reason="NO_CANDIDATE", lease=self.lease)
        return Lookup(CachedAnswer(text, CacheOutcome(True, "exact", 1.0, "entry-1", 3), "vente", (), self.rechecks))

    async def store(self, answer: NewAnswer) -> None:
        self.budgets.append(current().budget.remaining())
        await self.trouble.befall()
        self.stored.append(answer)

    async def abandon(self, question: str, *, agent: str, locale: str, lease: str) -> None:
        await self.trouble.befall()
        self.abandoned.append(lease)

    async def report(self, entry_id: str, *, question: str, text: str, locale: str) -> None:
        await self.trouble.befall()
        self.reported.append((entry_id, question, text))


class FragileConversations(MemoryConversations):
    """A durable store that can go away; `lose_next_ack` applies one commit and then seems to have failed."""

    stored = Stored.DURABLE

    def __init__(self) -> None:
        super().__init__()
        self.trouble = Trouble()
        self.lose_next_ack = False
        self.loads = 0
        # After so many commits more, it is away.
        self.away_after: int | None = None
        # Conversations that fail with an error that nobody foresaw.
        self.broken: set[str] = set()

    async def load(self, ref: ConversationRef, turn_id: str) -> Snapshot:
        self.loads += 1
        await self.trouble.befall()
        if ref.conversation_id in self.broken:
            raise KeyError(ref.conversation_id)
        await asyncio.sleep(0)
        return await super().load(ref, turn_id)

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        await self.trouble.befall()
        await asyncio.sleep(0)
        if self.away_after is not None:
            if not self.away_after:
                self.trouble = Trouble("error")
                await self.trouble.befall()
            self.away_after -= 1
        outcome = await super().commit(ref, commit)
        if self.lose_next_ack:
            self.lose_next_ack = False
            raise Unavailable("STORE_UNAVAILABLE", "The answer was lost.")
        return outcome

    async def append(self, ref: ConversationRef, commit: Commit) -> AppendOutcome:
        await self.trouble.befall()
        await asyncio.sleep(0)
        return await super().append(ref, commit)

    async def is_back(self) -> bool:
        return self.trouble.mode == "ok"
