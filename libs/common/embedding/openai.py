"""The remote embedder: any server that speaks OpenAI's embeddings API."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from libs.common.attributes import Names
from libs.common.errors import Unavailable
from libs.common.stages import model_call

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAIError
    from openai.types import CreateEmbeddingResponse

# The API takes 2,048 inputs of 8,191 tokens and 300,000 tokens a request; a token has one character or more.
_BATCH_TEXTS = 64
_MAX_CHARACTERS = 8_000
_SENSELESS = "The embeddings server answers with something that is not one vector for each text."


class OpenAIEmbedder:
    """Texts are cut at 8,000 characters and sent in batches of 64. `tokens` counts what the server billed; `billed` is
    told of each request, in the context of the call that asked.

    `timeout_seconds` limits each request; there is no hidden retry. Must be closed with `aclose`.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "https://api.openai.com/v1",
        model: str = "text-embedding-3-small",
        dimensions: int = 1536,
        timeout_seconds: float = 5.0,
        connect_timeout_seconds: float = 1.0,
        billed: Callable[[int], None] | None = None,
    ) -> None:
        self.dimensions = dimensions
        self.embedder_id = f"openai:{model}:{dimensions}"
        self.tokens = 0
        self._api_key = api_key
        self._base_url = base_url
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._billed = billed
        self._client: AsyncOpenAI | None = None

    async def warm_up(self) -> None:
        """Loads the SDK, so that the first question does not wait for it; calls nobody."""
        self._open()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`; one request for every 64 texts, one after the other."""
        # The API refuses an empty input.
        cut = [text[:_MAX_CHARACTERS].strip() or " " for text in texts]
        rows = np.empty((len(cut), self.dimensions), dtype=np.float32)
        for first in range(0, len(cut), _BATCH_TEXTS):
            batch = cut[first : first + _BATCH_TEXTS]
            with model_call("embeddings", provider="openai", model=self._model) as step:
                step.note(Names.ITEMS, len(batch))
                rows[first : first + len(batch)] = await self._embed_batch(batch)
        return rows

    async def _embed_batch(self, batch: list[str]) -> NDArray[np.float32]:
        client = self._open()
        from openai import OpenAIError  # noqa: PLC0415  # loaded with the client

        try:
            answer = await client.embeddings.create(
                model=self._model, input=batch, dimensions=self.dimensions, encoding_format="float"
            )
        except OpenAIError as error:
            raise _unavailable(error) from error
        except ValueError as error:  # a body that is no JSON
            raise Unavailable("EMBEDDER_UNAVAILABLE", _SENSELESS) from error
        # Servers that only imitate the API may leave the usage out. Vectors that are of no use were billed too.
        said = getattr(getattr(answer, "usage", None), "total_tokens", 0)
        tokens = said if isinstance(said, int) else 0
        self.tokens += tokens
        if self._billed is not None:
            self._billed(tokens)
        return self._rows(answer, len(batch))

    def _rows(self, answer: "CreateEmbeddingResponse", count: int) -> NDArray[np.float32]:
        try:
            vectors = {item.index: item.embedding for item in answer.data}
            other_lengths = {len(vector) for vector in vectors.values()} - {self.dimensions}
            if other_lengths:
                raise Unavailable(
                    "EMBEDDER_UNAVAILABLE",
                    f"The model {self._model!r} answers {min(other_lengths)} dimensions, not {self.dimensions}: "
                    "correct REPARTEE_OPENAI_EMBEDDING_DIMENSIONS.",
                )
            if vectors.keys() != set(range(count)):
                raise Unavailable("EMBEDDER_UNAVAILABLE", _SENSELESS)
            rows = np.array([vectors[n] for n in range(count)], dtype=np.float32)
        # The SDK does not check what it received against its own types.
        except (AttributeError, TypeError, ValueError) as error:
            raise Unavailable("EMBEDDER_UNAVAILABLE", _SENSELESS) from error
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
            raise Unavailable("EMBEDDER_UNAVAILABLE", _SENSELESS)
        return rows / lengths

    def _open(self) -> "AsyncOpenAI":
        if self._client is None:
            # 0.6 s: only for processes that use it.
            from openai import AsyncOpenAI, DefaultAioHttpClient, Timeout  # noqa: PLC0415

            timeout = Timeout(self._timeout_seconds, connect=self._connect_timeout_seconds)
            self._client = AsyncOpenAI(
                api_key=self._api_key,
                base_url=self._base_url,
                timeout=timeout,
                max_retries=0,
                # httpx's own pool stops for good after enough cancelled calls.
                http_client=DefaultAioHttpClient(timeout=timeout),
            )
        return self._client

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _unavailable(error: "OpenAIError") -> Unavailable:
    # Never the server's own text: it may quote what was sent.
    status: int | None = getattr(error, "status_code", None)
    if status in (401, 403):
        message = "The embeddings server refuses the key: check REPARTEE_OPENAI_API_KEY."
    elif status is not None:
        message = f"The embeddings server answers with status {status}."
    else:
        message = f"The embeddings server does not answer ({type(error).__name__})."
    return Unavailable("EMBEDDER_UNAVAILABLE", message)
