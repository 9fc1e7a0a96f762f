"""The one table between errors of the domain and gRPC statuses, read in both directions."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from libs.common.errors import ErrorKind, FieldViolation, ReparteeError

_M = TypeVar("_M", bound=Message)

DOMAIN = "repartee"

# Trailing metadata of every failed call: a serialized google.rpc.Status.
DETAILS_KEY = "grpc-status-details-bin"
# Beside it where waiting helps, for clients that read no details: whole milliseconds.
RETRY_AFTER_KEY = "retry-after-ms"

CODES: Mapping[ErrorKind, grpc.StatusCode] = MappingProxyType(
    {
        ErrorKind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
        ErrorKind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
        ErrorKind.DENIED: grpc.StatusCode.PERMISSION_DENIED,
        ErrorKind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        ErrorKind.CONFLICT: grpc.StatusCode.ABORTED,
        ErrorKind.PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
        ErrorKind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorKind.DEADLINE: grpc.StatusCode.DEADLINE_EXCEEDED,
        ErrorKind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
        ErrorKind.NOT_BUILT: grpc.StatusCode.UNIMPLEMENTED,
        ErrorKind.INTERNAL: grpc.StatusCode.INTERNAL,
    }
)

_KINDS: Mapping[grpc.StatusCode, ErrorKind] = MappingProxyType({code: kind for kind, code in CODES.items()})


class RemoteError(ReparteeError):
    """What another service answered instead of a response.

    `code` is its gRPC code; `reason` the reason of its ErrorInfo, or the code's name where it sent none.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(
            reason, message, violations=violations, metadata=metadata, retry_after_seconds=retry_after_seconds
        )
        self.code = code
        self.kind = _KINDS.get(code, ErrorKind.INTERNAL)


def code_of(error: ReparteeError) -> grpc.StatusCode:
    """Returns the gRPC code that `error` is answered with."""
    return CODES[error.kind]


def to_rpc_status(error: ReparteeError, *, request_id: str = "") -> status_pb2.Status:
    """Returns the rich status of `error`: always an ErrorInfo, and the details that belong to its kind."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=dict(error.metadata))
    ]
    if error.kind is ErrorKind.EXHAUSTED:
        details.append(_quota_failure(error))
    elif error.kind is ErrorKind.PRECONDITION:
        details.append(_precondition_failure(error))
    elif error.violations:
        details.append(_bad_request(error.violations))
    if error.retry_after_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(_milliseconds(error.retry_after_seconds))
        details.append(retry)
    if request_id:
        details.append(error_details_pb2.RequestInfo(request_id=request_id))
    status = status_pb2.Status(code=_number(code_of(error)), message=error.message)
    for detail in details:
        status.details.add().Pack(detail)
    return status


def trailing_metadata(error: ReparteeError, *, request_id: str = "") -> tuple[tuple[str, str | bytes], ...]:
    """Returns the trailing metadata of a call that ends with `error`: its rich status, and when to try again."""
    details = (DETAILS_KEY, to_rpc_status(error, request_id=request_id).SerializeToString())
    if error.retry_after_seconds is None:
        return (details,)
    return details, (RETRY_AFTER_KEY, str(_milliseconds(error.retry_after_seconds)))


def from_rpc_error(error: grpc.aio.AioRpcError) -> RemoteError:
    """Returns what the other side said as a RemoteError.

    Without a rich status, as when nobody answered, the message is fixed: a transport's own text may hold addresses.
    """
    code = error.code()
    status = _rich_status(error)
    if status is None:
        return RemoteError(code, code.name, f"The called service answered {code.name} without details.")
    reason, metadata, violations, retry_after = code.name, dict[str, str](), list[FieldViolation](), None
    for detail in status.details:
        if (info := _unpack(detail, error_details_pb2.ErrorInfo())) is not None:
            reason, metadata = info.reason, dict(info.metadata)
        elif (bad := _unpack(detail, error_details_pb2.BadRequest())) is not None:
            violations += [FieldViolation(each.field, each.description) for each in bad.field_violations]
        elif (failure := _unpack(detail, error_details_pb2.PreconditionFailure())) is not None:
            violations += [FieldViolation(each.subject, each.description) for each in failure.violations]
        elif (quota := _unpack(detail, error_details_pb2.QuotaFailure())) is not None:
            named = [each for each in quota.violations if each.subject != reason]
            violations += [FieldViolation(each.subject, each.description) for each in named]
        elif (retry := _unpack(detail, error_details_pb2.RetryInfo())) is not None:
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
    return RemoteError(
        code, reason, status.message, violations=violations, metadata=metadata, retry_after_seconds=retry_after
    )


def _rich_status(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    trailing = error.trailing_metadata()
    for key, value in trailing or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def _unpack(detail: AnyMessage, message: _M) -> _M | None:
    return message if detail.Unpack(message) else None


def _bad_request(violations: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=each.field, description=each.description)
            for each in violations
        ]
    )


def _quota_failure(error: ReparteeError) -> error_details_pb2.QuotaFailure:
    """Returns whose limits are reached: those that the error names, else the error's own reason."""
    whose = error.violations or (FieldViolation(error.reason, error.message),)
    return error_details_pb2.QuotaFailure(
        violations=[
            error_details_pb2.QuotaFailure.Violation(subject=each.field, description=each.description) for each in whose
        ]
    )


def _precondition_failure(error: ReparteeError) -> error_details_pb2.PreconditionFailure:
    places = error.violations or (FieldViolation("", error.message),)
    return error_details_pb2.PreconditionFailure(
        violations=[
            error_details_pb2.PreconditionFailure.Violation(
                type=error.reason, subject=each.field, description=each.description
            )
            for each in places
        ]
    )


def _milliseconds(seconds: float) -> int:
    # Rounded up, because a retry that comes too early is only refused again; microseconds are the clocks' noise.
    return math.ceil(round(seconds * 1000, 3))


def _number(code: grpc.StatusCode) -> int:
    return code.value[0]
