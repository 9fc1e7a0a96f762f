"""What becomes of documents that are handed in or taken back."""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What became of a document."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    # It could not be read; an earlier version stays in use.
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """What became of one document. `reason` and `detail` are set when it was refused or set aside."""

    document_id: str
    outcome: Outcome
    chunk_count: int = 0
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Upserted:
    """One outcome a document, in the order given, and the knowledge's epoch after."""

    outcomes: tuple[DocumentOutcome, ...]
    knowledge_epoch: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many documents existed and are gone, and the knowledge's epoch after."""

    count: int
    knowledge_epoch: int
