"""An answer without a model: the sentences of the passages that say most about the question."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.text_fold import stems, tokens
from services.hybrid_engine.flow.lexicon import FUNCTION_WORDS, GREETINGS, INTERROGATIVES
from services.hybrid_engine.turn import Passage

# A full stop ends a sentence before a space and a capital, digit or quote; so `25.000` and `M. Kouassi` hold together
# often enough. A line of its own is a sentence.
_SENTENCE_END = re.compile(r"(?:[!?…]|(?<=[^\s.][^\s.])\.)(?:\s+|$)|\n+")
_IGNORED = FUNCTION_WORDS | INTERROGATIVES | GREETINGS
_MAX_SENTENCES = 2
_SECOND_SHARE = 0.6
_MIN_OVERLAP = 0.2
_PASSAGES = 3
_EXPECTED_SHAPES = {
    "combien": re.compile(r"\d"), "how": re.compile(r"\d"), "prix": re.compile(r"\d"), "quand": re.compile(r"\d"),
    "when": re.compile(r"\d"), "heure": re.compile(r"\d"), "heures": re.compile(r"\d"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extract:
    """Sentences of passages, quoted, and the passages they come from."""

    text: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    passage: Passage
    order: int
    score: float


def extract_answer(question: str, passages: Sequence[Passage]) -> Extract | None:
    """Returns the one or two sentences that answer `question` best, or None when none shares enough with it."""
    asked = _asked_stems(question)
    if not asked or not passages:
        return None
    candidates = _score(question, asked, passages[:_PASSAGES])
    if not candidates:
        return None
    best = max(candidates, key=lambda sentence: (sentence.score, -sentence.order))
    if best.score < _MIN_OVERLAP:
        return None
    chosen = [best]
    covered = _asked_stems(best.text) & asked
    for other in sorted(candidates, key=lambda sentence: (-sentence.score, sentence.order)):
        adds = (_asked_stems(other.text) & asked) - covered
        if other is not best and other.passage is best.passage and adds and other.score >= _SECOND_SHARE * best.score:
            chosen.append(other)
            break
    chosen = sorted(chosen[:_MAX_SENTENCES], key=lambda sentence: sentence.order)
    used = tuple(passage for passage in passages if any(sentence.passage is passage for sentence in chosen))
    return Extract(" ".join(sentence.text for sentence in chosen), used)


def _score(question: str, asked: frozenset[str], passages: Sequence[Passage]) -> list[_Sentence]:
    split = [(passage, sentence) for passage in passages for sentence in sentences(passage.text)]
    frequency: dict[str, int] = {}
    for _, sentence in split:
        for stem in _asked_stems(sentence) & asked:
            frequency[stem] = frequency.get(stem, 0) + 1
    weight = {stem: math.log(1 + (len(split) + 1) / (1 + frequency.get(stem, 0))) for stem in asked}
    total = sum(weight.values())
    shapes = [_EXPECTED_SHAPES[word] for word in tokens(question) if word in _EXPECTED_SHAPES]
    scored: list[_Sentence] = []
    for order, (passage, sentence) in enumerate(split):
        if sentence.endswith("?") or sentence.startswith("#"):
            continue
        # What a title or the question above a sentence says, the sentence need not repeat.
        context = _asked_stems(f"{passage.title} {_heading_of(sentence, passage.text)}") & asked
        own = _asked_stems(sentence) & asked
        overlap = sum(weight[stem] for stem in own) + 0.6 * sum(weight[stem] for stem in context - own)
        score = overlap / total
        if score and any(shape.search(sentence) for shape in shapes):
            score += 0.25
        scored.append(_Sentence(sentence, passage, order, score))
    return scored


def _heading_of(sentence: str, text: str) -> str:
    """The question or heading that stands just before `sentence` in `text`, or nothing."""
    before = [part for part in sentences(text[: text.find(sentence)]) if part] if sentence in text else []
    return before[-1] if before and (before[-1].endswith("?") or before[-1].startswith("#")) else ""


def sentences(text: str) -> list[str]:
    """Returns the sentences of `text`, in order, without the marks of a list."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        found.append(text[start : match.end()])
        start = match.end()
    found.append(text[start:])
    return [clean for clean in (" ".join(part.split()).lstrip("-*• ").strip() for part in found) if clean]


def _asked_stems(text: str) -> frozenset[str]:
    """The stems by which a question and a sentence meet. French stems, which let English at least match itself."""
    return frozenset(
        stems(
            " ".join(word for word in tokens(text) if word not in _IGNORED and (len(word) > 1 or word.isdigit())), "fr"
        )
    )
