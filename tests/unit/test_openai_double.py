"""The OpenAI double speaks well enough for the real SDK, and misbehaves as scripted."""

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI, DefaultAioHttpClient

from tests.fakes.openai_double import OpenAIDouble, Scripted

_MESSAGES = [{"role": "system", "content": "Sois bref."}, {"role": "user", "content": "Bonjour à tous"}]


@pytest.fixture
async def client(openai_double: OpenAIDouble) -> AsyncIterator[AsyncOpenAI]:
    sdk = AsyncOpenAI(
        base_url=openai_double.base_url, api_key="k", max_retries=0, timeout=5.0, http_client=DefaultAioHttpClient()
    )
    yield sdk
    await sdk.close()


async def _stream(client: AsyncOpenAI) -> tuple[str, str | None, int]:
    text, finish, tokens = "", None, 0
    stream = await client.chat.completions.create(
        model="m", messages=_MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    async with stream:
        async for chunk in stream:
            if chunk.usage:
                tokens = chunk.usage.total_tokens
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
    return text, finish, tokens


async def test_chat_answers_with_usage_that_is_on_the_invoice(openai_double: OpenAIDouble, client: AsyncOpenAI) -> None:
    openai_double.script(Scripted(reply="Bonjour !", finish_reason="length"))
    answer = await client.chat.completions.create(model="m", messages=_MESSAGES)
    assert answer.choices[0].message.content == "Bonjour !"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.total_tokens == openai_double.tokens == 7


async def test_a_stream_gives_words_finish_and_usage(openai_double: OpenAIDouble, client: AsyncOpenAI) -> None:
    assert await _stream(client) == ("Bonjour à tous", "stop", 8)
    assert openai_double.invoice[0].complete
    assert openai_double.tokens == 8


async def test_models_are_listed(openai_double: OpenAIDouble, client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == openai_double.models


async def test_a_limit_is_answered_with_its_header_once(openai_double: OpenAIDouble, client: AsyncOpenAI) -> None:
    openai_double.script(Scripted(status=429, headers={"Retry-After": "7"}))
    with pytest.raises(openai.RateLimitError) as limited:
        await client.chat.completions.create(model="m", messages=_MESSAGES)
    assert limited.value.response.headers["Retry-After"] == "7"
    assert (await client.chat.completions.create(model="m", messages=_MESSAGES)).usage is not None


async def test_a_cut_stream_breaks_and_is_billed_for_what_was_sent(
    openai_double: OpenAIDouble, client: AsyncOpenAI
) -> None:
    openai_double.script(Scripted(cut_after=2))
    with pytest.raises(openai.APIConnectionError):
        await _stream(client)
    (line,) = openai_double.invoice
    assert (line.completion_tokens, line.complete) == (2, False)


async def test_a_stream_without_a_finish_ends_cleanly(openai_double: OpenAIDouble, client: AsyncOpenAI) -> None:
    openai_double.script(Scripted(no_finish=True))
    assert (await _stream(client))[:2] == ("Bonjour à tous", None)


@pytest.mark.parametrize("step", [Scripted(hold_after=1), Scripted(endless=True)], ids=["held", "endless"])
async def test_a_client_that_leaves_ends_the_stream(
    openai_double: OpenAIDouble, client: AsyncOpenAI, step: Scripted
) -> None:
    openai_double.script(step)
    stream = await client.chat.completions.create(model="m", messages=_MESSAGES, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    async with asyncio.timeout(5):
        await openai_double.client_left.wait()
    assert not openai_double.invoice[0].complete
