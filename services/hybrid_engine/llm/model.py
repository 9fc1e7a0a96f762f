"""The port of one language model server, and how long it may take."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.hybrid_engine.llm.chat import ChatPrompt


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one try may take, in seconds, and how much it may write, in bytes of UTF-8.

    `sentence_seconds` is the longest wait for the end of a sentence: a stream that dribbles is as good as stalled.
    """

    whole_seconds: float = 6.0
    first_token_seconds: float = 2.5
    gap_seconds: float = 1.5
    sentence_seconds: float = 4.0
    max_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a tier beside its server.

    `context_tokens` is the size of its window. `continues` says that it goes on from an assistant message that is the
    last of a prompt. `is_free` says that its calls cost nothing. `address` is
    what operators are shown.
    """

    limits: Limits = Limits()
    context_tokens: int = 8192
    continues: bool = False
    is_free: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens that the server says it read and wrote so far."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event of a stream brought: text, the finish reason, a count; an empty one says that it has begun.

    `model` is who the server says that it is, where it says so.
    """

    text: str = ""
    finish: str = ""
    count: TokenCount | None = None
    model: str = ""


class ChatModel(Protocol):
    """One tier's server. It is asked once: retries, time limits and the truth of an end are the cascade's matter."""

    @property
    def name(self) -> str:
        """Such as `lm_studio`."""
        ...

    @property
    def models(self) -> Sequence[str]:
        """Its models, in the order they are tried; at least one."""
        ...

    def stream(
        self, prompt: ChatPrompt, *, model: str, temperature: float | None = None, json: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """Yields what `model` writes, beginning with an empty piece once the server has accepted the request.

        `temperature` replaces the tier's own. Raises TierFailure; ends when the server does.
        """
        ...

    async def probe(self) -> Sequence[str]:
        """Returns the names of the models that the server has ready, perhaps none. Raises TierFailure."""
        ...

    async def warm_up(self) -> None:
        """Asks for one token, so that the server loads its model. Raises TierFailure."""
        ...
