"""A turn and its answer, as both engines and the servicer see them, and the port that finds passages."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from services.hybrid_engine.flow.state import Event, FlowState


@dataclass(frozen=True, slots=True)
class Vector:
    """An embedding that is handed on: which embedder made it, and its values."""

    embedder_id: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One earlier message; `author` is `customer`, `bot` or `agent`."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What the customer said now, and everything said before."""

    event: Event
    state: FlowState
    history: tuple[Said, ...] = ()
    embedding: Vector | None = None
    locale: str = ""
    channel: str = ""
    agent: str = ""


class Wording(Enum):
    """Who worded an answer."""

    MODEL = "model"
    TEMPLATE = "template"
    EXTRACT = "extract"


@dataclass(frozen=True, slots=True)
class Cited:
    """A passage that an answer rests on."""

    document_id: str
    chunk: int
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model read and wrote; `wasted` are tokens of text that was thrown away."""

    prompt: int = 0
    completion: int = 0
    wasted: int = 0


NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say, the state after, and how it came about."""

    text: str
    action: str
    state: FlowState
    wording: Wording
    knowledge_text: str = ""
    slot_index: int = 0
    slot_count: int = 0
    agent: str = ""
    confidence: float = 1.0
    reasoning: str = ""
    reasons: tuple[str, ...] = ()
    sources: tuple[Cited, ...] = ()
    tokens: Tokens = NO_TOKENS
    llm_tier: str = ""
    cacheable: bool = False
    knowledge_epoch: int = 0
    embedding: Vector | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the tenant's documents; `score` compares within one search only."""

    document_id: str
    chunk: int
    title: str
    text: str
    score: float

    def cite(self) -> Cited:
        """The passage without its text."""
        return Cited(self.document_id, self.chunk, self.title, self.score)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first; none at all is an answer too. `context` is the passages fit for a prompt."""

    passages: tuple[Passage, ...] = ()
    context: str = ""
    knowledge_epoch: int = 0
    embedding: Vector | None = field(default=None)


NOTHING = Found()


class PassageFinder(Protocol):
    """Finds what the tenant of the current request has written about a question."""

    async def find(self, question: str, *, agent: str, embedding: Vector | None) -> Found:
        """Returns passages above the tenant's floor. Raises ReparteeError when the search is not to be had."""
        ...


class Answering(Protocol):
    """An engine."""

    async def answer(self, turn: Turn) -> Answer:
        """Returns the answer to `turn` for the tenant of the current request.

        Raises NotFound (TENANT_NOT_FOUND); Unavailable (NO_TIER_AVAILABLE) from an engine that needs a model.
        """
        ...
