"""The router as a process runs it: real servers, real channels, statuses and messages as callers see them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from libs.common.channel import open_channel
from libs.common.errors import InvalidRequest
from libs.common.request_context import current, use_context
from libs.common.status import RemoteError
from repartee.v1 import (
    common_pb2,
    common_pb2_grpc,
    engine_pb2,
    rollout_pb2,
    rollout_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    tenants_pb2,
    tenants_pb2_grpc,
)
from services.router.adapters.engine_client import EngineClient
from services.router.app import running
from services.router.ladder import EngineQuestion
from services.router.servicer import DEFAULT_TURN_SECONDS
from services.router.settings import RouterSettings
from services.router.turn import NO_STATE
from tests.fakes.router_world import BUNDLE_YAML, call
from tests.fakes.upstream_servers import UpstreamCache, UpstreamEngine, serving

pytest_plugins = ("tests.redis_fixture",)

CLIENT = (("authorization", "Bearer dev:shop"),)
OPERATOR = (("authorization", "Bearer dev-operator"),)


@dataclass
class HybridEngine(UpstreamEngine):
    """Notes how long each call may take, and answers none while its gate is shut."""

    seconds: list[float] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def GenerateAnswer(  # noqa: N802  # the generated stub's name
        self, request: engine_pb2.GenerateAnswerRequest, context: Any
    ) -> engine_pb2.GenerateAnswerResponse:
        self.seconds.append(current().budget.remaining())
        self.asked.set()
        await self.gate.wait()
        return await super().GenerateAnswer(request, context)


@dataclass
class Stack:
    cache: UpstreamCache
    hybrid: HybridEngine
    classic: UpstreamEngine
    channel: grpc.aio.Channel
    port: int = 0

    def __post_init__(self) -> None:
        self.router: Any = router_pb2_grpc.RouterServiceStub(self.channel)
        self.tenants: Any = tenants_pb2_grpc.TenantServiceStub(self.channel)
        self.rollout: Any = rollout_pb2_grpc.RolloutServiceStub(self.channel)

    async def put_shop(self, bundle: str = BUNDLE_YAML, **fields: Any) -> tenants_pb2.PutTenantResponse:
        request = tenants_pb2.PutTenantRequest(tenant_id="shop", bundle_yaml=bundle, reason="test", **fields)
        return await self.tenants.PutTenant(request, metadata=OPERATOR)

    async def chat(self, message: str, *, metadata: Any = CLIENT, **fields: Any) -> router_pb2.ChatResponse:
        request = router_pb2.ChatRequest(**{"conversation_id": "c1", "message": message, **fields})
        return await self.router.Chat(request, metadata=metadata, timeout=30)


@asynccontextmanager
async def running_stack(**settings: Any) -> AsyncIterator[Stack]:
    async with AsyncExitStack() as exits:
        fakes = UpstreamCache(), HybridEngine("hybrid"), UpstreamEngine("classic")
        cache, hybrid, classic = [await exits.enter_async_context(serving(each)) for each in fakes]
        wired = RouterSettings(
            port=0, cache_target=cache, hybrid_target=hybrid, classic_target=classic, redis_seconds=2.0, **settings
        )
        server = await exits.enter_async_context(running(wired))
        channel = await exits.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{server.port}"))
        yield Stack(*fakes, channel, server.port)


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[Stack]:
    async with running_stack(redis_url=redis_url, use_hybrid_botlive="true") as running_one:
        await running_one.put_shop()
        yield running_one


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value.code(), reason_of(raised.value)


async def test_turn_goes_to_the_assigned_engine_and_its_answer_into_the_cache(stack: Stack) -> None:
    response = await stack.chat("Livrez-vous à Cocody ?", agent="vente", turn_id="t1")
    assert response.text == "hybrid: Livrez-vous à Cocody ?"
    assert (response.turn_id, response.agent, response.confidence, response.action) == (
        "t1",
        "vente",
        0.5,
        "answer_question",
    )
    assert (response.variant, response.served_by) == (router_pb2.VARIANT_HYBRID, router_pb2.VARIANT_HYBRID)
    assert (response.rung, response.fallback_level, list(response.reasons)) == (router_pb2.RUNG_ASSIGNED, 0, [])
    assert (response.cache.hit, response.cache.miss_reason) == (False, "NO_CANDIDATE")
    assert (response.stored, response.replayed, response.reasoning) == (router_pb2.STORED_DURABLE, False, "")
    asked = stack.hybrid.requests[0]
    assert (asked.locale, asked.channel, list(asked.embedding.values)) == ("fr-CI", "whatsapp", [0.5, 0.5])
    assert stack.hybrid.tenants == ["shop"]
    kept = await stack.cache.stored.get()
    assert (kept.query, kept.text, kept.agent, kept.answered_by, kept.knowledge_epoch) == (
        "Livrez-vous à Cocody ?",
        "Livrez-vous à Cocody ?",
        "vente",
        "vente",
        3,
    )


async def test_hit_never_reaches_an_engine(stack: Stack) -> None:
    stack.cache.answers["Vos horaires ?"] = "De 8 h à 18 h."
    response = await stack.chat("Vos horaires ?")
    assert (response.text, response.served_by, response.rung) == ("De 8 h à 18 h.", 0, router_pb2.RUNG_ASSIGNED)
    assert (response.cache.hit, response.cache.type, response.cache.entry_id) == (True, "exact", "e1")
    assert stack.hybrid.requests == stack.classic.requests == []


async def test_dead_engine_is_rescued_and_two_dead_ones_end_in_the_emergency_text(stack: Stack) -> None:
    stack.hybrid.is_down = True
    rescued = await stack.chat("un")
    assert (rescued.text, rescued.rung, rescued.fallback_level) == ("classic: un", router_pb2.RUNG_OTHER_ENGINE, 2)
    stack.classic.is_down = True
    last = await stack.chat("deux")
    assert (last.text, last.rung, last.fallback_level) == (
        "Envoyez photo du paquet 📦",
        router_pb2.RUNG_EMERGENCY,
        3,
    )
    assert list(last.reasons) == ["NO_TIER_AVAILABLE", "NO_TIER_AVAILABLE"]
    assert await refused(stack.chat("trois", strict=True)) == (grpc.StatusCode.UNAVAILABLE, "NO_TIER_AVAILABLE")


async def test_retry_gets_the_first_reply(stack: Stack) -> None:
    first = await stack.chat("bonjour", turn_id="t1")
    again = await stack.chat("bonjour", turn_id="t1")
    assert (again.text, again.replayed, len(stack.hybrid.requests)) == (first.text, True, 1)


async def test_history_state_pages_and_deletion(stack: Stack) -> None:
    for number in range(3):
        await stack.chat(f"message {number}", turn_id=f"t{number}", user_id="awa")
    asked = stack.hybrid.requests[-1]
    assert [each.text for each in asked.history][-1] == "hybrid: message 1"
    assert asked.state.event_count == 2
    request = router_pb2.ListMessagesRequest(conversation_id="c1", page_size=4)
    page = await stack.router.ListMessages(request, metadata=CLIENT)
    assert [each.text for each in page.messages][:2] == ["message 1", "hybrid: message 1"]
    assert page.state.event_count == 3
    before = await stack.router.ListMessages(
        router_pb2.ListMessagesRequest(conversation_id="c1", page_token=page.next_page_token), metadata=CLIENT
    )
    assert ([each.turn_id for each in before.messages], before.next_page_token) == (["t0", "t0"], "")
    gone = await stack.router.DeleteConversation(router_pb2.DeleteConversationRequest(user_id="awa"), metadata=CLIENT)
    assert gone.deleted_count == 1
    assert await refused(stack.router.ListMessages(request, metadata=CLIENT)) == (
        grpc.StatusCode.NOT_FOUND,
        "CONVERSATION_NOT_FOUND",
    )
    both = router_pb2.DeleteConversationRequest(user_id="awa", conversation_id="c1")
    assert await refused(stack.router.DeleteConversation(both, metadata=CLIENT)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUIRED_FIELD",
    )


async def test_stream_is_started_then_text_then_completed(stack: Stack) -> None:
    turn = router_pb2.ChatRequest(conversation_id="c1", message="bonjour")
    request = router_pb2.StreamChatRequest(turn=turn)
    events = [each async for each in stack.router.StreamChat(request, metadata=CLIENT)]
    assert [each.WhichOneof("event") for each in events] == ["started", "delta", "completed"]
    assert [each.sequence for each in events] == [0, 1, 2]
    completed = events[-1].completed
    assert (completed.response.text, completed.complete, completed.finish_reason) == ("hybrid: bonjour", True, "stop")
    assert events[1].delta.text == completed.response.text
    assert events[0].started.turn_id == completed.response.turn_id != ""
    assert events[0].started.variant == router_pb2.VARIANT_HYBRID


async def test_stream_of_a_refused_turn_has_no_completed(stack: Stack) -> None:
    turn = router_pb2.ChatRequest(conversation_id="c1", message="bonjour", strict=True)
    stack.hybrid.is_down = stack.classic.is_down = True
    call = stack.router.StreamChat(router_pb2.StreamChatRequest(turn=turn), metadata=CLIENT)
    assert (await call.read()).WhichOneof("event") == "started"
    assert await refused(call.read()) == (grpc.StatusCode.UNAVAILABLE, "NO_TIER_AVAILABLE")


async def test_reasoning_is_for_operators(stack: Stack) -> None:
    response = await stack.chat("bonjour", metadata=OPERATOR, tenant_id="shop")
    assert (response.reasoning, stack.hybrid.tenants) == ("une seule agente", ["shop"])


async def test_callers_are_checked(stack: Stack) -> None:
    assert await refused(stack.chat("x", metadata=())) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_MISSING")
    assert await refused(stack.chat("x", tenant_id="other")) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "TENANT_MISMATCH",
    )
    assert await refused(stack.chat("x", metadata=(("authorization", "Bearer dev:nobody"),))) == (
        grpc.StatusCode.NOT_FOUND,
        "TENANT_NOT_FOUND",
    )
    assert await refused(stack.chat(" ")) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUIRED_FIELD")
    assert await refused(stack.chat("x", conversation_id="")) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUIRED_FIELD")
    get = tenants_pb2.GetTenantRequest(tenant_id="shop")
    assert await refused(stack.tenants.GetTenant(get, metadata=CLIENT)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "OPERATOR_ONLY",
    )


async def test_tenants_are_put_read_listed_and_removed(stack: Stack) -> None:
    same = await stack.put_shop()
    assert (same.changed, same.tenant.version, same.tenant.display_name) == (False, 1, "La Boutique")
    renamed = BUNDLE_YAML.replace("name: La Boutique\n", "name: Le Magasin\n", 1)
    checked = await stack.put_shop(renamed, validate_only=True)
    assert (checked.changed, checked.tenant.version) == (True, 1)
    changed = await stack.put_shop(renamed, expected_version=1)
    assert (changed.changed, changed.tenant.version, changed.tenant.display_name) == (True, 2, "Le Magasin")
    assert await refused(stack.put_shop(expected_version=1)) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    assert await refused(stack.put_shop("id: shop")) == (grpc.StatusCode.INVALID_ARGUMENT, "BUNDLE_INVALID")
    other = BUNDLE_YAML.replace("id: shop", "id: other")
    assert await refused(stack.put_shop(other)) == (grpc.StatusCode.INVALID_ARGUMENT, "BUNDLE_INVALID")
    await stack.tenants.PutTenant(
        tenants_pb2.PutTenantRequest(tenant_id="other", bundle_yaml=other, reason="test"), metadata=OPERATOR
    )
    got = await stack.tenants.GetTenant(tenants_pb2.GetTenantRequest(tenant_id="shop"), metadata=OPERATOR)
    assert (got.tenant.bundle_yaml, got.tenant.actor != "") == (renamed, True)
    first = await stack.tenants.ListTenants(tenants_pb2.ListTenantsRequest(page_size=1), metadata=OPERATOR)
    rest = await stack.tenants.ListTenants(
        tenants_pb2.ListTenantsRequest(page_token=first.next_page_token), metadata=OPERATOR
    )
    assert [each.tenant_id for each in [*first.tenants, *rest.tenants]] == ["other", "shop"]
    assert rest.next_page_token == ""
    gone = tenants_pb2.DeleteTenantRequest(tenant_id="other", reason="test")
    await stack.tenants.DeleteTenant(gone, metadata=OPERATOR)
    assert await refused(stack.tenants.DeleteTenant(gone, metadata=OPERATOR)) == (
        grpc.StatusCode.NOT_FOUND,
        "TENANT_NOT_FOUND",
    )


async def test_rollout_says_what_is_in_force_and_why(stack: Stack) -> None:
    state = (await stack.rollout.GetRollout(rollout_pb2.GetRolloutRequest(), metadata=OPERATOR)).state
    assert (state.hybrid_enabled, state.percent, state.source) == (True, 100.0, "environment")
    ask = rollout_pb2.ExplainAssignmentRequest(tenant_id="shop", conversation_id="c1")
    explained = await stack.rollout.ExplainAssignment(ask, metadata=OPERATOR)
    assert (explained.variant, explained.percent, explained.decided_by) == (
        router_pb2.VARIANT_HYBRID,
        100.0,
        "environment",
    )
    assert 0 <= explained.bucket < 100_000


async def test_classic_is_the_default_and_everything_runs_without_redis() -> None:
    async with running_stack() as stack:
        await stack.put_shop()
        first = await stack.chat("bonjour", turn_id="t1")
        assert (first.text, first.stored) == ("classic: bonjour", router_pb2.STORED_MEMORY)
        assert (await stack.chat("bonjour", turn_id="t1")).replayed
        state = (await stack.rollout.GetRollout(rollout_pb2.GetRolloutRequest(), metadata=OPERATOR)).state
        assert (state.hybrid_enabled, state.source) == (False, "default")
        status: Any = common_pb2_grpc.StatusServiceStub(stack.channel)
        answer = await status.GetStatus(common_pb2.GetStatusRequest(), metadata=OPERATOR)
        assert (answer.service, answer.degraded) == ("router", False)
        assert answer.dependencies[0].state == common_pb2.Dependency.STATE_EMBEDDED
        health: Any = health_pb2_grpc.HealthStub(stack.channel)
        check = health_pb2.HealthCheckRequest(service="repartee.v1.RouterService")
        assert (await health.Check(check)).status == health_pb2.HealthCheckResponse.SERVING


async def test_nothing_behind_the_router_listens_and_it_still_answers(tmp_path: Any) -> None:
    dead = "127.0.0.1:1"
    settings = RouterSettings(
        port=0,
        cache_target=dead,
        hybrid_target=dead,
        classic_target=dead,
        redis_url=f"redis://{dead}",  # type: ignore[arg-type]
        use_hybrid_botlive="true",
    )
    async with running(settings) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        router: Any = router_pb2_grpc.RouterServiceStub(channel)
        request = router_pb2.ChatRequest(conversation_id="c1", message="bonjour")
        response = await router.Chat(request, metadata=CLIENT, timeout=2)
        assert (response.text, response.rung) == ("Envoyez photo du paquet 📦", router_pb2.RUNG_EMERGENCY)
        assert response.stored == router_pb2.STORED_PENDING
        status: Any = common_pb2_grpc.StatusServiceStub(channel)
        answer = await status.GetStatus(common_pb2.GetStatusRequest(), metadata=OPERATOR)
        assert answer.degraded


async def test_unclear_switch_refuses_to_start() -> None:
    with pytest.raises(InvalidRequest, match="USE_HYBRID_BOTLIVE"):
        async with running(RouterSettings(port=0, use_hybrid_botlive="perhaps")):
            pass


def test_switch_is_read_from_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_HYBRID_BOTLIVE", "true")
    monkeypatch.setenv("REPARTEE_ROLLOUT_PERCENT", "12.5")
    settings = RouterSettings()
    assert (settings.use_hybrid_botlive, settings.rollout_percent) == ("true", 12.5)


def test_engine_message_limits_hold_the_history() -> None:
    """The proto allows an engine 50 earlier messages."""
    field = RouterSettings.model_fields["history_messages"]
    assert any(getattr(rule, "le", None) == 50 for rule in field.metadata)
    assert "history" in engine_pb2.GenerateAnswerRequest.DESCRIPTOR.fields_by_name


async def test_page_tokens_that_no_page_gave_are_refused(stack: Stack) -> None:
    await stack.chat("bonjour")
    for token in ("-1", "٣", "9" * 30, "1\x00", "null"):
        request = router_pb2.ListMessagesRequest(conversation_id="c1", page_token=token)
        assert await refused(stack.router.ListMessages(request, metadata=CLIENT)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_FIELD",
        )


async def test_long_reply_does_not_keep_engines_from_answering_what_follows(stack: Stack) -> None:
    stack.cache.answers["Vos conditions ?"] = "é" * 4000
    assert len((await stack.chat("Vos conditions ?")).text) == 4000
    assert (await stack.chat("Merci 🙏")).text == "hybrid: Merci 🙏"
    assert [each.text for each in stack.hybrid.requests[0].history] == ["Vos conditions ?", "é" * 2048]


async def test_reasoning_stays_hidden_when_an_operators_turn_is_repeated(stack: Stack) -> None:
    first = await stack.chat("bonjour", turn_id="t1", metadata=OPERATOR, tenant_id="shop")
    again = await stack.chat("bonjour", turn_id="t1")
    assert (first.reasoning, again.reasoning, again.replayed) == ("une seule agente", "", True)
    turn = router_pb2.ChatRequest(conversation_id="c1", message="bonjour", turn_id="t1")
    events = [each async for each in stack.router.StreamChat(router_pb2.StreamChatRequest(turn=turn), metadata=CLIENT)]
    assert events[-1].completed.response.reasoning == ""


async def test_turn_of_a_stream_without_a_deadline_has_the_time_of_a_turn(stack: Stack) -> None:
    turn = router_pb2.ChatRequest(conversation_id="c1", message="bonjour")
    for _ in range(2):
        async for _ in stack.router.StreamChat(router_pb2.StreamChatRequest(turn=turn), metadata=CLIENT):
            pass
        await stack.router.Chat(turn, metadata=CLIENT)
    assert len(stack.hybrid.seconds) == 4
    assert all(seconds < DEFAULT_TURN_SECONDS for seconds in stack.hybrid.seconds)


async def test_stream_that_its_caller_cancels_lets_the_next_turn_in(stack: Stack) -> None:
    await stack.chat("bonjour", conversation_id="c0")
    stack.hybrid.asked.clear()
    stack.hybrid.gate.clear()
    turn = router_pb2.ChatRequest(conversation_id="c1", message="un")
    call = stack.router.StreamChat(router_pb2.StreamChatRequest(turn=turn), metadata=CLIENT)
    assert (await call.read()).WhichOneof("event") == "started"
    await stack.hybrid.asked.wait()
    call.cancel()
    stack.hybrid.gate.set()
    response = await stack.chat("deux")
    assert (response.text, response.state.event_count) == ("hybrid: deux", 1)


async def test_two_replicas_on_one_store_lose_no_turn_and_apply_none_twice(redis_url: str) -> None:
    async with (
        running_stack(redis_url=redis_url, use_hybrid_botlive="true") as one,
        running_stack(redis_url=redis_url, use_hybrid_botlive="true") as two,
    ):
        await one.put_shop()
        both = await asyncio.gather(one.chat("un", turn_id="t1"), two.chat("deux", turn_id="t2"))
        assert {each.state.event_count for each in both} == {1, 2}
        same = await asyncio.gather(*(each.chat("trois", turn_id="t3") for _ in range(25) for each in (one, two)))
        assert {(each.text, each.state.event_count) for each in same} == {(same[0].text, 3)}
        assert [each.replayed for each in same].count(False) == 1
        request = router_pb2.ListMessagesRequest(conversation_id="c1")
        page = await two.router.ListMessages(request, metadata=CLIENT)
        assert sorted(each.turn_id for each in page.messages) == ["t1", "t1", "t2", "t2", "t3", "t3"]


async def test_engine_that_hangs_is_known_to_before_its_asker_gives_up() -> None:
    hung = HybridEngine("hybrid")
    hung.gate.clear()
    question = EngineQuestion("c1", "t1", "bonjour", (), (), NO_STATE, None, "fr", "web", "")
    service = engine_pb2.DESCRIPTOR.services_by_name["EngineService"]
    async with serving(hung) as target, open_channel(target, services=[service]) as channel:
        client = EngineClient(channel)
        with use_context(call()), pytest.raises(RemoteError, match="DEADLINE_EXCEEDED"):
            await client.answer(question, timeout_seconds=0.3)
        assert client.is_failing
        assert all(seconds < 0.3 for seconds in hung.seconds)


async def test_an_operator_may_force_a_variant_and_nobody_else(stack: Stack) -> None:
    forced = (*OPERATOR, ("x-repartee-variant", "classic"))
    answered = await stack.chat("bonjour", metadata=forced, tenant_id="shop")
    assert answered.variant == router_pb2.VARIANT_CLASSIC
    for metadata, code in (
        ((*CLIENT, ("x-repartee-variant", "classic")), grpc.StatusCode.PERMISSION_DENIED),
        ((*OPERATOR, ("x-repartee-variant", "newest")), grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stack.chat("bonjour", metadata=metadata, tenant_id="shop")
        assert refused.value.code() is code
