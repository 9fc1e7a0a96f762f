"""What a reply looks like in a channel: a mention, a length, what a voice can say. Nothing else knows of channels."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from libs.common.linear_pattern import linear_pattern

# Characters that a message may have, mention included; the vendors' own limits.
TWITCH_CHARACTERS = 500
WHATSAPP_CHARACTERS = 4096
SMS_CHARACTERS = 480

_LINK = linear_pattern(r"\[([^\]\n]{1,200})\]\((?:https?://)?[^\s)]{1,500}\)")
_URL = linear_pattern(r"(?i)\b(?:https?://|www\.)[^\s<>\"]+")
_MARKS = linear_pattern(r"(?m)^\s{0,3}#{1,6}\s+|^\s*[-*•]\s+|\*\*|__|```|[`*~|<>_#]")
_STRONG = linear_pattern(r"\*\*([^*\n]+)\*\*|__([^_\n]+)__")
_SPACE = linear_pattern(r"[ \t\x{a0}\x{202f}\x{2009}]+")
_BLANK = linear_pattern(r"\s*\n\s*")
_MENTION = linear_pattern(r"[^\p{L}\p{N}_]")
_MAX_USER = 50


@dataclass(frozen=True, slots=True)
class Profile:
    """How a channel wants its texts: at most `characters` (0 for no limit), formed by `form`, with a mention or not."""

    characters: int
    form: Callable[[str], str]
    mentions: bool = False


def fit(text: str, channel: str, user: str = "") -> str:
    """Returns `text` as `channel` shows it, cut at a word where it is too long; never empty.

    `user` is mentioned first where that is the channel's way (`@user message` on Twitch). A channel without a profile
    is `plain`.
    """
    profile = PROFILES.get(channel, PROFILES["plain"])
    name = _MENTION.sub("", user)[:_MAX_USER] if profile.mentions else ""
    formed = profile.form(text).strip() or "…"
    prefix = f"@{name} " if name else ""
    return cut(prefix + formed, profile.characters)


def cut(text: str, characters: int) -> str:
    """Returns `text`, or as many of its whole words as fit into `characters` with an ellipsis; 0 is no limit.

    A first word that is longer than all of it is cut where it must be.
    """
    if not characters or len(text) <= characters:
        return text
    room = characters - 1
    kept = text[:room]
    if not text[room].isspace():
        at = max(kept.rfind(" "), kept.rfind("\n"))
        # Not back to a lone mention: half a word says more.
        kept = kept[:at] if at > room // 2 else kept
    return kept.rstrip(" ,;:\n-") + "…"


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text)


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", _BLANK.sub(" ", _unmarked(text)))


def _whatsapp(text: str) -> str:
    """WhatsApp's own marks: one star for bold."""
    return _SPACE.sub(" ", _STRONG.sub(lambda found: f"*{found.group(1) or found.group(2)}*", text))


def _unmarked(text: str) -> str:
    return _MARKS.sub("", _LINK.sub(lambda found: found.group(1), text))


def _sms(text: str) -> str:
    return _SPACE.sub(" ", _unmarked(text))


def _spoken(text: str) -> str:
    """What can be said aloud: no marks, no pictures, no addresses."""
    said = _unmarked(_URL.sub("", _LINK.sub(lambda found: found.group(1), text)))
    kept = "".join(character for character in said if not _is_picture(character))
    return _SPACE.sub(" ", _BLANK.sub(" ", kept)).strip()


def _is_picture(character: str) -> bool:
    if character in "\u200d\ufe0f\u20e3":
        return True
    return ord(character) > 0x2000 and unicodedata.category(character) in ("So", "Sk", "Cs", "Co")


PROFILES: Mapping[str, Profile] = {
    "plain": Profile(0, _plain),
    "web": Profile(0, _plain),
    "whatsapp": Profile(WHATSAPP_CHARACTERS, _whatsapp),
    "sms": Profile(SMS_CHARACTERS, _sms),
    "twitch": Profile(TWITCH_CHARACTERS, _one_line, mentions=True),
    "voice": Profile(0, _spoken),
}
"""By the channel's name, as bundles and requests have it."""
