"""The OpenAI-compatible tier against a real HTTP server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from libs.common.errors import PreconditionFailed, ReparteeError
from services.hybrid_engine.adapters.openai_chat import Limits, OpenAIChat
from services.hybrid_engine.llm.tiers import ChatPrompt
from tests.fakes.openai_double import OpenAIDouble, Scripted

PROMPT = ChatPrompt("Tu es un bot.", "Bonjour à toi", (("user", "salut"), ("assistant", "oui ?")))
LIMITS = Limits(whole_seconds=2.0, first_token_seconds=0.3, gap_seconds=0.2, max_concurrent=2)


@pytest.fixture
async def double() -> AsyncIterator[OpenAIDouble]:
    served = OpenAIDouble()
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def tier(double: OpenAIDouble) -> AsyncIterator[OpenAIChat]:
    model = OpenAIChat(name="double", base_url=double.base_url, api_key="k", model="double-small", limits=LIMITS)
    yield model
    await model.aclose()


async def test_a_reply_comes_with_its_tokens(double: OpenAIDouble, tier: OpenAIChat) -> None:
    reply = await tier.complete(PROMPT, timeout_seconds=2)
    assert (reply.text, reply.tier, reply.finish_reason) == ("Bonjour à toi", "double", "stop")
    assert (reply.prompt_tokens + reply.completion_tokens) == double.tokens
    assert [message["role"] for message in double.requests[0]["messages"]] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Scripted(status=500), "LLM_UNAVAILABLE"),
        (Scripted(status=401), "LLM_UNAVAILABLE"),
        (Scripted(status=429), "LLM_UNAVAILABLE"),
        (Scripted(cut_after=1), "LLM_UNAVAILABLE"),
        (Scripted(hold_after=1), "LLM_STALLED"),
        (Scripted(hold_after=0), "LLM_STALLED"),
        (Scripted(no_finish=True), "LLM_TRUNCATED"),
        (Scripted(finish_reason="length"), "LLM_TRUNCATED"),
        (Scripted(finish_reason="content_filter"), "LLM_CONTENT_FILTERED"),
        (Scripted(endless=True), "LLM_TOO_LARGE"),
        (Scripted(delay_seconds=5), "LLM_TIMEOUT"),
    ],
)
async def test_whatever_goes_wrong_has_a_name(
    double: OpenAIDouble, tier: OpenAIChat, step: Scripted, reason: str
) -> None:
    double.script(step)
    with pytest.raises(ReparteeError) as raised:
        await tier.complete(PROMPT, timeout_seconds=2)
    assert raised.value.reason == reason
    assert isinstance(raised.value, PreconditionFailed) == (reason == "LLM_CONTENT_FILTERED")
    assert len(double.requests) == 1, "the SDK must not retry by itself"


async def test_a_server_that_is_gone_is_unavailable(double: OpenAIDouble, tier: OpenAIChat) -> None:
    await double.stop()
    with pytest.raises(ReparteeError) as raised:
        await tier.complete(PROMPT, timeout_seconds=2)
    assert raised.value.reason == "LLM_UNAVAILABLE"


async def test_the_turns_own_time_bounds_the_tier(double: OpenAIDouble, tier: OpenAIChat) -> None:
    double.script(Scripted(gate=asyncio.Event()))
    with pytest.raises(ReparteeError) as raised:
        await tier.complete(PROMPT, timeout_seconds=0.05)
    assert raised.value.reason == "LLM_TIMEOUT"


async def test_a_cancelled_call_reaches_the_server(double: OpenAIDouble, tier: OpenAIChat) -> None:
    asked = asyncio.Event()

    def respond(_: Mapping[str, Any]) -> str:
        asked.set()
        return "un deux trois"

    double.responder = respond
    double.script(Scripted(hold_after=0))
    call = asyncio.create_task(tier.complete(PROMPT, timeout_seconds=2))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(double.client_left.wait(), 5)
