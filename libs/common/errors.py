"""Named errors of the domain: what use cases raise, before anything knows of gRPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class ErrorKind(Enum):
    """What sort of failure an error is; `libs.common.status` maps each kind to one gRPC code."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    EXHAUSTED = "exhausted"
    DEADLINE = "deadline"
    UNAVAILABLE = "unavailable"
    NOT_BUILT = "not_built"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong: its path in the request or document, and what was expected."""

    field: str
    description: str


class ReparteeError(Exception):
    """A failure with a stable name.

    `reason` is UPPER_SNAKE and part of the API; `message` is one or two sentences for the caller, says what to do, and
    never holds what a customer wrote nor a secret. `retry_after_seconds` is set where waiting helps.
    """

    kind: ErrorKind = ErrorKind.INTERNAL

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata or {}))
        self.retry_after_seconds = retry_after_seconds


class InvalidRequest(ReparteeError):
    """The request, or a document in it, is malformed. `violations` name every place."""

    kind = ErrorKind.INVALID


class Unauthenticated(ReparteeError):
    """No credential, or one that nobody issued."""

    kind = ErrorKind.UNAUTHENTICATED


class Denied(ReparteeError):
    """The credential is good, but not for this."""

    kind = ErrorKind.DENIED


class NotFound(ReparteeError):
    """Nothing of that name is there for this tenant."""

    kind = ErrorKind.NOT_FOUND


class Conflict(ReparteeError):
    """Somebody else changed it first; read again and retry."""

    kind = ErrorKind.CONFLICT


class PreconditionFailed(ReparteeError):
    """The system is not in the state that this needs."""

    kind = ErrorKind.PRECONDITION


class Exhausted(ReparteeError):
    """A limit is reached; `retry_after_seconds` says when it is worth trying again."""

    kind = ErrorKind.EXHAUSTED


def overloaded() -> Exhausted:
    """Returns the refusal of a call for which there is no room."""
    return Exhausted(
        "OVERLOADED", "This replica serves as many calls as it can; try again shortly.", retry_after_seconds=0.2
    )


class DeadlineExceeded(ReparteeError):
    """The time for this is over."""

    kind = ErrorKind.DEADLINE


class Unavailable(ReparteeError):
    """Something this needs does not answer now."""

    kind = ErrorKind.UNAVAILABLE


class NotBuilt(ReparteeError):
    """This version does not serve this call yet."""

    kind = ErrorKind.NOT_BUILT
