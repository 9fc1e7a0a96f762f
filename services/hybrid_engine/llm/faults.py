"""What may go wrong with one try of one tier, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from libs.common.errors import Unavailable


class Fault(Enum):
    """Why a try did not serve; the value is the reason that callers see."""

    RATE_LIMITED = "LLM_RATE_LIMITED"
    SERVER_ERROR = "LLM_SERVER_ERROR"
    UNREACHABLE = "LLM_UNREACHABLE"
    TIMEOUT = "LLM_TIMEOUT"
    STALLED = "LLM_STALLED"
    CUT = "LLM_CUT"
    ENDED_EARLY = "LLM_ENDED_EARLY"
    MALFORMED = "LLM_MALFORMED"
    EMPTY = "LLM_EMPTY"
    TOO_LARGE = "LLM_TOO_LARGE"
    TRUNCATED = "LLM_TRUNCATED"
    CONTEXT_LENGTH = "LLM_CONTEXT_LENGTH"
    CONTENT_FILTERED = "LLM_CONTENT_FILTERED"
    REFUSED = "LLM_REFUSED"
    MODEL_GONE = "LLM_MODEL_GONE"
    BAD_REQUEST = "LLM_BAD_REQUEST"
    BUSY = "LLM_BUSY"
    NO_TIME = "LLM_NO_TIME"


@dataclass(frozen=True, slots=True)
class Handling:
    """What follows from a fault.

    `retries`: how often the same tier is asked again. `goes_on`: whether the next tier is asked. `counts`: whether the
    breaker takes it for the tier's own fault. `word` stands in the log. `finish` is the finish reason of a reply that
    had begun and is closed because of it.
    """

    word: str
    retries: int = 0
    goes_on: bool = True
    counts: bool = True
    finish: str = "stall"


HANDLING: Mapping[Fault, Handling] = {
    # A delay that the tier asked for, and that fits, is waited once; else the tier rests for as long as it said.
    Fault.RATE_LIMITED: Handling("rate limit", retries=1),
    Fault.SERVER_ERROR: Handling("server error", retries=1),
    Fault.UNREACHABLE: Handling("unreachable", retries=1),
    # Who was silent once is silent twice; the time is better spent on the next.
    Fault.TIMEOUT: Handling("timeout"),
    Fault.STALLED: Handling("stalled"),
    Fault.CUT: Handling("connection lost"),
    Fault.ENDED_EARLY: Handling("ended early"),
    Fault.MALFORMED: Handling("malformed answer"),
    Fault.EMPTY: Handling("empty answer"),
    Fault.TOO_LARGE: Handling("would not stop", finish="length"),
    # What follows lies with the request or with this process, not with the tier.
    Fault.TRUNCATED: Handling("answer too long", counts=False, finish="length"),
    Fault.CONTEXT_LENGTH: Handling("prompt too long", counts=False),
    Fault.CONTENT_FILTERED: Handling("content filter", goes_on=False, counts=False, finish="content_filter"),
    Fault.REFUSED: Handling("credentials refused", counts=False),
    Fault.MODEL_GONE: Handling("no such model", counts=False),
    Fault.BAD_REQUEST: Handling("request refused", counts=False),
    Fault.BUSY: Handling("too many requests in flight", counts=False),
    Fault.NO_TIME: Handling("no time left", counts=False),
}
"""The fault table. A test holds every row."""


class TierFailure(Unavailable):
    """One try of one tier failed. `retry_after_seconds` is what the tier asked for, if it did."""

    def __init__(self, fault: Fault, tier: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(
            fault.value, f"The tier {tier!r} failed: {HANDLING[fault].word}.", retry_after_seconds=retry_after_seconds
        )
        self.fault = fault
