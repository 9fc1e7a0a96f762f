"""One OpenAI-compatible language model as a tier."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from libs.common.errors import PreconditionFailed, Unavailable
from services.hybrid_engine.llm.tiers import ChatPrompt, ChatReply

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_MAX_OUTPUT_CHARACTERS = 4096
_VENDOR_MODULES = ("openai", "httpx", "aiohttp")
_GOOD_ENDS = frozenset({"stop", "end_turn", "eos"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a tier may take, in seconds, and how many requests it gets at once."""

    whole_seconds: float = 6.0
    first_token_seconds: float = 2.5
    gap_seconds: float = 1.5
    max_concurrent: int = 32


_LIMITS = Limits()


class OpenAIChat:
    """A `ChatModel` over the `openai` SDK. The client is made at the first call: importing it takes a second."""

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        api_key: str,
        model: str,
        temperature: float = 0.3,
        limits: Limits = _LIMITS,
    ) -> None:
        self._name = name
        self._base_url = base_url
        self._api_key = api_key
        self._model = model
        self._temperature = temperature
        self._limits = limits
        # The SDK's pool dies of many cancelled calls unless something outside bounds it.
        self._slots = asyncio.Semaphore(self._limits.max_concurrent)
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._closing = AsyncExitStack()

    @property
    def name(self) -> str:
        """The tier's name."""
        return self._name

    @property
    def models(self) -> Sequence[str]:
        """Its only model."""
        return (self._model,)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._closing.aclose()

    async def complete(self, prompt: ChatPrompt, *, timeout_seconds: float) -> ChatReply:
        """Returns the whole reply; see `ChatModel`."""
        whole = min(timeout_seconds, self._limits.whole_seconds)
        try:
            async with asyncio.timeout(whole), self._slots:
                return await self._stream(await self.open(), prompt, whole)
        except TimeoutError:
            raise Unavailable("LLM_TIMEOUT", f"The tier {self._name!r} took too long.") from None
        except Exception as error:
            # Named by module, because only a process that calls a model has the SDK in memory. A refused connection
            # comes as its timeout error too, so the two are not told apart here.
            if not type(error).__module__.startswith(_VENDOR_MODULES):
                raise
            status = getattr(error, "status_code", None)
            detail = f"status {status}" if status else type(error).__name__
            raise Unavailable("LLM_UNAVAILABLE", f"The tier {self._name!r} failed ({detail}).") from None

    async def open(self) -> "AsyncOpenAI":
        """Makes the client, once. Importing the SDK takes a second, so it happens in a thread."""
        if self._client is None:
            async with self._opening:
                sdk = await asyncio.to_thread(importlib.import_module, "openai")
                if self._client is None:
                    self._client = self._connect(sdk)
        return self._client

    def _connect(self, sdk: Any) -> "AsyncOpenAI":
        client: AsyncOpenAI = sdk.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key or "none",
            max_retries=0,
            timeout=self._limits.whole_seconds,
            http_client=sdk.DefaultAioHttpClient(timeout=self._limits.whole_seconds),
        )
        self._closing.push_async_callback(client.close)
        return client

    async def _stream(self, client: "AsyncOpenAI", prompt: ChatPrompt, whole: float) -> ChatReply:
        messages = [{"role": "system", "content": prompt.system}]
        messages += [{"role": role, "content": text} for role, text in prompt.history]
        messages.append({"role": "user", "content": prompt.user})
        async with asyncio.timeout(self._limits.first_token_seconds):
            stream = await client.chat.completions.create(
                model=self._model,
                messages=cast("Any", messages),
                temperature=self._temperature,
                max_tokens=prompt.max_output_tokens,
                stream=True,
                stream_options={"include_usage": True},
                timeout=whole,
            )
        async with stream:
            return await self._collect(cast("AsyncIterator[Any]", stream.__aiter__()))

    async def _collect(self, chunks: AsyncIterator[Any]) -> ChatReply:
        text, finish, prompt_tokens, completion_tokens = "", "", 0, 0
        wait = self._limits.first_token_seconds
        while True:
            started = time.monotonic()
            try:
                async with asyncio.timeout(wait):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                silence = time.monotonic() - started
                raise Unavailable("LLM_STALLED", f"The tier {self._name!r} was silent for {silence:.1f} s.") from None
            if chunk is None:
                break
            if chunk.usage:
                prompt_tokens, completion_tokens = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
            for choice in chunk.choices[:1]:
                piece = choice.delta.content or ""
                text += piece
                finish = choice.finish_reason or finish
                if piece:
                    wait = self._limits.gap_seconds
            if len(text) > _MAX_OUTPUT_CHARACTERS:
                raise Unavailable("LLM_TOO_LARGE", f"The tier {self._name!r} would not stop.")
        if finish == "content_filter":
            raise PreconditionFailed("LLM_CONTENT_FILTERED", f"A filter of the tier {self._name!r} refused the text.")
        if finish not in _GOOD_ENDS:
            raise Unavailable("LLM_TRUNCATED", f"The tier {self._name!r} ended with {finish or 'no finish reason'!r}.")
        return ChatReply(text, self._name, finish, prompt_tokens, completion_tokens)
