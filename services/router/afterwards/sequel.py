"""The value that is counted when something becomes known of a turn after its reply."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from libs.common.request_context import TenantId
from services.router.turn import Variant


class SequelKind(Enum):
    """What became known; the value is its name in counters."""

    GOOD = "good"
    BAD = "bad"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Sequel:
    """One thing about one turn, which counts for the variant that the turn was assigned to.

    `at` is in seconds since 1970: when the rating came, or when the turn was that nobody answered. `reason` is a code
    of `services.router.afterwards.rating`, empty for none; `cache_hit` says that neither system wrote the reply.
    """

    tenant: TenantId
    kind: SequelKind
    assigned: Variant
    at: float
    reason: str = ""
    cache_hit: bool = False
    agent: str = ""
    llm_tier: str = ""


class SequelRecorder(Protocol):
    """Counts sequels: it only notes, and hands over later."""

    def record_sequel(self, sequel: Sequel) -> None:
        """Counts one; never raises, never waits."""
        ...
