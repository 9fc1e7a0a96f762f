"""One OpenAI-compatible server as a tier's model."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

from services.hybrid_engine.adapters.openai_errors import failure_of
from services.hybrid_engine.adapters.openai_events import BodyReader, parsed_object
from services.hybrid_engine.llm.chat import ChatPrompt
from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.model import Piece

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_VENDOR_MODULES = ("openai", "httpx", "aiohttp")
_CONNECT_SECONDS = 1.0
_WARM_UP_SECONDS = 60.0
# Above every limit of the cascade, which watches itself; the SDK's own would be 600 s.
_READ_SECONDS = 65.0
# A gateway to every vendor lists its models in less.
_MAX_LIST_BYTES = 4 * 1024 * 1024


class OpenAIChat:
    """A `ChatModel` over the `openai` SDK. The client is made at the first call: importing it takes a second.

    A call that finds `max_concurrent` others under way waits `busy_seconds` for a place, then goes elsewhere.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        api_key: str,
        models: Sequence[str],
        temperature: float = 0.3,
        max_concurrent: int = 32,
        busy_seconds: float = 1.0,
        counts_as_it_goes: bool = False,
        knows_json_mode: bool = False,
    ) -> None:
        self._name = name
        self._base_url = base_url
        self._api_key = api_key
        self._models = tuple(models)
        self._temperature = temperature
        self._stream_options = {"include_usage": True}
        if counts_as_it_goes:
            self._stream_options["continuous_usage_stats"] = True
        self._knows_json_mode = knows_json_mode
        # The SDK's pool dies of many cancelled calls unless something outside bounds it.
        self._busy_seconds = busy_seconds
        self._slots = asyncio.Semaphore(max_concurrent)
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._closing = AsyncExitStack()

    @property
    def name(self) -> str:
        """The tier's name."""
        return self._name

    @property
    def models(self) -> Sequence[str]:
        """Its models."""
        return self._models

    @property
    def base_url(self) -> str:
        """Where it is."""
        return self._base_url

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._closing.aclose()

    async def stream(
        self, prompt: ChatPrompt, *, model: str, temperature: float | None = None, json: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """Yields what the server sends; see `ChatModel`."""
        request: dict[str, Any] = {
            "model": model,
            "messages": _messages(prompt),
            "temperature": self._temperature if temperature is None else temperature,
            "max_tokens": prompt.max_output_tokens,
            "stream": True,
            "stream_options": self._stream_options,
        }
        if json and self._knows_json_mode:
            request["response_format"] = {"type": "json_object"}
        await self._take_slot()
        opened = False
        try:
            client = cast("Any", await self.open())
            async with client.chat.completions.with_streaming_response.create(**request) as response:
                opened = True
                reader = BodyReader(self._name)
                async for received in response.iter_bytes():
                    for piece in reader.feed(received):
                        yield piece
                    if reader.done:
                        break
                for piece in reader.end():
                    yield piece
        except Exception as error:
            if not _is_vendors(error):
                raise
            raise self._failure(error, opened=opened) from None
        finally:
            self._slots.release()

    async def probe(self) -> Sequence[str]:
        """Returns the names that GET /models lists; see `ChatModel`."""
        try:
            client = cast("Any", await self.open())
            body = b""
            async with client.models.with_streaming_response.list() as response:
                async for received in response.iter_bytes():
                    body += received
                    if len(body) > _MAX_LIST_BYTES:
                        raise TierFailure(Fault.MALFORMED, self._name)
        except Exception as error:
            if not _is_vendors(error):
                raise
            raise self._failure(error, opened=False) from None
        listed = parsed_object(body)
        models = listed.get("data") if listed else None
        if not isinstance(models, list):
            raise TierFailure(Fault.MALFORMED, self._name)
        entries = [cast("dict[str, Any]", each) for each in cast("list[Any]", models) if isinstance(each, dict)]
        return [str(entry["id"]) for entry in entries if "id" in entry]

    async def warm_up(self) -> None:
        """Asks for one token, and waits up to a minute for it."""
        prompt = ChatPrompt(system="", user="ok", max_output_tokens=1)
        try:
            async with asyncio.timeout(_WARM_UP_SECONDS):
                async for _ in self.stream(prompt, model=self._models[0]):
                    pass
        except TimeoutError:
            raise TierFailure(Fault.TIMEOUT, self._name) from None

    async def open(self) -> "AsyncOpenAI":
        """Makes the client, once; it connects when it is used."""
        if self._client is None:
            async with self._opening:
                sdk = await load_sdk()
                if self._client is None:
                    self._client = self._connect(sdk)
        return self._client

    def _connect(self, sdk: Any) -> "AsyncOpenAI":
        timeout = sdk.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
        client: AsyncOpenAI = sdk.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key or "none",
            max_retries=0,
            timeout=timeout,
            http_client=sdk.DefaultAioHttpClient(timeout=timeout),
        )
        self._closing.push_async_callback(client.close)
        return client

    async def _take_slot(self) -> None:
        try:
            async with asyncio.timeout(self._busy_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise TierFailure(Fault.BUSY, self._name) from None

    def _failure(self, error: Exception, *, opened: bool) -> TierFailure:
        """Returns what an error of the SDK or its transport means."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            response: Any = getattr(error, "response", None)
            return failure_of(self._name, status, getattr(error, "body", None), getattr(response, "headers", {}))
        if opened:
            return TierFailure(Fault.CUT, self._name)
        # The transport calls every failure to connect a timeout; the cause below tells a refusal from silence.
        waited = any(isinstance(cause, TimeoutError) for cause in _causes(error))
        return TierFailure(Fault.TIMEOUT if waited else Fault.UNREACHABLE, self._name)


async def load_sdk() -> Any:
    """Returns the `openai` module. Importing it takes a second, so it happens in a thread."""
    sdk = await asyncio.to_thread(importlib.import_module, "openai")
    # It would import these parts at the first call, on the event loop.
    await asyncio.to_thread(importlib.import_module, "openai.resources.chat.completions")
    await asyncio.to_thread(importlib.import_module, "openai.resources.models")
    return sdk


def _is_vendors(error: Exception) -> bool:
    """Whether an error comes from the SDK or its transport, by module: only who calls a model has them in memory.

    An address or a header that cannot be sent is a plain ValueError.
    """
    return isinstance(error, ValueError) or type(error).__module__.startswith(_VENDOR_MODULES)


def _causes(error: BaseException | None) -> Sequence[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _messages(prompt: ChatPrompt) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    messages += [{"role": role, "content": text} for role, text in prompt.history]
    # A prompt that ends with the model's own words has no last message of the customer.
    return messages + ([{"role": "user", "content": prompt.user}] if prompt.user else [])
