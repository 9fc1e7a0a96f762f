"""LlmService and the cascade of a running engine: by file, by mode, without any socket."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from libs.common.request_context import parse_tenant_id
from libs.common.spending.ledger import nameless
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.tenants.memory_source import MemoryTenantStore
from repartee.v1 import common_pb2, engine_pb2, engine_pb2_grpc
from services.hybrid_engine.app import running
from services.hybrid_engine.settings import EngineSettings
from tests.fakes.engine_parts import FakePassages, example_yaml
from tests.fakes.openai_double import OpenAIDouble, Scripted

CUSTOMERS = (("authorization", "Bearer dev:rue-du-gros"),)
OPERATOR = (("authorization", "Bearer dev-operator"),)
SHOP = parse_tenant_id("rue-du-gros")


@asynccontextmanager
async def served(ledger: MemoryLedger | None = None, **settings: Any) -> AsyncIterator[grpc.aio.Channel]:
    store = MemoryTenantStore()
    await store.put(SHOP, example_yaml("rue-du-gros"), actor="test", reason="test")
    chosen = EngineSettings(port=0, drain_seconds=0, **settings)
    async with AsyncExitStack() as stack:
        passages = FakePassages("Nous livrons du lundi au samedi.")
        server = await stack.enter_async_context(running(chosen, tenants=store, passages=passages, ledger=ledger))
        yield await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{server.port}"))


async def generate(connection: grpc.aio.Channel, **fields: Any) -> engine_pb2.GenerateResponse:
    request = engine_pb2.GenerateRequest(**{"prompt": "Dis bonjour", **fields})
    return await engine_pb2_grpc.LlmServiceStub(connection).Generate(request, metadata=CUSTOMERS, timeout=5)


async def tiers_of(channel: grpc.aio.Channel) -> list[engine_pb2.Tier]:
    stub = engine_pb2_grpc.EngineAdminServiceStub(channel)
    return list((await stub.ListTiers(engine_pb2.ListTiersRequest(), metadata=OPERATOR, timeout=5)).tiers)


def tiers_file(path: Path, *base_urls: str) -> Path:
    lines = [f"  - {{name: tier-{at}, base_url: '{url}', model: double-small}}" for at, url in enumerate(base_urls)]
    path.write_text("\n".join(["tiers:", *lines]))
    return path


async def test_a_models_words_come_with_their_tier_and_cost(openai_double: OpenAIDouble) -> None:
    ledger = MemoryLedger()
    openai_double.script(Scripted(reply="Bonjour à vous !"))
    async with served(ledger, llm_base_url=openai_double.base_url, llm_model="double-small") as channel:
        said = await generate(channel, conversation_id="c-1")
    assert (said.text, said.source, said.tier) == ("Bonjour à vous !", engine_pb2.WORDING_SOURCE_MODEL, "default")
    assert [(each.tier, each.model, each.reason) for each in said.attempts] == [("default", "double-small", "")]
    (row,) = await ledger.recent(SHOP, limit=9)
    assert (row.component, row.used, row.conversation_id) == ("generate", True, nameless(SHOP, "c-1"))
    assert row.tokens == openai_double.tokens == said.usage.prompt_tokens + said.usage.completion_tokens


async def test_the_next_tier_of_the_file_serves(openai_double: OpenAIDouble, tmp_path: Path) -> None:
    file = tiers_file(tmp_path / "tiers.yaml", "http://127.0.0.1:9/v1", openai_double.base_url)
    openai_double.script(Scripted(reply="Bonjour !"))
    async with served(llm_tiers_file=file, llm_mode="enabled") as channel:
        said = await generate(channel)
        assert (said.tier, said.tier_index, said.text) == ("tier-1", 1, "Bonjour !")
        assert said.attempts[0].reason == "LLM_UNREACHABLE"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [("mot " * 30, "LLM_TOO_LONG"), ("Appelez le 0101010101 !", "GATE_FACT_FOREIGN")],
    ids=["too long", "a foreign number"],
)
async def test_words_that_may_not_go_out_give_way_to_a_canned_reply(
    openai_double: OpenAIDouble, reply: str, reason: str
) -> None:
    openai_double.script(Scripted(reply=reply), Scripted(reply=reply))
    async with served(llm_base_url=openai_double.base_url, llm_model="double-small") as channel:
        said = await generate(channel, max_words=10)
        assert (said.source, said.tier, said.finish_reason) == (engine_pb2.WORDING_SOURCE_CANNED, "canned", "canned")
        assert said.text
        assert said.attempts[-1].reason == reason
        assert (said.usage.completion_tokens, said.usage.wasted_tokens) == (0, openai_double.tokens)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await generate(channel, max_words=10, allow_canned=False)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_without_any_model_a_canned_reply_fits_its_channel(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with served() as channel:
        said = await generate(channel, prompt="secret words", user="lea", channel="twitch", intent="chill")
        assert said.text.startswith("@lea ")
        assert (said.tier, said.source, len(said.attempts)) == ("canned", engine_pb2.WORDING_SOURCE_CANNED, 0)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await generate(channel, allow_canned=False)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    asked = [line for line in caplog.messages if line.startswith("[ASK]")]
    assert asked[0] == "[ASK] 🤖 Tous LLM indisponibles → fallback répliques"
    assert asked[1].startswith("[ASK] ✅ Fallback error envoyé: ")
    assert "secret" not in caplog.text
    assert "lea" not in asked[1]


async def test_operators_see_how_each_tier_is(openai_double: OpenAIDouble, tmp_path: Path) -> None:
    openai_double.models = []
    file = tiers_file(tmp_path / "tiers.yaml", "http://127.0.0.1:9/v1", openai_double.base_url)
    async with served(llm_tiers_file=file) as channel:
        async with asyncio.timeout(10):
            first, second = await tiers_of(channel)
            while engine_pb2.Tier.STATE_UNSPECIFIED in (first.state, second.state):
                first, second = await tiers_of(channel)
        assert (first.state, first.detail) == (engine_pb2.Tier.STATE_OPEN, "It did not answer its last probe.")
        assert second.state == engine_pb2.Tier.STATE_REACHABLE_EMPTY
        openai_double.script(Scripted(reply="Bonjour !"))
        assert (await generate(channel)).tier == "tier-1"
        assert (await tiers_of(channel))[1].state == engine_pb2.Tier.STATE_UP


async def test_a_process_without_models_opens_no_socket_and_completes_an_order(
    openai_double: OpenAIDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def refuse(self: socket.socket, address: Any) -> None:
        opened.append(str(address))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    file = tiers_file(tmp_path / "tiers.yaml", openai_double.base_url, "http://localhost:1234/v1")
    async with served(llm_tiers_file=file, llm_mode="disabled", llm_warm_up=True) as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        state, image = common_pb2.FlowState(), common_pb2.Attachment.KIND_IMAGE
        for text, picture in (("commander", ""), ("", "a"), ("", "b"), ("Yop", ""), ("0101020304", ""), ("oui", "")):
            request = engine_pb2.GenerateAnswerRequest(conversation_id="c", turn_id="t", text=text, state=state)
            if picture:
                request.attachments.add(kind=image, uri="media://1", sha256=picture * 64)
            answer = (await stub.GenerateAnswer(request, metadata=CUSTOMERS, timeout=5)).answer
            assert answer.text
            state = answer.state
        assert state.phase == "done"
        assert (await generate(channel)).tier == "canned"
        assert all(tier.state == engine_pb2.Tier.STATE_DISABLED for tier in await tiers_of(channel))
    assert not opened
    assert not openai_double.requests


async def test_the_modes_file_wins_over_the_variable(openai_double: OpenAIDouble, tmp_path: Path) -> None:
    file = tmp_path / "engine.env"
    file.write_text("LLM_MODE=disabled")
    base = {"llm_base_url": openai_double.base_url, "llm_model": "double-small", "llm_mode_file": file}
    async with served(llm_mode="enabled", **base) as channel:
        assert (await generate(channel)).tier == "canned"
        switch = engine_pb2.SetLlmModeRequest(mode=engine_pb2.LLM_MODE_AUTO, reason="test")
        await engine_pb2_grpc.EngineAdminServiceStub(channel).SetLlmMode(switch, metadata=OPERATOR, timeout=5)
        openai_double.script(Scripted(reply="Bonjour !"))
        assert (await generate(channel)).tier == "default"
