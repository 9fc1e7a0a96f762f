"""The table of load tests covers the contract, and its templates are requests."""

import json
from collections import Counter
from itertools import groupby

import pytest

from repartee.v1 import router_pb2
from tools.load.calls import CALLS, FLOORS, METHODS, STREAMS, UNIQUE, UNIQUE_LENGTH, LoadedCall
from tools.load.left_out import LEFT_OUT

ID = "0" * UNIQUE_LENGTH


def test_every_rpc_is_loaded_or_left_out_for_a_reason() -> None:
    loaded = {call.method for call in (*CALLS, *STREAMS, *FLOORS.values())}
    left = Counter(method for methods in LEFT_OUT.values() for method in methods)
    assert max(left.values()) == 1
    assert loaded.isdisjoint(left)
    assert loaded | set(left) == set(METHODS)


@pytest.mark.parametrize("call", [*CALLS, *STREAMS], ids=lambda call: call.name)
def test_a_template_is_a_request_of_its_method(call: LoadedCall) -> None:
    assert "$" not in call.json("acme")
    body = call.payload("acme").with_id(ID)
    assert call.is_unique == (ID.encode() in body)
    assert b"@@" not in body


@pytest.mark.parametrize("call", [*CALLS, *STREAMS], ids=lambda call: call.name)
def test_what_streams_is_no_row_of_unary_calls(call: LoadedCall) -> None:
    assert call.descriptor.server_streaming == bool(call.stream)
    assert call.stream in ("", "text", "audio")


def test_rows_of_a_service_stand_together() -> None:
    """A floor is measured once for each row of rows."""
    services = [service for service, _ in groupby(CALLS, key=lambda call: call.service)]
    assert len(services) == len(set(services))
    assert set(services) <= set(FLOORS)


def test_each_request_gets_an_id_of_its_own_without_a_message_being_built() -> None:
    payload = CALLS[0].payload("acme")
    first, second = (payload.with_id(sign * UNIQUE_LENGTH) for sign in "12")
    request = router_pb2.ChatRequest.FromString(first)
    assert (request.turn_id, request.conversation_id) == ("1" * UNIQUE_LENGTH, f"load-{'1' * UNIQUE_LENGTH}")
    assert first != second


def test_an_id_of_another_length_would_break_the_message() -> None:
    with pytest.raises(ValueError, match="36 characters"):
        CALLS[0].payload("acme").with_id("short")


def test_a_template_is_written_as_ghz_reads_it() -> None:
    assert json.loads(CALLS[0].json("acme"))["turn_id"] == UNIQUE == "{{.UUID}}"
