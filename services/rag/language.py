"""Tells French from English by their small words."""

from collections.abc import Iterable

from libs.common.text_fold import STOPWORDS, tokens

# Enough small words of a language occur in so much text.
_CHARACTERS = 4_000
# Words that both languages have say nothing.
_TELLING = {
    language: words - frozenset().union(*(other for name, other in STOPWORDS.items() if name != language))
    for language, words in STOPWORDS.items()
}


def language_of_text(text: str, *, among: Iterable[str] = ()) -> str:
    """Returns `fr` or `en`, whichever's small words `text` holds more of; "" when neither's, or as many of both.

    `among` narrows the choice, as to a tenant's languages; empty means both. Of other languages nothing is known.
    """
    wanted = set(among) & _TELLING.keys() or _TELLING.keys()
    words = tokens(text[:_CHARACTERS])
    counts = sorted(
        ((sum(word in _TELLING[language] for word in words), language) for language in wanted), reverse=True
    )
    best, language = counts[0]
    if best == 0 or (len(counts) > 1 and counts[1][0] == best):
        return ""
    return language
