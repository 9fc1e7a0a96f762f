"""What callers hand in to be kept, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.cache.entries import SourceRef


@dataclass(frozen=True, slots=True)
class GivenEmbedding:
    """An embedding that a caller hands over: whose it is, and its values."""

    embedder_id: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Offer:
    """An answer that a caller wants kept. `ttl_seconds` 0 means the tenant's default.

    With `nothing_found` it is kept for a minute that no document answers, in place of a text. `wording` (`model`,
    `extract`, …) and `confidence` say where the text comes from, and are not looked at when they are empty, or 0.
    """

    question: str
    text: str
    agent: str = ""
    locale: str = ""
    answered_by: str = ""
    sources: tuple[SourceRef, ...] = ()
    embedding: GivenEmbedding | None = None
    knowledge_epoch: int = 0
    ttl_seconds: float = 0.0
    nothing_found: bool = False
    wording: str = ""
    confidence: float = 0.0
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The entry, or why there is none; `key` is the question's in the exact tier, where it has one."""

    entry_id: str = ""
    refused_reason: str = ""
    key: str = ""
