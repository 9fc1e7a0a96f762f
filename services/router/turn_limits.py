"""How many turns are taken, per customer and per tenant: counted for all replicas, or here while that fails."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from libs.common.errors import Exhausted, FieldViolation, Unavailable
from libs.common.request_context import Principal
from libs.common.tenants.bundle import Limits

_log = logging.getLogger(__name__)

# While the store is away it is asked this often, and turns do not wait for it.
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class OverLimit:
    """Whose limit is reached, `user` or `tenant`, and the seconds until a turn passes again."""

    subject: str
    retry_after_seconds: float


class TurnBuckets(Protocol):
    """What limits count in."""

    async def take(self, principal: Principal, user_id: str, limits: Limits) -> OverLimit | None:
        """Counts one turn for both, or for neither and returns the limit with the longer wait.

        An empty `user_id` is counted for the tenant alone. Raises Unavailable (STORE_UNAVAILABLE).
        """
        ...


class TurnLimits:
    """Refuses turns above a tenant's limits.

    While `shared` does not answer, `local` decides: every replica then allows what all of them do together otherwise,
    and nobody is refused because a store is away. `refused` is told whose limit a turn was above; `now` is monotonic.
    """

    def __init__(
        self,
        shared: TurnBuckets | None,
        local: TurnBuckets,
        *,
        refused: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._local = local
        self._refused = refused
        self._now = now
        self._away_until = 0.0
        self.is_down = False

    async def admit(self, principal: Principal, user_id: str, limits: Limits) -> None:
        """Counts one turn; raises Exhausted (RATE_LIMITED) with the time to wait, and consumes nothing then.

        Each call counts, also one that repeats a turn: the caller returns a kept reply to a refused repetition.
        """
        over = await self._take(principal, user_id, limits)
        if over is not None:
            self._refused(over.subject)
            raise rate_limited(over, limits)

    async def _take(self, principal: Principal, user_id: str, limits: Limits) -> OverLimit | None:
        if self._shared is not None and self._now() >= self._away_until:
            try:
                over = await self._shared.take(principal, user_id, limits)
            except Unavailable:
                self._away_until = self._now() + RETRY_SECONDS
                if not self.is_down:
                    _log.warning("the store of limits does not answer: this process counts alone")
                self.is_down = True
            else:
                self.is_down = False
                return over
        return await self._local.take(principal, user_id, limits)


def rate_limited(over: OverLimit, limits: Limits) -> Exhausted:
    """Returns the refusal, its violation naming whose limit it is."""
    count = limits.user_per_minute if over.subject == "user" else limits.tenant_per_minute
    whose = "this customer" if over.subject == "user" else "the tenant"
    return Exhausted(
        "RATE_LIMITED",
        f"Too many turns of {whose} in a minute. Try again after the time given.",
        violations=[FieldViolation(over.subject, f"at most {count} turns a minute")],
        retry_after_seconds=over.retry_after_seconds,
    )
