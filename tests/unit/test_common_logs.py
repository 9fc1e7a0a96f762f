"""Log lines as JSON: what each carries, and that a field of its own is never lost."""

import json
import logging
import sys

import pytest

from libs.common.errors import Unavailable
from libs.common.logs import HumanFormatter, JsonFormatter, set_up_logging
from libs.common.request_context import use_context
from services.router.turn import Turn
from tests.fakes.router_world import RouterWorld, call


def test_extra_fields_are_printed_and_never_replace_the_lines_own() -> None:
    record = logging.makeLogRecord({"msg": "hello %s", "args": ("you",), "levelname": "INFO", "name": "test"})
    record.__dict__ |= {"bucket": 7, "conversation": "c1", "level": "mine", "other": ("a",)}
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["bucket"], line["conversation"], line["other"]) == ("hello you", 7, "c1", "('a',)")
    assert line["level"] == "INFO"
    assert "args" not in line


def test_vendors_clients_tell_nothing_of_a_request() -> None:
    root, before = logging.getLogger(), (logging.getLogger().handlers, logging.getLogger().level)
    try:
        set_up_logging("DEBUG", "json")
        assert not logging.getLogger("openai._base_client").isEnabledFor(logging.INFO)
        assert not logging.getLogger("httpx2").isEnabledFor(logging.INFO)
        assert logging.getLogger("services").isEnabledFor(logging.DEBUG)
    finally:
        root.handlers, root.level = before


async def test_routing_lines_carry_tenant_conversation_variant_and_bucket(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.router.ladder")
    world, context = RouterWorld(), call()
    world.hybrid.script.append(Unavailable("NO_TIER_AVAILABLE", "No model answers."))
    with use_context(context):
        await world.chat.reply(Turn(conversation_id="c1", message="mon secret"), context)
        lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [line["message"] for line in lines] == [
        "[ROUTER] Routage vers système HYBRIDE",
        "[ROUTER] Erreur système HYBRIDE: NO_TIER_AVAILABLE",
        "[ROUTER] FALLBACK automatique vers ancien système",
    ]
    for line in lines:
        assert (line["tenant"], line["conversation"], line["variant"]) == ("shop", "c1", "hybrid")
        assert isinstance(line["bucket"], int)
        assert "secret" not in json.dumps(line)


def test_an_exception_is_shown_without_its_text() -> None:
    words = "private words"
    try:
        raise ValueError(words)
    except ValueError:
        record = logging.makeLogRecord({"msg": "it failed", "exc_info": sys.exc_info()})
    for formatter in (HumanFormatter(), JsonFormatter()):
        line = formatter.format(record)
        assert "ValueError" in line
        assert words not in line
        record.exc_text = None
