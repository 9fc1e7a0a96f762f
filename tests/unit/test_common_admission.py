"""Deadlines, ids and tenants at the door."""

import pytest

from libs.common.errors import DeadlineExceeded, Denied, InvalidRequest
from libs.common.interceptors import admission
from libs.common.interceptors.tracing import parse_traceparent
from libs.common.request_context import Principal, TenantId
from repartee.v1 import cache_pb2, common_pb2, engine_pb2, router_pb2

CLIENT = Principal("c", TenantId("acme"))
OPERATOR = Principal("o", None, is_operator=True)


def deadline(remaining: float | None) -> float:
    return admission.deadline_of(remaining, default_seconds=8, max_seconds=60)


@pytest.mark.parametrize(
    ("remaining", "seconds"), [(None, 8), (9e9, 8), (3.0, 3), (0.005, 0.005), (90, 60), (3600, 60)]
)
def test_a_deadline_is_the_callers_within_bounds(remaining: float | None, seconds: float) -> None:
    assert deadline(remaining) == seconds


@pytest.mark.parametrize("remaining", [-0.1, 0.0, 0.0049])
def test_a_call_that_waited_until_its_deadline_is_told_so(remaining: float) -> None:
    with pytest.raises(DeadlineExceeded, match="DEADLINE_EXCEEDED"):
        deadline(remaining)


@pytest.mark.parametrize("remaining", [3601, 1e6])
def test_an_absurd_deadline_is_refused(remaining: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        deadline(remaining)
    assert (caught.value.reason, caught.value.violations[0].field) == ("ABSURD_DEADLINE", "grpc-timeout")


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (router_pb2.ChatRequest(tenant_id="acme"), ("acme", "tenant_id")),
        (router_pb2.StreamChatRequest(turn=router_pb2.ChatRequest(tenant_id="acme")), ("acme", "turn.tenant_id")),
        (engine_pb2.StreamAnswerRequest(), ("", "turn.tenant_id")),
        (cache_pb2.ExplainLookupRequest(lookup={"tenant_id": "acme"}), ("acme", "lookup.tenant_id")),
    ],
)
def test_a_tenant_is_found_where_a_message_names_it(message: object, named: tuple[str, str]) -> None:
    read = admission.tenant_reader(message.DESCRIPTOR)  # type: ignore[attr-defined]
    assert read is not None
    assert read(message) == named


def test_a_message_without_tenant_names_none() -> None:
    assert admission.tenant_reader(common_pb2.GetStatusRequest.DESCRIPTOR) is None


def test_a_client_keeps_its_tenant() -> None:
    assert admission.scoped(CLIENT, ("", "tenant_id")) is CLIENT
    assert admission.scoped(CLIENT, ("acme", "tenant_id")) is CLIENT


@pytest.mark.parametrize("tenant", ["other", "not a tenant!", "x" * 500])
def test_a_foreign_tenant_and_nonsense_look_the_same_to_a_client(tenant: str) -> None:
    with pytest.raises(Denied, match="TENANT_MISMATCH"):
        admission.scoped(CLIENT, (tenant, "tenant_id"))


def test_an_operator_acts_on_the_named_tenant() -> None:
    assert admission.scoped(OPERATOR, ("acme", "tenant_id")).tenant == "acme"
    with pytest.raises(InvalidRequest) as caught:
        admission.scoped(OPERATOR, ("a:*", "turn.tenant_id"))
    assert caught.value.violations[0].field == "turn.tenant_id"


def test_request_ids_are_kept_when_well_formed_and_else_made() -> None:
    assert admission.request_id_of("r-1") == "r-1"
    assert admission.request_id_of("bad id", trace_id="a" * 32) == "a" * 32
    assert len(admission.request_id_of(None)) == 32


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("ipv4:127.0.0.1:1", True),
        ("ipv6:%5B::1%5D:1", True),
        ("unix:/tmp/s", True),
        ("unix:", True),
        ("ipv4:10.0.0.1:1", False),
        ("ipv6:%5B::127%5D:1", False),
    ],
)
def test_only_this_machine_is_loopback(peer: str, *, local: bool) -> None:
    assert admission.is_loopback(peer) is local


@pytest.mark.parametrize(
    "text",
    [None, b"x", "", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "00-XY-1-1"],
)
def test_a_malformed_traceparent_starts_a_new_trace(text: str | bytes | None) -> None:
    assert parse_traceparent(text) == ("", 0, True)


def test_a_traceparent_is_read() -> None:
    assert parse_traceparent("00-" + "0" * 31 + "a-" + "0" * 15 + "b-01") == ("0" * 31 + "a", 11, True)
    assert parse_traceparent("00-" + "0" * 31 + "a-" + "0" * 15 + "b-02") == ("0" * 31 + "a", 11, False)


@pytest.mark.parametrize(
    "name", ["CacheAdminService", "RolloutService", "TenantService", "UsageService", "StatusService"]
)
def test_services_of_operators(name: str) -> None:
    assert admission.is_operator_only(name)
    assert not admission.is_operator_only("RouterService")
