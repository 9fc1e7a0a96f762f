"""The OpenAI-compatible model against a real HTTP server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from services.hybrid_engine.adapters.openai_chat import OpenAIChat
from services.hybrid_engine.adapters.openai_errors import failure_of
from services.hybrid_engine.llm.chat import ChatPrompt
from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.model import Limits, TokenCount
from services.hybrid_engine.llm.watching import watched
from tests.fakes.openai_double import OpenAIDouble, Scripted

PROMPT = ChatPrompt("Tu es un bot.", "Bonjour à toi", (("user", "salut"), ("assistant", "oui ?")))
# As long as a busy machine may take; only what is about time waits for one of the short ones.
LIMITS = Limits(whole_seconds=60.0, first_token_seconds=60.0, gap_seconds=60.0, sentence_seconds=60.0)
SHORT = {
    Fault.TIMEOUT: replace(LIMITS, first_token_seconds=0.2),
    Fault.STALLED: replace(LIMITS, gap_seconds=0.2),
}


@pytest.fixture
async def double() -> AsyncIterator[OpenAIDouble]:
    async with OpenAIDouble() as served:
        yield served


@pytest.fixture
async def model(double: OpenAIDouble) -> AsyncIterator[OpenAIChat]:
    chat = OpenAIChat(name="double", base_url=double.base_url, api_key="k", models=("double-small",))
    await chat.open()
    yield chat
    await chat.aclose()


async def ask(model: OpenAIChat, limits: Limits = LIMITS) -> tuple[str, str, TokenCount | None]:
    text, finish, count = "", "", None
    async with aclosing(model.stream(PROMPT, model="double-small")) as pieces:
        async for piece in watched(pieces, limits, tier="double", seconds_left=60):
            text, finish, count = text + piece.text, piece.finish or finish, piece.count or count
    return text, finish, count


async def test_a_reply_comes_with_its_tokens(double: OpenAIDouble, model: OpenAIChat) -> None:
    text, finish, count = await ask(model)
    assert (text, finish) == ("Bonjour à toi", "stop")
    assert count is not None
    assert count.prompt + count.completion == double.tokens
    assert [message["role"] for message in double.requests[0]["messages"]] == ["system", "user", "assistant", "user"]
    assert double.requests[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Scripted(status=500), Fault.SERVER_ERROR),
        (Scripted(status=503), Fault.SERVER_ERROR),
        (Scripted(status=401), Fault.REFUSED),
        (Scripted(status=403), Fault.REFUSED),
        (Scripted(status=404), Fault.MODEL_GONE),
        (Scripted(status=429), Fault.RATE_LIMITED),
        (Scripted(status=429, code="insufficient_quota"), Fault.RATE_LIMITED),
        (Scripted(status=400), Fault.BAD_REQUEST),
        (Scripted(status=400, code="context_length_exceeded"), Fault.CONTEXT_LENGTH),
        (Scripted(status=400, code="content_filter"), Fault.CONTENT_FILTERED),
        (Scripted(status=400, code="model_decommissioned"), Fault.MODEL_GONE),
        (Scripted(reset=True), Fault.UNREACHABLE),
        (Scripted(delay_seconds=600), Fault.TIMEOUT),
        (Scripted(hold_after=0), Fault.TIMEOUT),
        (Scripted(hold_after=1), Fault.STALLED),
        (Scripted(cut_after=1), Fault.CUT),
        (Scripted(no_finish=True), Fault.ENDED_EARLY),
        (Scripted(finish_reason="length"), Fault.TRUNCATED),
        (Scripted(finish_reason="content_filter"), Fault.CONTENT_FILTERED),
        (Scripted(endless=True), Fault.TOO_LARGE),
        (Scripted(error_after=1), Fault.SERVER_ERROR),
        (Scripted(body={"error": {"message": "overloaded", "code": 503}}), Fault.SERVER_ERROR),
        (Scripted(body={"error": {"message": "maximum context length is 8"}}), Fault.CONTEXT_LENGTH),
        (Scripted(body={"error": "broken"}), Fault.SERVER_ERROR),
        (Scripted(body="<html>Bad gateway</html>", body_type="text/html"), Fault.MALFORMED),
        (Scripted(body=["a", "list"]), Fault.MALFORMED),
        (Scripted(body="data: nothing\n\ndata: [1]\n\n", body_type="text/event-stream"), Fault.MALFORMED),
        (Scripted(body=b"x" * 200_000), Fault.MALFORMED),
        (Scripted(body=b""), Fault.MALFORMED),
        (Scripted(reply=""), Fault.EMPTY),
    ],
    ids=lambda each: each.name.lower() if isinstance(each, Fault) else "",
)
async def test_whatever_goes_wrong_has_a_name(
    double: OpenAIDouble, model: OpenAIChat, step: Scripted, fault: Fault
) -> None:
    double.script(step)
    with pytest.raises(TierFailure) as raised:
        await ask(model, SHORT.get(fault, LIMITS))
    assert raised.value.fault is fault
    assert "Bonjour" not in str(raised.value)
    assert len(double.requests) == 1, "the SDK must not retry by itself"


@pytest.mark.parametrize(
    "step",
    [
        Scripted(malformed_after=1),
        Scripted(no_done=True),
        Scripted(body='{"choices": [{"message": {"content": "Bonjour à toi"}, "finish_reason": "stop"}], "usage": 3}'),
        Scripted(
            body='data: {"choices": 3}\n\ndata: {"choices": [{"delta": {"content": ["?"]}}]}\r\n\r\n: ping\n\n'
            'data: {"choices": [{"delta": {"content": "Bonjour à toi"}, "finish_reason": "stop"}],'
            ' "usage": {"prompt_tokens": true, "completion_tokens": -4}}\n\n',
            body_type="text/event-stream",
        ),
    ],
    ids=["malformed event", "no DONE", "not streamed", "wrong types"],
)
async def test_what_can_be_read_is_read(double: OpenAIDouble, model: OpenAIChat, step: Scripted) -> None:
    double.script(step)
    assert (await ask(model))[:2] == ("Bonjour à toi", "stop")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 07:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    failure = failure_of("t", 429, None, headers, now=lambda: 1795248000.0)
    assert failure.retry_after_seconds == seconds


async def test_a_server_that_is_gone_is_unreachable(double: OpenAIDouble, model: OpenAIChat) -> None:
    await double.stop()
    with pytest.raises(TierFailure) as raised:
        await ask(model)
    assert raised.value.fault is Fault.UNREACHABLE
    with pytest.raises(TierFailure):
        await model.probe()


@pytest.mark.parametrize(
    "address", ["http://user:pw@127.0.0.1:9/v1", f"http://{'a' * 70}.test/v1", "gopher:", "http://[1"]
)
async def test_an_address_that_cannot_be_called_is_unreachable(address: str) -> None:
    chat = OpenAIChat(name="d", base_url=address, api_key="k", models=("m",))
    for call in (chat.probe(), ask(chat)):
        with pytest.raises(TierFailure) as raised:
            await call
        assert raised.value.fault is Fault.UNREACHABLE
    await chat.aclose()


async def test_a_probe_lists_what_is_ready(double: OpenAIDouble, model: OpenAIChat) -> None:
    assert await model.probe() == ["double-small", "double-large"]
    double.models = []
    assert await model.probe() == []
    double.api_key = "another"
    with pytest.raises(TierFailure) as raised:
        await model.probe()
    assert raised.value.fault is Fault.REFUSED


@pytest.mark.parametrize(
    "body",
    [b"", b'{"data": [', b"\xff{", b"[" * 100_000, b'{"data": 3}', b"[]", b"x" * 5_000_000],
    ids=["empty", "cut", "not UTF-8", "deep", "a number", "a list", "endless"],
)
async def test_a_list_that_is_none_is_malformed(double: OpenAIDouble, model: OpenAIChat, body: bytes) -> None:
    double.models_body = body
    with pytest.raises(TierFailure) as raised:
        await model.probe()
    assert raised.value.fault is Fault.MALFORMED


async def test_what_is_declared_is_asked_for(double: OpenAIDouble) -> None:
    chat = OpenAIChat(
        name="d", base_url=double.base_url, api_key="k", models=("m",), counts_as_it_goes=True, knows_json_mode=True
    )
    async with aclosing(chat.stream(PROMPT, model="m", temperature=0.0, json=True)) as pieces:
        counts = [piece.count async for piece in pieces]
    assert all(counts), "every event brings a count"
    sent = double.requests[0]
    assert (sent["temperature"], sent["response_format"]) == (0.0, {"type": "json_object"})
    assert sent["stream_options"]["continuous_usage_stats"]
    await chat.warm_up()
    assert double.requests[1]["max_tokens"] == 1
    await chat.aclose()


async def test_a_cancelled_call_reaches_the_server(double: OpenAIDouble, model: OpenAIChat) -> None:
    double.script(Scripted(hold_after=0))
    call = asyncio.create_task(ask(model))
    await double.arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(double.client_left.wait(), 5)


async def test_more_calls_than_places_are_busy_and_not_lost(double: OpenAIDouble) -> None:
    chat = OpenAIChat(
        name="d", base_url=double.base_url, api_key="k", models=("m",), max_concurrent=1, busy_seconds=0.01
    )
    async with aclosing(chat.stream(PROMPT, model="m")) as first:
        await anext(first)
        with pytest.raises(TierFailure) as raised:
            await anext(chat.stream(PROMPT, model="m"))
        assert raised.value.fault is Fault.BUSY
    async with aclosing(chat.stream(PROMPT, model="m")) as third:
        await anext(third)
    await chat.aclose()
