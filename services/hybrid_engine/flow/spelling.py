"""Messages as they are typed on a phone, spelled out: abbreviations, and letters that are drawn long."""

import re

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Soft hyphens, characters without a width, marks of direction.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_DRAWN = re.compile(r"(.)\1+")
_ABBREVIATIONS = {
    "vs": "vous", "ns": "nous", "pr": "pour", "ds": "dans", "ac": "avec", "avk": "avec", "tt": "tout",
    "jveu": "je veux", "jveux": "je veux", "jvoudrai": "je voudrais", "jvoudrais": "je voudrais", "jai": "j'ai",
    "pk": "pourquoi", "pq": "pourquoi", "pkoi": "pourquoi", "koi": "quoi", "koi2": "quoi de", "ki": "qui", "ke": "que",
    "kelkun": "quelqu'un", "qqn": "quelqu'un", "qq1": "quelqu'un", "qd": "quand", "kan": "quand", "kand": "quand",
    "cmt": "comment", "cmnt": "comment", "koman": "comment",
    "kel": "quel", "kelle": "quelle", "kombien": "combien", "combi1": "combien", "bcp": "beaucoup", "tjs": "toujours",
    "tjrs": "toujours", "pri": "prix", "cé": "c'est", "ya": "il y a", "num": "numéro", "nn": "non",
    "auj": "aujourd'hui", "dsl": "désolé", "pb": "problème", "msg": "message", "mtn": "maintenant",
    "ojd": "aujourd'hui",
}  # fmt: skip
# These stand for something else too: a size, grams, a bank card. They are read only where the sentence shows which.
_BEFORE_HOW_MUCH = frozenset({"", "c", "c'est", "est", "ça", "ca", "coute", "coûte", "fait"})


def spelled_out(text: str) -> str:
    """Returns `text` with its abbreviations written in full, and without characters that nobody sees.

    All else, numbers and places among it, stays as it is.
    """
    text = _UNSEEN.sub("", text)
    parts: list[str] = []
    end, before = 0, ""
    for match in _WORD.finditer(text):
        word = match.group()
        gap = text[end : match.start()]
        previous = "" if any(mark in gap for mark in ".!?;,\n") else before
        parts += [gap, _in_full(word, previous, text[match.end() :])]
        end, before = match.end(), word.lower()
    return "".join(parts) + text[end:]


def squeezed(word: str) -> str:
    """Returns `word` with each run of one letter as one: `ouiii` and `oui` become the same."""
    return _DRAWN.sub(r"\1", word)


def _in_full(word: str, previous: str, rest: str) -> str:
    if word in ("c", "g") and not previous and rest[:1] == " " and rest[1:2].isalpha():
        return "c'est" if word == "c" else "j'ai"
    if word.lower() == "cb":
        return "combien" if previous in _BEFORE_HOW_MUCH else word
    return _ABBREVIATIONS.get(word.lower(), word)
