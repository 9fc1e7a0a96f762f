"""Whom a load test may be sent to."""

from pathlib import Path

import pytest

from libs.common.errors import InvalidRequest
from tools.load.calls import CALLS
from tools.load.target import local_stack, named_services

OPERATORS = next(call for call in CALLS if call.operator)
CUSTOMERS = CALLS[0]


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPARTEE_TOKEN", raising=False)
    monkeypatch.delenv("REPARTEE_OPERATOR_TOKEN", raising=False)


def test_a_local_stack_is_called_with_developments_credentials() -> None:
    target = local_stack("acme", 50051)
    assert target.addresses["cache"] == "127.0.0.1:50054"
    assert target.credential_of(CUSTOMERS) == "Bearer dev:acme"
    assert target.credential_of(OPERATORS) == "Bearer dev-operator"
    assert "dev" not in repr(target)


def test_only_named_services_are_served() -> None:
    target = named_services(["localhost:1", "cache=[::1]:2"], tenant="acme")
    assert dict(target.addresses) == {"router": "localhost:1", "cache": "[::1]:2"}
    assert {call.service for call in CALLS if target.serves(call)} == {"router", "cache"}


@pytest.mark.parametrize(
    "named", ["", "router", "router=host", "router=:1", "router=host:x", "router=h:99999", "nobody=h:1"]
)
def test_a_target_that_is_none_is_named_with_what_was_expected(named: str) -> None:
    with pytest.raises(InvalidRequest, match="TARGET_INVALID") as refused:
        named_services([named], tenant="acme")
    assert refused.value.violations[0].field == named


def test_strangers_are_loaded_only_when_that_is_said_and_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    named = ["router=chat.example.com:443"]
    with pytest.raises(InvalidRequest, match="TARGET_NOT_LOOPBACK"):
        named_services(named, tenant="acme")
    with pytest.raises(InvalidRequest, match="CREDENTIAL_NEEDED"):
        named_services(named, tenant="acme", allow_strangers=True)
    monkeypatch.setenv("REPARTEE_TOKEN", "issued")
    target = named_services(named, tenant="acme", allow_strangers=True, ca_file=Path("ca.pem"))
    assert target.credential_of(CUSTOMERS) == "Bearer issued"
    assert target.tls is not None
    assert not target.serves(OPERATORS)


def test_a_customers_token_alone_leaves_out_what_operators_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPARTEE_TOKEN", "issued")
    target = local_stack("acme", 50051)
    assert target.serves(CUSTOMERS)
    assert not target.serves(OPERATORS)
    monkeypatch.setenv("REPARTEE_OPERATOR_TOKEN", "issued-too")
    assert local_stack("acme", 50051).serves(OPERATORS)
