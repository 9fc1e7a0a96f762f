"""Conversations that were asked for something and did not go on: each is counted once, by one replica.

Kept apart from what the guard judges. An abandonment is known half an hour late, perhaps in another step of the
rollout, and a system that asks for more in one order offers more turns to leave at: that is no evidence of harm.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import TracebackType
from typing import Protocol, Self

from libs.common.errors import Unavailable
from libs.common.request_context import TenantId
from libs.common.upkeep import Upkeep
from services.router.afterwards.sequel import Sequel, SequelKind, SequelRecorder
from services.router.turn import Variant
from services.router.turn_record import TurnRecord

# While the store is away; turns beyond are not followed.
_MAX_WAITING = 20_000
_FLUSH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LastTurn:
    """The last turn of a conversation so far, at `at` seconds since 1970; `awaits` says that it asked for a slot."""

    conversation: str
    at: float
    awaits: bool
    assigned: Variant
    agent: str = ""
    llm_tier: str = ""


class LastTurns(Protocol):
    """Keeps the last turn of each conversation for which it matters. All methods raise Unavailable."""

    async def note(self, tenant: TenantId, turns: Sequence[LastTurn]) -> None:
        """Takes each for its conversation's last turn, unless a later one is known."""
        ...

    def take_silent(self, until: float) -> AsyncIterator[tuple[TenantId, LastTurn]]:
        """Takes out last turns that were made before `until` and asked for something, each for one caller only.

        Yields as many as one look may bring; the rest come with the next one.
        """
        ...


class Abandonments:
    """A `TurnRecorder` that follows conversations, and counts those that are silent for `silence_seconds`.

    Use as an async context manager: it owns the tasks that write and look. What was noted in the last second is lost
    with a process that is killed. `clock` counts seconds since 1970.
    """

    def __init__(
        self,
        store: LastTurns,
        *,
        silence_seconds: float,
        recorders: Sequence[SequelRecorder],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._silence_seconds = silence_seconds
        self._recorders = recorders
        self._clock = clock
        self._noted: dict[tuple[TenantId, str], LastTurn] = {}
        self._upkeep = Upkeep(after_failure_seconds=_FLUSH_SECONDS)

    async def __aenter__(self) -> Self:
        self._upkeep.start(self.flush, name="following conversations", every_seconds=_FLUSH_SECONDS)
        look_seconds = min(10.0, self._silence_seconds / 2)
        self._upkeep.start(self.look, name="counting abandoned conversations", every_seconds=look_seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._upkeep.stop()
        with contextlib.suppress(Unavailable):
            await self.flush()

    def record(self, turn: TurnRecord) -> None:
        """Notes a turn that asked for something, or answered what was asked; others change nothing."""
        if turn.awaits is None:
            return
        key = (turn.tenant, _digest(turn))
        if key not in self._noted and len(self._noted) >= _MAX_WAITING:
            return
        self._noted[key] = LastTurn(key[1], turn.at, turn.awaits, turn.assigned, turn.agent, turn.llm_tier)

    async def flush(self) -> None:
        """Hands over what was noted; raises Unavailable, and keeps what the store has not taken."""
        tenants: dict[TenantId, list[LastTurn]] = {}
        for (tenant, _), turn in self._noted.items():
            tenants.setdefault(tenant, []).append(turn)
        for tenant, turns in tenants.items():
            await self._store.note(tenant, turns)
            for turn in turns:
                # A later one may have come meanwhile.
                if self._noted.get((tenant, turn.conversation)) is turn:
                    del self._noted[tenant, turn.conversation]

    async def look(self) -> None:
        """Counts conversations that have been silent for too long; raises Unavailable."""
        async for tenant, turn in self._store.take_silent(self._clock() - self._silence_seconds):
            sequel = Sequel(
                tenant, SequelKind.ABANDONED, turn.assigned, turn.at, agent=turn.agent, llm_tier=turn.llm_tier
            )
            for recorder in self._recorders:
                recorder.record_sequel(sequel)


def _digest(turn: TurnRecord) -> str:
    """Names the conversation without telling its id."""
    return blake2b(f"{turn.tenant}|{turn.conversation_id}".encode(), digest_size=12).hexdigest()
