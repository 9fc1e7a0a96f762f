"""An answer without a model: the sentences of the passages that say most about the question."""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
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
_CONTEXT_SHARE = 0.6
_FIGURE_BONUS = 0.25
_ASKS_FOR_FIGURE = frozenset({"combien", "prix", "quand", "heure", "heures", "tarif", "how", "when", "price"})


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
    asked = _stems(question)
    if not asked or not passages:
        return None
    candidates = _of_that_quantity(question, _score(question, asked, passages[:_PASSAGES]))
    if not candidates:
        return None
    best = max(candidates, key=lambda sentence: (sentence.score, -sentence.order))
    if best.score < _MIN_OVERLAP:
        return None
    chosen = [best]
    covered = _stems(best.text) & asked
    for other in sorted(candidates, key=lambda sentence: (-sentence.score, sentence.order)):
        adds = (_stems(other.text) & asked) - covered
        if other is not best and other.passage is best.passage and adds and other.score >= _SECOND_SHARE * best.score:
            chosen.append(other)
            break
    chosen = sorted(chosen[:_MAX_SENTENCES], key=lambda sentence: sentence.order)
    used = tuple(passage for passage in passages if any(sentence.passage is passage for sentence in chosen))
    return Extract(" ".join(sentence.text for sentence in chosen), used)


def _score(question: str, asked: frozenset[str], passages: Sequence[Passage]) -> list[_Sentence]:
    split = [(passage, part, heading) for passage in passages for part, heading in _with_headings(passage.text)]
    told = [_stems(part) & asked for _, part, _ in split]
    frequency = {stem: sum(stem in own for own in told) for stem in asked}
    weight = {stem: math.log(1 + (len(split) + 1) / (1 + frequency[stem])) for stem in asked}
    total = sum(weight.values())
    wants_figure = bool(_ASKS_FOR_FIGURE & frozenset(tokens(question)))
    scored: list[_Sentence] = []
    for order, ((passage, part, heading), own) in enumerate(zip(split, told, strict=True)):
        # What a title or the question above a sentence says, the sentence need not repeat.
        context = (_stems(f"{passage.title} {heading}") & asked) - own
        overlap = sum(weight[stem] for stem in own) + _CONTEXT_SHARE * sum(weight[stem] for stem in context)
        score = overlap / total
        if score and wants_figure and any(character.isdigit() for character in part):
            score += _FIGURE_BONUS
        scored.append(_Sentence(part, passage, order, score))
    return scored


def _of_that_quantity(question: str, candidates: list[_Sentence]) -> list[_Sentence]:
    """Returns the candidates for a question of «10 paquets»: where sentences state quantities of it, only its own.

    A list of prices for 6 and 12 has no answer for 10, and neither has anything else that names a packet.
    """
    wanted = _quantities(question)
    stated = [_quantities(sentence.text) for sentence in candidates]
    units = {unit for _, unit in wanted} & {unit for each in stated for _, unit in each}
    if not units:
        return candidates
    wanted = frozenset(quantity for quantity in wanted if quantity[1] in units)
    return [sentence for sentence, own in zip(candidates, stated, strict=True) if wanted <= own]


def _quantities(text: str) -> frozenset[tuple[str, str]]:
    """The numbers of `text` with the stem of the word after each; `kg`, `h` and `F` are measures, not articles."""
    said = tokens(text)
    return frozenset(
        (number, unit)
        for number, word in itertools.pairwise(said)
        if number.isdigit() and not word.isdigit() and len(word) > 2
        for unit in _stems(word)
    )


def _with_headings(text: str) -> Iterator[tuple[str, str]]:
    """Yields the sentences of `text` that state something, each with the question or heading just before it."""
    heading = ""
    for part in sentences(text):
        if part.endswith("?") or part.startswith("#"):
            heading = part
        else:
            yield part, heading
            heading = ""


def sentences(text: str) -> list[str]:
    """Returns the sentences of `text`, in order, without the marks of a list."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        found.append(text[start : match.end()])
        start = match.end()
    found.append(text[start:])
    return [clean for clean in (" ".join(part.split()).lstrip("-*• ").strip() for part in found) if clean]


def _stems(text: str) -> frozenset[str]:
    """The stems by which a question and a sentence meet. French stems, which let English at least match itself."""
    return frozenset(
        stems(
            " ".join(word for word in tokens(text) if word not in _IGNORED and (len(word) > 1 or word.isdigit())), "fr"
        )
    )
