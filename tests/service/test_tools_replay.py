"""Replaying recorded conversations: faithful to the last bit, and a difference is named."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from libs.common.channel import open_channel
from libs.common.errors import InvalidRequest
from libs.common.request_context import parse_tenant_id
from libs.common.tenants.memory_source import MemoryTenantStore
from repartee.v1 import common_pb2, engine_pb2, engine_pb2_grpc, router_pb2
from services.hybrid_engine.app import running
from services.hybrid_engine.settings import EngineSettings
from tests.fakes.engine_parts import FakePassages, example_yaml
from tests.fakes.upstream_servers import UpstreamEngine, serving
from tools.cli import app
from tools.connection import Connection
from tools.recording import Recording, read_recordings, write_recordings
from tools.replay import _messages, difference, totals_table, turns_table
from tools.replay_page import page
from tools.replaying import CLASSIC, HYBRID, ReplayedTurn, replay, totals

EXAMPLE = Path(__file__).parents[2] / "examples" / "recordings" / "rue-du-gros.jsonl"
ENGINE = engine_pb2.DESCRIPTOR.services_by_name["EngineService"]


@pytest.fixture
async def engines() -> AsyncIterator[dict[str, Any]]:
    """The real hybrid engine without a model, and a classic one that nobody gave one either."""
    store = MemoryTenantStore()
    tenant = parse_tenant_id("rue-du-gros")
    await store.put(tenant, example_yaml("rue-du-gros"), actor="test", reason="test")
    passages = FakePassages("- 3 paquets - 13.000 FCFA\n- 6 paquets - 25.000 FCFA")
    async with AsyncExitStack() as exits:
        settings = EngineSettings(port=0, drain_seconds=0)
        server = await exits.enter_async_context(running(settings, tenants=store, passages=passages))
        classic = await exits.enter_async_context(serving(UpstreamEngine("classic", is_down=True)))
        stubs: dict[str, Any] = {}
        for name, target in ((HYBRID, f"127.0.0.1:{server.port}"), (CLASSIC, classic)):
            channel = open_channel(target, services=[ENGINE], authorization="Bearer dev-operator")
            stubs[name] = engine_pb2_grpc.EngineServiceStub(await exits.enter_async_context(channel))
        yield stubs


async def replayed(recordings: list[Recording], engines: dict[str, Any]) -> list[ReplayedTurn]:
    turns: list[ReplayedTurn] = []
    for each in recordings:
        await replay(each, engines, after_turn=turns.append)
    return turns


def changed(recording: Recording, **fields: Any) -> Recording:
    """The recording with its fourth message, the second reply, changed."""
    messages = list(recording.messages)
    fourth = common_pb2.Message.FromString(messages[3].SerializeToString())
    for name, value in fields.items():
        setattr(fourth, name, value)
    messages[3] = fourth
    return Recording(recording.tenant, recording.conversation, messages)


async def test_example_decides_as_it_was_recorded(engines: dict[str, Any]) -> None:
    turns = await replayed(read_recordings(EXAMPLE), engines)
    assert len(turns) >= 10
    assert [turn.name for turn in turns if not turn.is_faithful] == []
    assert all(turn.recorded_digest for turn in turns if turn.by_engine)
    assert [turn.name for turn in turns if not turn.by_engine] == ["koffi-1 koffi-1-1"]
    assert totals(turns, HYBRID).answered == len(turns)
    assert totals(turns, CLASSIC).failed == len(turns)
    assert {turn.outcomes[CLASSIC].failure for turn in turns} == {"NO_TIER_AVAILABLE"}


async def test_another_decision_is_found_and_named(engines: dict[str, Any]) -> None:
    recording = changed(read_recordings(EXAMPLE)[0], state_digest="0" * 64, action="ask_zone")
    turns = await replayed([recording], engines)
    first = next(turn for turn in turns if not turn.is_faithful)
    assert first.turn.said.turn_id == recording.messages[2].turn_id
    assert f"turn {first.name} was ask_zone, state 000000000000, and is now " in difference(first)


@pytest.mark.parametrize("kept_digest", [True, False])
async def test_turn_that_no_engine_decided_changes_nothing(engines: dict[str, Any], kept_digest: bool) -> None:
    """The emergency text is kept with the state it left as it was, a reply from the cache without any."""
    recording = read_recordings(EXAMPLE)[0]
    before = recording.messages[1].state_digest if kept_digest else ""
    cached = (
        common_pb2.Message(turn_id="cached", author=common_pb2.Message.AUTHOR_CUSTOMER, text="Vos horaires ?"),
        common_pb2.Message(turn_id="cached", author=common_pb2.Message.AUTHOR_BOT, text="8 h", state_digest=before),
    )
    messages = (*recording.messages[:2], *cached, *recording.messages[2:])
    turns = await replayed([Recording(recording.tenant, recording.conversation, messages)], engines)
    assert [turn.by_engine for turn in turns][:3] == [True, False, True]
    assert all(turn.is_faithful for turn in turns)


async def test_recording_without_digests_is_compared_between_the_engines_only(engines: dict[str, Any]) -> None:
    messages = [
        common_pb2.Message.FromString(each.SerializeToString()) for each in read_recordings(EXAMPLE)[0].messages
    ]
    for message in messages:
        message.state_digest = ""
    turns = await replayed([Recording("rue-du-gros", "awa-1", messages)], engines)
    assert all(turn.by_engine and turn.is_faithful for turn in turns)
    assert len({turn.outcomes[HYBRID].digest for turn in turns}) == len(turns)


async def test_engines_are_asked_apart_from_the_ledger_of_customers() -> None:
    both = {name: UpstreamEngine(name) for name in (HYBRID, CLASSIC)}
    async with AsyncExitStack() as exits:
        stubs: dict[str, Any] = {}
        for name, engine in both.items():
            target = await exits.enter_async_context(serving(engine))
            channel = open_channel(target, services=[ENGINE], authorization="Bearer dev-operator")
            stubs[name] = engine_pb2_grpc.EngineServiceStub(await exits.enter_async_context(channel))
        turns = await replayed([changed(read_recordings(EXAMPLE)[0])], stubs)
    asked = both[CLASSIC].requests
    assert {(each.shadow, each.assigned_variant) for each in asked} == {(True, "classic")}
    assert [each.state.event_count for each in asked] == list(range(len(turns)))
    assert len(asked[3].history) == 6
    assert all(turn.agrees for turn in turns)


async def test_page_and_tables_show_both_sides_and_escape_what_was_said(engines: dict[str, Any]) -> None:
    recording = read_recordings(EXAMPLE)[0]
    said = common_pb2.Message(
        turn_id="t-x", author=common_pb2.Message.AUTHOR_CUSTOMER, text="<script>alert(1)</script> [bold]6 paquets ?"
    )
    turns = await replayed([Recording(recording.tenant, "c-x", (said,))], engines)
    html = page(turns, title="a & b")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "http" not in html
    assert html.count("<svg") == 1
    assert "NO_TIER_AVAILABLE" in html
    assert (turns_table(turns).row_count, totals_table(turns).row_count) == (1, 6)


def test_recording_survives_its_file(tmp_path: Path) -> None:
    found = read_recordings(EXAMPLE)
    path = tmp_path / "deep" / "copy.jsonl"
    write_recordings(found, path)
    assert read_recordings(path) == found
    assert path.read_text(encoding="utf-8") == EXAMPLE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("lines", "place", "expected"),
    [
        ("", 1, "at least one conversation"),
        ('{"text": "secret"}', 1, "before the first message"),
        ('{"conversation": "c"}', 1, 'expected texts "conversation"'),
        ('{"conversation": "c", "tenant": "t"}\n\n{"text": "secret', 3, "as JSON"),
        ('{"conversation": "c", "tenant": "t"}\n{"sekret": "secret"}', 2, "as JSON"),
        ("[1]", 1, "expected a JSON object"),
    ],
)
def test_broken_recording_is_refused_with_its_line_and_without_its_words(
    tmp_path: Path, lines: str, place: int, expected: str
) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(lines)
    with pytest.raises(InvalidRequest, match="RECORDING_INVALID") as raised:
        read_recordings(path)
    violation = raised.value.violations[0]
    assert violation.field == f"{path}:{place}"
    assert expected in violation.description
    assert "secret" not in str(raised.value) + violation.description


async def test_all_pages_of_a_conversation_are_recorded_in_order() -> None:
    class Pages:
        async def ListMessages(self, request: Any) -> Any:  # noqa: N802  # the stub's name
            assert (request.tenant_id, request.conversation_id) == ("shop", "c1")
            first = not request.page_token
            texts = ("trois", "quatre") if first else ("un", "deux")
            return router_pb2.ListMessagesResponse(
                messages=[common_pb2.Message(text=text) for text in texts], next_page_token="2" if first else ""
            )

    assert [each.text for each in await _messages(Pages(), "shop", "c1")] == ["un", "deux", "trois", "quatre"]


async def test_command_takes_a_file_and_exits_with_1_where_hybrid_decides_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {name: UpstreamEngine(name) for name in (HYBRID, CLASSIC)}
    path = tmp_path / "one.jsonl"
    write_recordings([changed(read_recordings(EXAMPLE)[0])], path)
    async with AsyncExitStack() as exits:
        targets = {f"{name}-engine": await exits.enter_async_context(serving(each)) for name, each in both.items()}
        monkeypatch.setattr(Connection, "target", lambda _, service: targets[service])
        arguments = ["replay", str(path), "--html", str(tmp_path / "page.html")]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == 1, result.output
    assert "Hybrid decides otherwise than it did" in result.output
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_lines_are_one_message_each() -> None:
    rows = [json.loads(line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    assert {"conversation", "tenant"} <= rows[0].keys()
    assert all("author" in row for row in rows if "conversation" not in row)
