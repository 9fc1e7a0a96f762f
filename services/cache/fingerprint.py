"""The exact tier's key: one digest of tenant, agent, language and the question as people may retype it. Pure."""

import hashlib
import re
import unicodedata

# Punctuation says nothing, except in a number: `1,5` is not `15`, nor `-5` `5`.
_PUNCTUATION = re.compile(
    r"(?<=\d)(?P<inside>[.,:/-])(?=\d)|(?<![\w-])(?P<sign>-)(?=\d)"
    r"|[^\w\s+#&@%*/<>=°$€£\U0001f000-\U0001faff☀-➿]|_"
)
# Marks of European scripts, which leave most texts plain; a tenth of the time that asking each sign takes.
_LATIN_MARKS = {code: None for code in range(0x300, 0x370) if unicodedata.combining(chr(code))}
_DIGEST_BYTES = 16
_GREETINGS = frozenset(
    ["bonjour", "bonsoir", "salut", "coucou", "hello", "hi", "hey", "svp", "stp", "please", "merci", "thanks"]
)
_POLITE_ENDINGS = (" s il vous plait", " s il te plait")


def language_of(locale: str, *, default: str = "") -> str:
    """Returns the language of a locale such as `fr-CI`, or `default` when it is empty."""
    return locale.replace("_", "-").partition("-")[0].casefold() or default


def normalise(text: str) -> str:
    """Returns `text` in lower case, without accents, loose punctuation, spare spaces, or a greeting before or after.

    '' when nothing is left; a text that is only a greeting stays.
    """
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = decomposed.translate(_LATIN_MARKS)
        if not text.isascii():
            text = "".join(c for c in text if not unicodedata.combining(c))
    kept = _PUNCTUATION.sub(lambda match: match["inside"] or match["sign"] or " ", text.casefold())
    words = kept.split()
    first, last = 0, len(words)
    while first < last and words[first] in _GREETINGS:
        first += 1
    while first < last and words[last - 1] in _GREETINGS:
        last -= 1
    plain = " ".join(words[first:last] or words)
    for ending in _POLITE_ENDINGS:
        plain = plain.removesuffix(ending)
    return plain


def fingerprint(*, tenant: str, agent: str, language: str, normalised: str) -> str:
    """Returns 32 hex digits, the same for questions of one agent and language that `normalise` makes equal.

    The knowledge epoch is not part of it: it is compared on the entry, so that a stale entry can be told from none.
    """
    # A separator that no field can hold keeps ("a", "bc") and ("ab", "c") apart.
    joined = "\x00".join((tenant, agent, language, normalised))
    return hashlib.blake2b(joined.encode(), digest_size=_DIGEST_BYTES).hexdigest()
