"""Both engines as real servers on loopback, called as the router calls them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from libs.common.request_context import parse_tenant_id
from libs.common.tenants.memory_source import MemoryTenantStore
from repartee.v1 import common_pb2, engine_pb2, engine_pb2_grpc
from services.hybrid_engine.app import running
from services.hybrid_engine.settings import EngineSettings
from tests.fakes.engine_parts import FakePassages, example_yaml
from tests.fakes.openai_double import OpenAIDouble, Scripted

CUSTOMERS = (("authorization", "Bearer dev:rue-du-gros"),)
OPERATOR = (("authorization", "Bearer dev-operator"),)
PRICES = "- 3 paquets - 13.000 FCFA\n- 6 paquets - 25.000 FCFA"
PAY = "Envoyez 2000F sur +225 0787360757, puis capture."


@asynccontextmanager
async def served(passages: FakePassages | None = None, **settings: object) -> AsyncIterator[grpc.aio.Channel]:
    store = MemoryTenantStore()
    for tenant in ("rue-du-gros", "escopines"):
        await store.put(parse_tenant_id(tenant), example_yaml(tenant), actor="test", reason="test")
    chosen = EngineSettings(port=0, drain_seconds=0, **settings)  # type: ignore[arg-type]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            running(chosen, tenants=store, passages=passages or FakePassages(PRICES))
        )
        yield await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{server.port}"))


@pytest.fixture
async def double() -> AsyncIterator[OpenAIDouble]:
    model = OpenAIDouble()
    await model.start()
    yield model
    await model.stop()


def turn(text: str = "", *, image: str = "", state: common_pb2.FlowState | None = None, **more: str):
    request = engine_pb2.GenerateAnswerRequest(conversation_id="c-1", turn_id="t-1", text=text, state=state, **more)
    if image:
        request.attachments.add(kind=common_pb2.Attachment.KIND_IMAGE, uri="media://1", sha256=image * 64)
    return request


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason


async def test_a_whole_order_over_the_wire_without_any_model() -> None:
    async with served() as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        state, seen = None, []
        for request in (
            turn("commander"),
            turn(image="a"),
            turn(image="b"),
            turn("Yop"),
            turn("+225 0101020304"),
            turn("oui"),
        ):
            if state is not None:
                request.state.CopyFrom(state)
            answer = (await stub.GenerateAnswer(request, metadata=CUSTOMERS, timeout=5)).answer
            state = answer.state
            seen.append((answer.action, answer.slot_index))
        assert seen == [
            ("ask_photo", 1),
            ("ask_payment", 2),
            ("ask_zone", 3),
            ("ask_phone", 4),
            ("confirm", 0),
            ("done", 0),
        ]
        assert state.phase == "done"
        assert {name: held.value for name, held in state.slots.items()} == {
            "photo": "a" * 64, "paiement": "b" * 64, "zone": "Yopougon", "tel": "0101020304"
        }  # fmt: skip
        assert answer.wording == engine_pb2.WORDING_SOURCE_TEMPLATE
        assert state.order_id in answer.text


async def test_an_answer_from_documents_says_what_it_rests_on() -> None:
    async with served() as channel:
        request = turn("Combien coûtent 6 paquets ?")
        request.embedding.CopyFrom(common_pb2.Embedding(embedder_id="e", values=[1.0, 0.0]))
        response = await engine_pb2_grpc.EngineServiceStub(channel).GenerateAnswer(
            request, metadata=CUSTOMERS, timeout=5
        )
        answer = response.answer
        assert answer.text == answer.knowledge_text == "6 paquets - 25.000 FCFA"
        assert answer.cacheable
        assert answer.wording == engine_pb2.WORDING_SOURCE_EXTRACT
        assert [source.document_id for source in answer.sources] == ["doc-0"]
        assert (answer.knowledge_epoch, answer.embedding.embedder_id) == (7, "e")


async def test_a_stream_is_started_delta_completed() -> None:
    async with served() as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        call = stub.StreamAnswer(engine_pb2.StreamAnswerRequest(turn=turn(image="a")), metadata=CUSTOMERS, timeout=5)
        events = [event async for event in call]
        assert [event.WhichOneof("event") for event in events] == ["started", "delta", "completed"]
        assert [event.sequence for event in events] == [0, 1, 2]
        assert events[0].started.action == "ask_payment"
        assert events[1].delta.text == events[2].completed.answer.text == PAY
        assert events[2].completed.complete


async def test_a_model_words_the_answer_when_one_is_there(double: OpenAIDouble) -> None:
    double.script(Scripted(reply="Merci d'envoyer 2000F au +225 0787360757, puis la capture."))
    async with served(llm_base_url=double.base_url, llm_model="double-small") as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        answer = (await stub.GenerateAnswer(turn(image="a"), metadata=CUSTOMERS, timeout=5)).answer
        assert answer.wording == engine_pb2.WORDING_SOURCE_MODEL
        assert answer.text == "Merci d'envoyer 2000F au +225 0787360757, puis la capture."
        assert answer.llm_tier == "default"
        assert answer.usage.prompt_tokens + answer.usage.completion_tokens == double.tokens


async def test_a_model_that_stalls_costs_its_words_and_not_the_turn(double: OpenAIDouble) -> None:
    double.script(Scripted(hold_after=1))
    async with served(llm_base_url=double.base_url, llm_model="double-small", llm_gap_seconds=0.1) as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        answer = (await stub.GenerateAnswer(turn(image="a"), metadata=CUSTOMERS, timeout=5)).answer
        assert (answer.text, list(answer.reasons)) == (PAY, ["LLM_UNAVAILABLE"])


async def test_a_short_deadline_still_brings_the_template(double: OpenAIDouble) -> None:
    double.script(Scripted(hold_after=1))
    # The model's own limits are far away: it is the caller's that ends the wait.
    patient = {"llm_seconds": 30.0, "llm_gap_seconds": 30.0, "llm_sentence_seconds": 30.0}
    async with served(llm_base_url=double.base_url, llm_model="double-small", **patient) as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        answer = (await stub.GenerateAnswer(turn(image="a"), metadata=CUSTOMERS, timeout=2.0)).answer
        assert answer.text == PAY


async def test_the_classic_engine_needs_a_model() -> None:
    async with served(engine="classic") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await engine_pb2_grpc.EngineServiceStub(channel).GenerateAnswer(
                turn("bonjour"), metadata=CUSTOMERS, timeout=5
            )
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        assert reason_of(raised.value) == "NO_TIER_AVAILABLE"


async def test_the_classic_engine_keeps_the_same_state(double: OpenAIDouble) -> None:
    double.script(Scripted(reply="Envoyez 2000F au +225 0787360757 svp."))
    async with (
        served(engine="classic", llm_base_url=double.base_url, llm_model="double-small") as channel,
        served() as other,
    ):
        classic = await engine_pb2_grpc.EngineServiceStub(channel).GenerateAnswer(
            turn(image="a"), metadata=CUSTOMERS, timeout=5
        )
        hybrid = await engine_pb2_grpc.EngineServiceStub(other).GenerateAnswer(
            turn(image="a"), metadata=CUSTOMERS, timeout=5
        )
        assert classic.answer.text == "Envoyez 2000F au +225 0787360757 svp."
        assert classic.answer.state == hybrid.answer.state


async def test_an_unknown_tenant_is_not_found() -> None:
    async with served() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await engine_pb2_grpc.EngineServiceStub(channel).GenerateAnswer(
                turn("bonjour"), metadata=(("authorization", "Bearer dev:nobody-here"),), timeout=5
            )
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason_of(raised.value) == "TENANT_NOT_FOUND"


async def test_a_phase_that_no_flow_can_have_is_refused() -> None:
    async with served() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await engine_pb2_grpc.EngineServiceStub(channel).GenerateAnswer(
                turn("bonjour", state=common_pb2.FlowState(phase="Lost it")), metadata=CUSTOMERS, timeout=5
            )
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("text", "agent"),
    [("Comment automatiser mes emails?", "audrey"), ("Aide-moi à créer un reel Instagram", "carole")],
)
async def test_the_agent_who_knows_answers(text: str, agent: str) -> None:
    async with served(FakePassages("Automatiser les emails ou créer un reel Instagram : suivez le guide.")) as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        metadata = (("authorization", "Bearer dev:escopines"),)
        answer = (await stub.GenerateAnswer(turn(text), metadata=metadata, timeout=5)).answer
        assert answer.agent == agent
        assert answer.confidence >= 0.7


async def test_operators_see_decisions_and_tiers_and_switch_models_off(double: OpenAIDouble) -> None:
    async with served(llm_base_url=double.base_url, llm_model="double-small") as channel:
        admin = engine_pb2_grpc.EngineAdminServiceStub(channel)
        asked = turn("Combien pour 6 paquets à Yop ?", tenant_id="rue-du-gros")
        request = engine_pb2.ExplainDecisionRequest(turn=asked)
        explained = await admin.ExplainDecision(request, metadata=OPERATOR, timeout=5)
        assert (explained.action, explained.rule) == ("answer_question", "question")
        assert list(explained.facts) == ["quantity=6 paquet", "place=Yopougon"]
        tiers = await admin.ListTiers(engine_pb2.ListTiersRequest(), metadata=OPERATOR, timeout=5)
        assert [(tier.name, list(tier.models)) for tier in tiers.tiers] == [("default", ["double-small"])]
        switch = engine_pb2.SetLlmModeRequest(mode=engine_pb2.LLM_MODE_DISABLED, reason="test")
        switched = await admin.SetLlmMode(switch, metadata=OPERATOR, timeout=5)
        assert switched.previous == engine_pb2.LLM_MODE_AUTO
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        answer = (await stub.GenerateAnswer(turn(image="a"), metadata=CUSTOMERS, timeout=5)).answer
        assert answer.wording == engine_pb2.WORDING_SOURCE_TEMPLATE
        assert not double.requests


async def test_customers_may_not_look_into_the_engine() -> None:
    async with served() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await engine_pb2_grpc.EngineAdminServiceStub(channel).ListTiers(
                engine_pb2.ListTiersRequest(), metadata=CUSTOMERS, timeout=5
            )
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_each_engine_has_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPARTEE_PORT", raising=False)
    monkeypatch.setenv("REPARTEE_ENGINE", "classic")
    assert (EngineSettings().port, EngineSettings().name) == (50056, "classic-engine")
    monkeypatch.setenv("REPARTEE_PORT", "50099")
    assert EngineSettings().port == 50099
    monkeypatch.setenv("REPARTEE_ENGINE", "hybrid")
    monkeypatch.delenv("REPARTEE_PORT")
    assert (EngineSettings().port, EngineSettings().name) == (50052, "hybrid-engine")
    monkeypatch.setenv("REPARTEE_ENGINE", "quantum")
    with pytest.raises(ValueError, match="engine"):
        EngineSettings()
