"""Counts of shadowed turns in this process's memory, for a stack without a store, and for tests."""

from collections import deque
from dataclasses import dataclass, field

from libs.common.request_context import Principal, TenantId
from services.router.shadow.pairs import (
    MAX_DIFFERING_TURNS,
    NOTHING,
    ShadowPair,
    ShadowReport,
    Sums,
    tenant_of,
    turn_name,
)


@dataclass(slots=True)
class _Counted:
    pairs: int = 0
    same_state: int = 0
    same_ask: int = 0
    failed: int = 0
    served: Sums = NOTHING
    shadow: Sums = NOTHING
    turns: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MAX_DIFFERING_TURNS))

    def count(self, pair: ShadowPair) -> None:
        if pair.failed:
            self.failed += 1
            return
        self.pairs += 1
        self.same_state += pair.same_state
        self.same_ask += pair.same_ask
        self.served += pair.served
        self.shadow += pair.shadow

    def report(self) -> ShadowReport:
        names = tuple(turn_name(*each) for each in self.turns)
        return ShadowReport(self.pairs, self.same_state, self.same_ask, self.failed, self.served, self.shadow, names)


class MemoryShadowCounts:
    """Counts pairs until the process ends."""

    def __init__(self) -> None:
        self._all = _Counted()
        self._tenants: dict[TenantId, _Counted] = {}

    async def add(self, pair: ShadowPair) -> None:
        """Counts a pair."""
        own = self._tenants.setdefault(tenant_of(pair), _Counted())
        for counted in (self._all, own):
            counted.count(pair)
        if not pair.failed and not pair.same_state:
            own.turns.appendleft((pair.conversation_id, pair.turn_id))

    async def report(self, principal: Principal | None) -> ShadowReport:
        """Returns the sums."""
        if principal is None:
            return self._all.report()
        return self._tenants.get(principal.require_tenant(), _Counted()).report()

    async def forget(self, principal: Principal, conversation_id: str) -> None:
        """Removes a conversation's turns."""
        own = self._tenants.get(principal.require_tenant(), _Counted())
        own.turns = deque((each for each in own.turns if each[0] != conversation_id), maxlen=MAX_DIFFERING_TURNS)
