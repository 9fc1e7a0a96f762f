"""StreamChat over real channels: the events a caller gets, and what an engine's stream may do to them."""

from typing import Any

import grpc
import pytest

from libs.common.channel import open_channel
from libs.common.errors import Unavailable
from libs.common.request_context import use_context
from repartee.v1 import common_pb2, engine_pb2, router_pb2
from services.router.adapters import engine_client
from services.router.adapters.engine_client import EngineClient
from services.router.ladder import EngineQuestion
from services.router.turn import NO_STATE, Attempt
from tests.fakes.router_world import call
from tests.fakes.upstream_servers import UpstreamEngine, serving
from tests.service.test_router import CLIENT, OPERATOR, Stack, running_stack

ENGINE = engine_pb2.DESCRIPTOR.services_by_name["EngineService"]
QUESTION = EngineQuestion("c1", "t1", "bonjour", (), (), NO_STATE, None, "fr", "web", "", "classic", True)


def stream(stack: Stack, message: str, *, metadata: Any = CLIENT, timeout: float | None = None, **fields: Any) -> Any:
    turn = router_pb2.ChatRequest(conversation_id="c1", message=message, **fields)
    return stack.router.StreamChat(router_pb2.StreamChatRequest(turn=turn), metadata=metadata, timeout=timeout)


def told(events: list[router_pb2.StreamChatResponse]) -> list[str]:
    said = {"delta": lambda each: each.delta.text, "reset": lambda each: f"!{each.reset.reason}"}
    return [said.get(str(each.WhichOneof("event")), lambda each: each.WhichOneof("event"))(each) for each in events]


class _Sink:
    def __init__(self) -> None:
        self.events: list[str] = []

    def delta(self, text: str) -> None:
        self.events.append(text)

    def reset(self, reason: str) -> None:
        self.events.append(f"!{reason}")


@pytest.fixture
async def stack() -> Any:
    async with running_stack(use_hybrid_botlive="true") as one:
        await one.put_shop()
        yield one


async def test_deltas_arrive_in_order_and_completed_repeats_them(stack: Stack) -> None:
    stack.hybrid.pieces = ("hybrid: ", "bonj", "our")
    events = [each async for each in stream(stack, "bonjour")]
    assert told(events) == ["started", "hybrid: ", "bonj", "our", "completed"]
    assert [each.sequence for each in events] == [0, 1, 2, 3, 4]
    completed = events[-1].completed
    assert (completed.response.text, completed.complete, completed.finish_reason) == ("hybrid: bonjour", True, "stop")
    page = await stack.router.ListMessages(router_pb2.ListMessagesRequest(conversation_id="c1"), metadata=CLIENT)
    assert [each.text for each in page.messages] == ["bonjour", "hybrid: bonjour"]


@pytest.mark.parametrize(("ending", "reason"), [("cut", "STREAM_CUT"), ("error", "NO_TIER_AVAILABLE")])
async def test_stream_that_dies_is_taken_back_and_rescued(stack: Stack, ending: str, reason: str) -> None:
    stack.hybrid.pieces, stack.hybrid.ending = ("un débu",), ending
    events = [each async for each in stream(stack, "bonjour")]
    assert told(events) == ["started", "un débu", f"!{reason}", "classic: bonjour", "completed"]
    response = events[-1].completed.response
    assert (response.rung, list(response.reasons)) == (router_pb2.RUNG_OTHER_ENGINE, [reason])


async def test_engine_that_hangs_after_its_first_words_leaves_time_for_the_other(stack: Stack) -> None:
    stack.hybrid.pieces, stack.hybrid.ending = ("un débu",), "hang"
    events = [each async for each in stream(stack, "bonjour", timeout=1.5)]
    assert told(events) == ["started", "un débu", "!DEADLINE_EXCEEDED", "classic: bonjour", "completed"]
    await stack.hybrid.cancelled.wait()


async def test_both_engines_dead_end_in_the_emergency_text(stack: Stack) -> None:
    stack.hybrid.is_down = stack.classic.is_down = True
    events = [each async for each in stream(stack, "bonjour")]
    assert told(events) == ["started", "Envoyez photo du paquet 📦", "completed"]
    assert events[-1].completed.finish_reason == "emergency"


