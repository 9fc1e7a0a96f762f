"""Who does what to whom, and from where to where, in a question's words. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from services.cache import lexicon

TO_ME, TO_YOU = "to_me", "to_you"
ME, YOU = "me", "you"

_INFINITIVE_ENDINGS = ("er", "ir", "re")
_HAVE_WITH_YOU, _HAVE_WITH_ME = frozenset(("avez", "aviez", "aurez")), frozenset(("ai", "avais", "avons", "aurai"))
_I_DID = frozenset((("j", "ai"), ("ai", "je"), ("have", "i"), ("did", "i")))
_YOU_DID = frozenset((("vous", "avez"), ("avez", "vous"), ("have", "you"), ("did", "you")))
# Between a subject and the one it is done to stands a verb, and hardly more.
_REACH = 3


def direction(words: Sequence[str]) -> str:
    """Returns TO_ME when something is done to the asker, TO_YOU for the reverse, or '' when neither is said."""
    for at, word in enumerate(words[:-1]):
        following = words[at + 1]
        acts = len(following) > 3 and following.endswith(_INFINITIVE_ENDINGS) and following not in lexicon.LIGHT_VERBS
        if word in ("me", "m") and (acts or following in _HAVE_WITH_YOU):
            return TO_ME
        if word == "vous" and (acts or following in _HAVE_WITH_ME):
            return TO_YOU
        if word == "you" and "me" in words[at + 1 : at + 1 + _REACH]:
            if not lexicon.LIGHT_VERBS & set(words[at + 1 : words.index("me", at)]):
                return TO_ME
        elif word in ("i", "we") and "you" in words[at + 2 : at + 2 + _REACH]:
            return TO_YOU
    return ""


def doer(words: Sequence[str]) -> str:
    """Returns ME or YOU when the words tell which of the two did it: "j'ai perdu", "avez-vous perdu", "you lost"."""
    pairs = set(pairwise(words))
    if pairs & _I_DID or words[:1] == ["i"]:
        return ME
    return YOU if pairs & _YOU_DID or words[:1] == ["you"] else ""


def way_before(words: Sequence[str]) -> str:
    """Returns how the next word is reached by the `words` before it: `towards`, `away`, or ''."""
    at = len(words) - 1
    while at >= 0 and words[at] in lexicon.ARTICLES and words[at] not in lexicon.AWAY:
        at -= 1
    if at < 0:
        return ""
    if words[at] in lexicon.AWAY:
        return "away"
    return "towards" if words[at] in lexicon.TOWARDS else ""
