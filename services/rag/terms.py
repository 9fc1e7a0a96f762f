"""Texts as bags of weighted words for BM25, with a French and an English analyzer."""

from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b

from libs.common.text_fold import stems
from services.rag.codes import codes
from services.rag.language import language_of_text

# Names the rules below. Weights of other rules must not be compared.
ANALYZER_VERSION = "1"

# Of BM25; Robertson and Zaragoza, 2009. The rarity of a word is the index's part.
_K1 = 1.2
_B = 0.75
_USUAL_WORDS = 40.0
# A code counts for several words: a passage that names it must come before those that share small talk.
_CODE_WEIGHT = 8.0


@dataclass(frozen=True, slots=True)
class Terms:
    """A sparse vector: numbers of terms, each once and in order, with their weights."""

    indices: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    def __bool__(self) -> bool:
        """False when there is no term."""
        return bool(self.indices)


def passage_terms(text: str, *, language: str) -> Terms:
    """Returns the terms of a passage with its headings: saturated frequencies, 0 to 2.2.

    `language` chooses the analyzer, `fr` or `en`; words of any other are folded and not stemmed.
    """
    found = Counter(stems(text, language))
    shrink = _K1 * (1 - _B + _B * sum(found.values()) / _USUAL_WORDS)
    weights = {_number("w", word): count * (_K1 + 1) / (count + shrink) for word, count in found.items()}
    weights |= {_number("c", code): 1.0 for code in codes(text)}
    return _terms(weights)


def question_terms(text: str, *, languages: tuple[str, ...]) -> Terms:
    """Returns the terms that a question looks for: its words in its language, in all `languages` when unclear."""
    spoken = language_of_text(text, among=languages)
    weights = {
        _number("w", stem): 1.0 for language in ((spoken,) if spoken else languages) for stem in stems(text, language)
    }
    weights |= {_number("c", code): _CODE_WEIGHT for code in codes(text)}
    return _terms(weights)


def _terms(weights: dict[int, float]) -> Terms:
    ordered = sorted(weights.items())
    return Terms(tuple(number for number, _ in ordered), tuple(weight for _, weight in ordered))


def _number(family: str, term: str) -> int:
    return int.from_bytes(blake2b(f"{family}{term}".encode(), digest_size=4).digest(), "big")