async def test_caller_that_leaves_ends_the_engines_stream_and_keeps_nothing(stack: Stack) -> None:
    stack.hybrid.pieces, stack.hybrid.ending = ("un débu",), "hang"
    streaming = stream(stack, "bonjour")
    assert [(await streaming.read()).WhichOneof("event") for _ in range(2)] == ["started", "delta"]
    streaming.cancel()
    await stack.hybrid.cancelled.wait()
    assert stack.classic.requests == []
    stack.hybrid.ending = "completed"
    assert (await stack.chat("encore")).state.event_count == 1


async def test_what_an_engine_spent_and_tried_is_read() -> None:
    class Engine(UpstreamEngine):
        async def GenerateAnswer(self, request: Any, context: Any) -> Any:  # noqa: N802  # the stub's name
            response = await super().GenerateAnswer(request, context)
            response.answer.attempts.add(tier="lm_studio", model="qwen3", reason="TIMEOUT", duration_ms=2500)
            response.answer.usage.cost_micro_usd = 125
            return response

    async with serving(Engine("hybrid")) as target, open_channel(target, services=[ENGINE]) as channel:
        with use_context(call()):
            answer = await EngineClient(channel).answer(QUESTION, timeout_seconds=2)
    assert answer.attempts == (Attempt("lm_studio", "qwen3", "TIMEOUT", 2500),)
    assert answer.usage.cost_micro_usd == 125


async def test_silence_in_the_middle_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_client, "MAX_SILENCE_SECONDS", 0.01)
    silent = UpstreamEngine("hybrid", pieces=("un débu",), ending="hang")
    sink = _Sink()
    async with serving(silent) as target, open_channel(target, services=[ENGINE]) as channel:
        client = EngineClient(channel)
        with use_context(call()), pytest.raises(Unavailable, match="STREAM_STALLED"):
            await client.answer(QUESTION, timeout_seconds=5, sink=sink)
        assert client.is_failing
        await silent.cancelled.wait()
    assert sink.events == ["un débu"]
    assert (silent.requests[0].shadow, silent.requests[0].assigned_variant) == (True, "classic")


async def test_tries_are_hidden_from_customers_and_shown_to_operators(stack: Stack) -> None:
    tried = [common_pb2.Attempt(tier="lm_studio", reason="TIMEOUT")]
    generate = stack.hybrid.GenerateAnswer

    async def with_attempts(request: Any, context: Any) -> engine_pb2.GenerateAnswerResponse:
        response = await generate(request, context)
        response.answer.attempts.extend(tried)
        return response

    stack.hybrid.GenerateAnswer = with_attempts  # type: ignore[method-assign]
    for metadata, expected in ((CLIENT, []), (OPERATOR, tried)):
        events = [each async for each in stream(stack, "un", metadata=metadata, tenant_id="shop")]
        assert list(events[-1].completed.response.attempts) == expected


async def test_stream_of_a_stranger_is_refused(stack: Stack) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stream(stack, "un", metadata=()).read()
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_reply_that_was_heard_in_part_is_kept_so(stack: Stack) -> None:
    response = await stack.chat("bonjour", turn_id="t1")

    async def amend(heard: str, turn_id: str = "t1") -> bool:
        request = router_pb2.AmendReplyRequest(conversation_id="c1", turn_id=turn_id, heard_text=heard)
        return (await stack.router.AmendReply(request, metadata=CLIENT)).changed

    heard = response.text[:6]
    assert [await amend(heard), await amend(heard)] == [True, False]
    page = await stack.router.ListMessages(router_pb2.ListMessagesRequest(conversation_id="c1"), metadata=CLIENT)
    assert [each.text for each in page.messages] == ["bonjour", heard]
    # A retry of the turn still gets the reply as it was given.
    assert (await stack.chat("bonjour", turn_id="t1")).text == response.text
    await stack.chat("encore")
    assert [each.text for each in stack.hybrid.requests[-1].history] == ["bonjour", heard]
    for heard, turn_id, code in (
        ("autre chose", "t1", grpc.StatusCode.INVALID_ARGUMENT),
        ("", "t-unknown", grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await amend(heard, turn_id)
        assert raised.value.code() is code
