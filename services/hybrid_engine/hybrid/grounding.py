"""Whether a model's answer says what the passages say: an answer at all, and none turned into its opposite."""

from collections.abc import Iterable, Sequence

from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold, stems, tokens
from services.hybrid_engine.flow.lexicon import YES, content_words
from services.hybrid_engine.hybrid.checks import NEGATION
from services.hybrid_engine.hybrid.extraction import sentences

NO_ANSWER = "LLM_NO_ANSWER"

# A model that speaks of itself, of its passages, or of what it cannot do; written as `fold` leaves it.
_NO_ANSWER = linear_pattern(
    r"\bje suis (?:une ia|un assistant|un modele|un robot|une intelligence)\b|\bintelligence artificielle\b"
    r"|\bje (?:ne )?(?:peux|sais|trouve|dispose|connais|vois|comprends|suis) (?:\w+ )?pas\b"
    r"|\bje n'ai (?:\w+ )?(?:pas|aucune?)\b|\bune erreur (?:est survenue|s'est produite)\b|\breessayez plus tard\b"
    r"|\binformations? (?:n'est|ne sont) pas\b|\b(?:passages?|documents?|contexte|textes?) fournis?\b"
    r"|\b(?:dans|selon|d'apres) (?:les|ces|le) (?:passages?|contexte)\b|\bpas (?:mentionne|precise|indique)e?s?\b"
    r"|\bi(?:'m| am) (?:\w+ )?(?:sorry|unable|an ai|an assistant|a language model|not able)\b"
    r"|\bi (?:cannot|can't|don't|do not|couldn't|could not)\b|\ban error (?:has )?occurred\b|\btry again later\b"
    r"|\b(?:provided|given|the|these) (?:passages?|context)\b|\bnot (?:mentioned|specified|provided|stated)\b"
)
_NEGATED = linear_pattern(
    r"\b(?:ne|pas|jamais|aucune?|sans|ni|interdite?s?|impossible|not|never|no|none|without|cannot|nor)\b"
    r"|\bn'|n't\b"
)
# Sentences of passages that share nearly as many stems with a claim as the nearest does speak of the same.
_NEAR = 0.75
# One word in common says little: «livraison» is everywhere in the documents of a shop.
_LEAST_SHARED = 2


def ungrounded(text: str, question: str, passages: Sequence[str], language: str) -> str:
    """Returns why `text` is no answer to `question` from `passages`, or an empty string.

    It compares only whether sentences of the same words are negated; facts are compared by the other checks.
    """
    known = fold("\n".join(passages))
    if any(match.group() not in known for match in _NO_ANSWER.finditer(fold(text))):
        return NO_ANSWER
    stated = [
        (_content(sentence, language), _is_negated(sentence)) for each in passages for sentence in sentences(each)
    ]
    claims = [(_content(sentence, language), _is_negated(sentence)) for sentence in sentences(text)]
    if tokens(text)[:1] and tokens(text)[0] in YES and not _is_negated(question):
        claims.append((_content(question, language), False))
    return NEGATION if any(_is_turned(content, negated, stated) for content, negated in claims) else ""


def _is_turned(content: frozenset[str], negated: bool, stated: Iterable[tuple[frozenset[str], bool]]) -> bool:
    """Whether everything that the passages state in these words is the opposite."""
    shared = [(len(content & own), own_negated) for own, own_negated in stated]
    most = max((count for count, _ in shared), default=0)
    # A short denial has few words to compare: «aucun échange n'est possible».
    if most < (1 if negated else _LEAST_SHARED):
        return False
    return all(own_negated is not negated for count, own_negated in shared if count >= _NEAR * most)


def _content(text: str, language: str) -> frozenset[str]:
    return frozenset(stems(" ".join(content_words(tokens(text))), language))


def _is_negated(text: str) -> bool:
    return _NEGATED.search(fold(text)) is not None
