"""Counts turns as they end, and hands the counts to the store every second, away from the path of a reply."""

import datetime
import logging
import secrets
from types import TracebackType
from typing import Self

from libs.common.errors import Unavailable
from libs.common.request_context import TenantId
from libs.common.spending.ledger import utc_day
from libs.common.upkeep import Upkeep
from services.router.afterwards.sequel import Sequel
from services.router.turn_record import TurnRecord
from services.router.usage.counts import Batch, Counts, Place, UsageStore

_log = logging.getLogger(__name__)

# While the store is away; beyond, turns still count and their conversations do not.
_MAX_CONVERSATIONS = 20_000

_Day = tuple[TenantId, datetime.date]


class UsageRecorder:
    """Use as an async context manager: it owns the task that writes, and writes a last time when it ends.

    A batch that the store did not confirm is sent again as it was; turns since then wait for the next one. Counts of
    the last second are lost with a process that is killed.
    """

    def __init__(self, store: UsageStore, *, flush_seconds: float = 1.0) -> None:
        self._store = store
        self._flush_seconds = flush_seconds
        self._counts: dict[_Day, dict[Place, Counts]] = {}
        self._conversations: dict[_Day, dict[Place, set[str]]] = {}
        self._conversation_count = 0
        self._sending: list[Batch] = []
        self._is_down = False
        self._upkeep = Upkeep(after_failure_seconds=flush_seconds)

    async def __aenter__(self) -> Self:
        self._upkeep.start(self.flush, name="writing usage", every_seconds=self._flush_seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._upkeep.stop()
        await self.flush()

    def record(self, turn: TurnRecord) -> None:
        """Counts one turn on the UTC day on which it ended."""
        day = utc_day(turn.at)
        place = Place(day, turn.assigned.value, turn.agent, turn.llm_tier)
        key = (turn.tenant, day)
        self._counts.setdefault(key, {}).setdefault(place, Counts()).add(turn)
        seen = self._conversations.setdefault(key, {}).setdefault(place, set())
        if turn.conversation_id not in seen and self._conversation_count < _MAX_CONVERSATIONS:
            seen.add(turn.conversation_id)
            self._conversation_count += 1

    def record_sequel(self, sequel: Sequel) -> None:
        """Counts what became known of a turn, on the UTC day of the rating or of the turn that nobody answered."""
        day = utc_day(sequel.at)
        place = Place(day, sequel.assigned.value, sequel.agent, sequel.llm_tier)
        self._counts.setdefault((sequel.tenant, day), {}).setdefault(place, Counts()).add_sequel(sequel)

    async def flush(self) -> None:
        """Writes what is counted; keeps it when the store fails."""
        # First what is under way: a batch keeps its id until it is confirmed.
        if await self._send():
            self._sending = [
                Batch(
                    secrets.token_urlsafe(12),
                    tenant,
                    day,
                    counts,
                    {place: frozenset(seen) for place, seen in self._conversations.get((tenant, day), {}).items()},
                )
                for (tenant, day), counts in self._counts.items()
            ]
            self._counts, self._conversations, self._conversation_count = {}, {}, 0
            await self._send()

    async def _send(self) -> bool:
        while self._sending:
            try:
                await self._store.add(self._sending[0])
            except Unavailable as error:
                if not self._is_down:
                    _log.warning("counts of usage wait for the store (%s)", error.reason)
                self._is_down = True
                return False
            del self._sending[0]
        self._is_down = False
        return True
