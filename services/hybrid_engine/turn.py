"""A turn and its answer, as both engines and the servicer see them, and the port that finds passages."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from services.hybrid_engine.flow.state import Event, FlowState
from services.hybrid_engine.llm.chat import Attempt


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
    """What the customer said now, and everything said before.

    `shadow` marks a copy of a turn that the other engine serves; `assigned_variant` is `hybrid`, `classic` or, for the
    engine's own, empty. Both only change on which row of the ledger the turn goes. `nothing_found` says that the
    documents were asked the same a moment ago, in vain.
    """

    event: Event
    state: FlowState
    history: tuple[Said, ...] = ()
    embedding: Vector | None = None
    locale: str = ""
    channel: str = ""
    agent: str = ""
    shadow: bool = False
    assigned_variant: str = ""
    nothing_found: bool = False


class Wording(Enum):
    """Who worded an answer."""

    MODEL = "model"
    TEMPLATE = "template"
    EXTRACT = "extract"
    CANNED = "canned"


@dataclass(frozen=True, slots=True)
class Cited:
    """A passage that an answer rests on."""

    document_id: str
    chunk: int
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model read and wrote; `wasted` are tokens of text that was thrown away.

    `cost_micro_usd` is the price of all three, in millionths of a dollar.
    """

    prompt: int = 0
    completion: int = 0
    wasted: int = 0
    cost_micro_usd: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        """Returns the sum."""
        return Tokens(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.wasted + other.wasted,
            self.cost_micro_usd + other.cost_micro_usd,
        )


NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say, the state after, and how it came about.

    `complete` is false for a text that was cut and closed with a canned phrase. `finish_reason` is `stop`, `length`,
    `content_filter`, `template`, `extract`, `canned` or `stall`. `attempts` are the tries of tiers, in order.
    """

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
    attempts: tuple[Attempt, ...] = ()
    complete: bool = True
    finish_reason: str = "stop"
    # The documents were asked, and none answers.
    nothing_found: bool = False


@dataclass(frozen=True, slots=True)
class Began:
    """A streamed answer began: its action is decided."""

    action: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Text to append; it passed the checks."""

    text: str


@dataclass(frozen=True, slots=True)
class Voided:
    """What was said so far is void; `reason` is UPPER_SNAKE."""

    reason: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The end; the text of `answer` is that of the pieces since the last `Voided`."""

    answer: Answer


AnswerEvent = Began | Piece | Voided | Completed


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

    def stream(self, turn: Turn) -> AsyncGenerator[AnswerEvent]:
        """Yields the same answer in pieces: Began, Piece and Voided in any number, and Completed at last.

        Raises as `answer`, and ends its model's call when it is closed.
        """
        ...
