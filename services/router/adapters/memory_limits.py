"""Limits counted in this process's memory."""

import time
from collections import OrderedDict
from collections.abc import Callable

from libs.common.request_context import Principal
from libs.common.tenants.bundle import Limits
from services.router.gcra import Refused, take
from services.router.turn_limits import OverLimit

_Key = tuple[str, str]


class MemoryLimits:
    """Remembers the `max_callers` that came last; who is forgotten begins anew. `clock` counts seconds."""

    def __init__(self, *, max_callers: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_callers = max_callers
        self._clock = clock
        self._arrivals: OrderedDict[_Key, int] = OrderedDict()

    async def take(self, principal: Principal, user_id: str, limits: Limits) -> OverLimit | None:
        """Counts one turn for both, or for neither."""
        now_us = int(self._clock() * 1_000_000)
        tenant = principal.require_tenant()
        asked: list[tuple[str, _Key, int]] = [("tenant", (tenant, ""), limits.tenant_per_minute)]
        if user_id:
            asked.append(("user", (tenant, user_id), limits.user_per_minute))
        passed: dict[_Key, int] = {}
        over: OverLimit | None = None
        for subject, key, per_minute in asked:
            outcome = take(self._arrivals.get(key, 0), per_minute=per_minute, now_us=now_us)
            if not isinstance(outcome, Refused):
                passed[key] = outcome.arrival_us
            elif over is None or outcome.wait_us / 1_000_000 > over.retry_after_seconds:
                over = OverLimit(subject, outcome.wait_us / 1_000_000)
        if over is None:
            self._keep(passed)
        return over

    def _keep(self, arrivals: dict[_Key, int]) -> None:
        for key, arrival_us in arrivals.items():
            self._arrivals[key] = arrival_us
            self._arrivals.move_to_end(key)
        while len(self._arrivals) > self._max_callers:
            self._arrivals.popitem(last=False)
