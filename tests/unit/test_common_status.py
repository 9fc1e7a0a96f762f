"""Errors of the domain as rich statuses, and back."""

from typing import TypeVar

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from libs.common.errors import (
    Conflict,
    Denied,
    ErrorKind,
    Exhausted,
    FieldViolation,
    InvalidRequest,
    PreconditionFailed,
    ReparteeError,
    Unavailable,
)
from libs.common.status import CODES, DETAILS_KEY, from_rpc_error, to_rpc_status, trailing_metadata

M = TypeVar("M", bound=Message)


def detail(status: status_pb2.Status, message: M) -> M:
    """Returns the detail of that type, which must be there."""
    assert any(each.Unpack(message) for each in status.details), type(message).__name__
    return message


def as_rpc_error(code: grpc.StatusCode, status: bytes | None) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(*([(DETAILS_KEY, status)] if status is not None else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details="secret-host:1")


def test_every_kind_has_a_code_of_its_own() -> None:
    assert set(CODES) == set(ErrorKind)
    assert len(set(CODES.values())) == len(ErrorKind)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Conflict("CONVERSATION_BUSY", "Wait."), grpc.StatusCode.ABORTED),
        (Denied("TENANT_MISMATCH", "No."), grpc.StatusCode.PERMISSION_DENIED),
        (Unavailable("STORE_UNAVAILABLE", "Down.", metadata={"store": "redis"}), grpc.StatusCode.UNAVAILABLE),
        (ReparteeError("INTERNAL", "Failed."), grpc.StatusCode.INTERNAL),
    ],
)
def test_an_error_carries_its_reason_in_our_domain(error: ReparteeError, code: grpc.StatusCode) -> None:
    status = to_rpc_status(error, request_id="r-1")
    info = detail(status, error_details_pb2.ErrorInfo())
    assert (status.code, status.message) == (code.value[0], error.message)
    assert (info.reason, info.domain, dict(info.metadata)) == (error.reason, "repartee", dict(error.metadata))
    assert detail(status, error_details_pb2.RequestInfo()).request_id == "r-1"


def test_violations_of_a_request_become_a_bad_request() -> None:
    error = InvalidRequest("REQUIRED_FIELD", "Set it.", violations=[FieldViolation("turn.conversation_id", "required")])
    bad = detail(to_rpc_status(error), error_details_pb2.BadRequest())
    assert [(each.field, each.description) for each in bad.field_violations] == [("turn.conversation_id", "required")]


def test_an_exhausted_limit_says_which_and_for_how_long() -> None:
    status = to_rpc_status(Exhausted("RATE_LIMITED", "Slow down.", retry_after_seconds=1.5))
    assert detail(status, error_details_pb2.RetryInfo()).retry_delay.ToMilliseconds() == 1500
    assert detail(status, error_details_pb2.QuotaFailure()).violations[0].subject == "RATE_LIMITED"


def test_a_precondition_is_named() -> None:
    failure = detail(
        to_rpc_status(PreconditionFailed("PORT_TAKEN", "Free it.")), error_details_pb2.PreconditionFailure()
    )
    assert (failure.violations[0].type, failure.violations[0].description) == ("PORT_TAKEN", "Free it.")


def test_what_another_service_said_comes_back_whole() -> None:
    sent = Exhausted("BUDGET_SPENT", "Tomorrow.", metadata={"budget": "day"}, retry_after_seconds=2)
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    got = from_rpc_error(as_rpc_error(code, to_rpc_status(sent).SerializeToString()))
    assert (got.code, got.kind, got.reason, got.message) == (code, ErrorKind.EXHAUSTED, "BUDGET_SPENT", "Tomorrow.")
    assert (dict(got.metadata), got.retry_after_seconds) == ({"budget": "day"}, 2)


def test_violations_come_back_too() -> None:
    violation = FieldViolation("message", "expected at most 4096 bytes")
    status = to_rpc_status(InvalidRequest("INVALID_FIELD", "Look.", violations=[violation])).SerializeToString()
    assert from_rpc_error(as_rpc_error(grpc.StatusCode.INVALID_ARGUMENT, status)).violations == (violation,)


@pytest.mark.parametrize("status", [None, b"\xff\xff"])
def test_without_a_readable_status_the_code_is_the_reason_and_the_transports_text_stays_out(
    status: bytes | None,
) -> None:
    got = from_rpc_error(as_rpc_error(grpc.StatusCode.UNAVAILABLE, status))
    assert (got.reason, got.kind) == ("UNAVAILABLE", ErrorKind.UNAVAILABLE)
    assert "secret-host" not in str(got)


def test_a_limit_says_whose_it_is_and_when_it_opens_again() -> None:
    limit = FieldViolation("user", "20 turns a minute")
    error = Exhausted("RATE_LIMITED", "Too many turns.", violations=[limit], retry_after_seconds=2.9994)
    status = to_rpc_status(error)
    quota = detail(status, error_details_pb2.QuotaFailure())
    assert [(each.subject, each.description) for each in quota.violations] == [("user", "20 turns a minute")]
    assert detail(status, error_details_pb2.RetryInfo()).retry_delay.ToMilliseconds() == 3000
    metadata = dict(trailing_metadata(error))
    assert metadata["retry-after-ms"] == "3000"
    rich = metadata[DETAILS_KEY]
    assert isinstance(rich, bytes)
    back = from_rpc_error(as_rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, rich))
    assert (back.reason, back.violations, back.retry_after_seconds) == ("RATE_LIMITED", (limit,), 3.0)


def test_a_limit_without_a_name_is_its_own_subject_and_no_violation_when_it_comes_back() -> None:
    status = to_rpc_status(Exhausted("OVERLOADED", "Busy."))
    quota = detail(status, error_details_pb2.QuotaFailure())
    assert [each.subject for each in quota.violations] == ["OVERLOADED"]
    back = from_rpc_error(as_rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, status.SerializeToString()))
    assert back.violations == ()
    assert dict(trailing_metadata(Exhausted("OVERLOADED", "Busy."))).keys() == {DETAILS_KEY}
