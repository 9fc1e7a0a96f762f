"""The values of a turn: what came in, where the conversation stands, and the reply that goes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class Variant(Enum):
    """Which system a turn is assigned to, or was served by."""

    CLASSIC = "classic"
    HYBRID = "hybrid"

    @property
    def other(self) -> "Variant":
        """The system that can stand in for this one."""
        return Variant.CLASSIC if self is Variant.HYBRID else Variant.HYBRID


class Rung(Enum):
    """The rung of the ladder that produced a reply; the value is the fallback level that dashboards know."""

    ASSIGNED = 0
    TEMPLATE = 1
    OTHER_ENGINE = 2
    EMERGENCY = 3


class Stored(Enum):
    """How safely a turn was kept when its reply left."""

    DURABLE = "durable"
    PENDING = "pending"
    MEMORY = "memory"
    # The waiting room of an outage was full.
    NOT_KEPT = "not_kept"


@dataclass(frozen=True, slots=True)
class Attachment:
    """What came with a message; `kind` is `image`, `audio`, `document` or `location`."""

    kind: str
    uri: str = ""
    sha256: str = ""
    caption: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `author` is `customer`, `bot` or `agent`, `created_at` seconds since 1970.

    A bot's message has the `action` that was decided, and the digest of the state after its turn; both may be empty.
    """

    turn_id: str
    author: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    created_at: float = 0.0
    action: str = ""
    state_digest: str = ""


@dataclass(frozen=True, slots=True)
class SlotValue:
    """What one slot holds, and the turn that filled it."""

    value: str
    turn_id: str = ""
    needs_review: bool = False


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a conversation stands in its flow. Engines decide it; the router only keeps it."""

    flow_id: str = ""
    phase: str = "idle"
    slots: Mapping[str, SlotValue] = field(default_factory=dict[str, SlotValue])
    asks: Mapping[str, int] = field(default_factory=dict[str, int])
    awaiting_slot: str = ""
    event_count: int = 0
    proof_digests: tuple[str, ...] = ()
    order_id: str = ""


NO_STATE = FlowState()


@dataclass(frozen=True, slots=True)
class Embedding:
    """A question's vector, handed on so that a turn is embedded once."""

    embedder_id: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that an answer rests on."""

    document_id: str
    chunk: int = 0
    title: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What models cost: tokens, and money in micro-dollars."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    wasted_tokens: int = 0
    cost_micro_usd: int = 0


NO_USAGE = Usage()

# The reason that marks a reply whose text was cut, also when it is kept and repeated.
TEXT_CUT = "TEXT_CUT"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one tier of the cascade; `reason` is empty for the one that served."""

    tier: str
    model: str = ""
    reason: str = ""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What a customer sent. `turn_id`, `locale` and `sent_at` (seconds since 1970) may be empty, or 0."""

    conversation_id: str
    message: str
    attachments: tuple[Attachment, ...] = ()
    user_id: str = ""
    turn_id: str = ""
    locale: str = ""
    channel: str = ""
    agent: str = ""
    sent_at: float = 0.0
    strict: bool = False
    # The variant that an operator asks for; nobody else may.
    forced: Variant | None = None


@dataclass(frozen=True, slots=True)
class CacheOutcome:
    """Whether and how the cache served a turn."""

    hit: bool = False
    type: str = ""
    confidence: float = 0.0
    entry_id: str = ""
    age_seconds: int = 0
    miss_reason: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a turn, as it is kept for retries. `served_by` is None for cache hits and the emergency text."""

    text: str
    turn_id: str
    variant: Variant
    rung: Rung
    state: FlowState
    cache: CacheOutcome
    served_by: Variant | None = None
    agent: str = ""
    confidence: float = 0.0
    reasoning: str = ""
    reasons: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    usage: Usage = NO_USAGE
    action: str = ""
    llm_tier: str = ""
    trace_id: str = ""
    attempts: tuple[Attempt, ...] = ()
    # As the engine gave it; not kept, so empty when a kept reply is repeated.
    finish_reason: str = ""

    @property
    def complete(self) -> bool:
        """False when the text was cut and closed with a canned phrase."""
        return TEXT_CUT not in self.reasons
