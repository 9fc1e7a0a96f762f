"""One order out of two searches: by meaning and by words."""

from collections.abc import Iterable, Sequence

from services.rag.codes import codes
from services.rag.passage_index import Hit

# What one point of BM25 adds to a cosine of -1 to 1. Measured with `benchmarks.rag`: about the rank of meaning alone on
# everyday questions, never under it; from 0.05 on, and with equal ranks, colloquial questions lose.
WORDS_WEIGHT = 0.01
# More than any cosine with any words: a passage that names the very code of the question comes first.
_CODE_WEIGHT = 3.0


def fuse(hits: Iterable[Hit], question: str) -> Sequence[Hit]:
    """Returns the hits, best first: those that name a code of the question, then by meaning with a little of words."""
    asked = codes(question)

    def weight(hit: Hit) -> tuple[float, str, int]:
        named = len(asked & codes(f"{hit.title}\n{hit.text}")) if asked else 0
        return -(hit.score + WORDS_WEIGHT * hit.sparse_score + _CODE_WEIGHT * named), hit.document_id, hit.position

    return sorted(hits, key=weight)


def above_floor(hits: Sequence[Hit], question: str, *, floor: float) -> Sequence[Hit]:
    """Returns the hits that may be an answer: similar enough, or naming a code of the question letter by letter."""
    asked = codes(question)
    return [hit for hit in hits if hit.score >= floor or (asked and asked & codes(f"{hit.title}\n{hit.text}"))]
