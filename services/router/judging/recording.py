"""Turns noted in memory on the path of a reply, and counted for all replicas a moment later."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from libs.common.errors import Unavailable
from libs.common.request_context import TenantId
from services.router.afterwards.sequel import Sequel
from services.router.judging.noted import Noted, NotedSequel, fold, marks_of
from services.router.judging.slow_turns import SlowTurns
from services.router.judging.standing import Standing
from services.router.judging.store import EVERYBODY, Mark, MetricsStore, Stamp
from services.router.turn_record import TurnRecord

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Part:
    """One tenant's turns of a batch. What was decided once stays, so that a second try sends the same."""

    tenant: TenantId
    turns: list[Noted] = field(default_factory=list[Noted])
    sequels: list[NotedSequel] = field(default_factory=list[NotedSequel])
    marks: Sequence[Sequence[Mark]] | None = None
    firsts: Sequence[Sequence[str]] | None = None
    is_added: bool = False

    @property
    def judged(self) -> list[tuple[Noted, Sequence[str]]]:
        """The turns, each with what it was the first of; only once that is known."""
        return list(zip(self.turns, self.firsts or (), strict=True))


@dataclass(slots=True)
class _Batch:
    number: int
    parts: dict[TenantId, _Part] = field(default_factory=dict[TenantId, _Part])


class MetricsRecorder:
    """Counts turns by the system they were assigned to: a rescue is the assigned system's failure, never the rescuer's.

    Only turns that ended for us are recorded: one that the customer gave up, or whose caller left too little time for
    any engine, is nobody's error and must not be handed in.

    While the store is away, up to `max_waiting` turns wait in memory; further ones are counted in `dropped`. A batch
    that may have arrived is sent again under the same stamp, and counts once. What waits is lost with the process.
    """

    def __init__(
        self,
        store: MetricsStore,
        *,
        recorder_id: str,
        standing: Callable[[str], Standing],
        share: Callable[[TurnRecord], float | None],
        slow_turns: SlowTurns,
        max_waiting: int = 50_000,
        batch_turns: int = 250,
    ) -> None:
        """`recorder_id` is unique to this process's life. `standing` gives the state in force for a tenant or, for "",
        for all. `share` gives the part of traffic, 0 to 1, by which hybrid or classic was dealt to a turn, and None for
        a turn that got its variant otherwise (pinned since an earlier share, listed, forced): those are counted, but
        prove nothing.
        """
        self._store = store
        self._recorder_id = recorder_id
        self._standing = standing
        self._share = share
        self._slow_turns = slow_turns
        self._max_waiting = max_waiting
        self._batch_turns = batch_turns
        self._waiting: deque[Noted | NotedSequel] = deque()
        self._batch: _Batch | None = None
        self._batches = 0
        self._touched: set[TenantId] = set()
        self._flushing = asyncio.Lock()
        self._is_away = False
        # Turns that found the waiting room full.
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Turns that are not counted yet."""
        begun = sum(len(part.turns) + len(part.sequels) for part in self._batch.parts.values()) if self._batch else 0
        return len(self._waiting) + begun

    def record(self, turn: TurnRecord) -> None:
        """Notes a turn."""
        if len(self._waiting) >= self._max_waiting:
            self.dropped += 1
            return
        standing = self._standing
        self._waiting.append(Noted(turn, self._share(turn), standing(turn.tenant).step_at, standing(EVERYBODY).step_at))

    def record_sequel(self, sequel: Sequel) -> None:
        """Notes what became known of a turn later; it proves nothing, and the guard does not look at it."""
        if len(self._waiting) >= self._max_waiting:
            self.dropped += 1
            return
        standing = self._standing
        self._waiting.append(NotedSequel(sequel, standing(sequel.tenant).step_at, standing(EVERYBODY).step_at))

    def take_touched(self) -> frozenset[TenantId]:
        """Returns the tenants that had turns counted since this was last asked."""
        touched, self._touched = self._touched, set()
        return frozenset(touched)

    async def flush(self) -> bool:
        """Counts what waits; returns False, without raising, when the store is away and something still waits."""
        async with self._flushing:
            try:
                while self._batch is not None or self._waiting:
                    self._batch = batch = self._batch or self._next_batch()
                    await self._send(batch)
                    self._batch = None
            except Unavailable as error:
                if not self._is_away:
                    _log.warning("metrics wait in memory: %s", error.reason)
                self._is_away = True
                return False
        if self._is_away:
            _log.info("metrics are kept again; %d turns were dropped since this process began", self.dropped)
        self._is_away = False
        return True

    def _next_batch(self) -> _Batch:
        self._batches += 1
        batch = _Batch(self._batches)
        for _ in range(min(len(self._waiting), self._batch_turns)):
            noted = self._waiting.popleft()
            if isinstance(noted, Noted):
                batch.parts.setdefault(noted.turn.tenant, _Part(noted.turn.tenant)).turns.append(noted)
            else:
                batch.parts.setdefault(noted.sequel.tenant, _Part(noted.sequel.tenant)).sequels.append(noted)
        return batch

    async def _send(self, batch: _Batch) -> None:
        stamp = Stamp(self._recorder_id, batch.number)
        for part in batch.parts.values():
            await self._send_part(part, stamp)
        # After the tenants: whoever sees evidence here finds it there too.
        everything = [pair for part in batch.parts.values() for pair in part.judged]
        sequels = [noted for part in batch.parts.values() for noted in part.sequels]
        await self._store.add(EVERYBODY, stamp, fold(everything, sequels, scope=EVERYBODY))

    async def _send_part(self, part: _Part, stamp: Stamp) -> None:
        if part.is_added:
            return
        if part.marks is None:
            slow_seconds = await self._slow_turns.limit(part.tenant)
            part.marks = [marks_of(noted, slow_seconds=slow_seconds) for noted in part.turns]
        if part.firsts is None:
            flat = [mark for marks in part.marks for mark in marks]
            answers = iter(await self._store.claim(part.tenant, stamp, flat) if flat else ())
            part.firsts = [[mark.kind for mark in marks if next(answers)] for marks in part.marks]
        await self._store.add(part.tenant, stamp, fold(part.judged, part.sequels, scope=part.tenant))
        part.is_added = True
        self._touched.add(part.tenant)
