"""What goes into a lookup and what comes out of it. Plain values."""

from dataclasses import dataclass

from services.cache.entries import Entry, Vector

EXACT, SEMANTIC = "exact", "semantic_scalable"
NO_CANDIDATE, BELOW_THRESHOLD, STALE_EPOCH = "NO_CANDIDATE", "BELOW_THRESHOLD", "STALE_EPOCH"
SLOT_IN_PROGRESS, ELLIPTICAL, EMPTY_QUERY = "SLOT_IN_PROGRESS", "ELLIPTICAL", "EMPTY_QUERY"
STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
IN_FLIGHT, NOTHING_FOUND = "IN_FLIGHT", "NOTHING_FOUND"


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked up. `min_confidence`, 0 to 1, raises the tenant's threshold and never lowers it."""

    text: str
    agent: str = ""
    locale: str = ""
    awaiting_slot: str = ""
    min_confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that may be served; `confidence` is the similarity of its question, 1 for exact.

    `is_sample` marks the few that are answered anew, unseen, to measure how many hits are false.
    """

    entry: Entry
    type: str
    confidence: float
    age_seconds: float
    is_sample: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored question that came near, and the rule that refused it, if one did."""

    entry_id: str
    score: float
    refused_by: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a lookup found. On a miss `vector` is the question's embedding, when one was made."""

    hit: Hit | None = None
    miss_reason: str = ""
    vector: Vector | None = None
    candidates: tuple[Candidate, ...] = ()
    threshold: float = 0.0
    # Of the question in the exact tier; empty when the lookup was passed over.
    key: str = ""

    @property
    def outcome(self) -> str:
        """The type of the hit, or the reason of the miss."""
        return self.hit.type if self.hit else self.miss_reason
