"""What is known of a turn once its reply is made: the one value that metrics, usage and the guard count."""

from dataclasses import dataclass
from typing import Protocol

from libs.common.request_context import TenantId
from services.router.turn import NO_USAGE, Rung, Usage, Variant


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn. It counts for the variant it was assigned to, whichever served it; it holds nothing that was said.

    `seconds` go to the last byte of the reply; `failed` is true for a turn that ended in an error, in the other
    engine's answer or in the emergency text. `at` is in seconds since 1970.
    """

    tenant: TenantId
    conversation_id: str
    turn_id: str
    assigned: Variant
    rung: Rung
    seconds: float
    at: float
    failed: bool = False
    cache_hit: bool = False
    # Soft events.
    template: bool = False
    escalated: bool = False
    asked_again: bool = False
    agent: str = ""
    confidence: float = 0.0
    llm_tier: str = ""
    usage: Usage = NO_USAGE
    # Whether the reply asked for a slot; None when neither it nor the turn's beginning had to do with one.
    awaits: bool | None = None
    # Hybrid's share, 0 to 1, by which the variant was dealt; None when chance had no part.
    share: float | None = None


class TurnRecorder(Protocol):
    """Counts turns. Called on the path of a reply: it only notes, and hands over later."""

    def record(self, turn: TurnRecord) -> None:
        """Counts one turn; never raises, never waits."""
        ...
