"""A gazetteer: place names in a text, whatever their case, accents and hyphens."""

from collections.abc import Iterator, Mapping, Sequence

from libs.common.linear_pattern import Match, linear_pattern
from libs.common.text_fold import fold, fold_with_offsets

_JOINTS = linear_pattern(r"[-' ]+")
_GAZETTEER_BYTES = 128 << 20


class Places:
    """Official names with the other names that people use; where two overlap, the longer one counts."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self.names = tuple(names)
        self._official: dict[str, str] = {}
        for official, aliases in names.items():
            for name in (official, *aliases):
                self._official.setdefault(_plain(fold(name)), official)
        self._official.pop("", None)
        alternatives = "|".join(map(_expression, sorted(self._official, key=len, reverse=True)))
        self._pattern = linear_pattern(f"(?:{alternatives})", max_mem_bytes=_GAZETTEER_BYTES) if alternatives else None

    def find(self, text: str) -> tuple[tuple[str, int, int], ...]:
        """Returns official name, start and end of every place in `text`, in order."""
        folded, offsets = fold_with_offsets(text)
        return tuple(
            (official, offsets[start], max(offsets[end], offsets[end - 1] + 1))
            for official, start, end in self.find_folded(folded)
        )

    def find_folded(self, folded: str) -> Iterator[tuple[str, int, int]]:
        """Yields official name, start and end of every place in a text that is folded already."""
        matches: Iterator[Match] = self._pattern.finditer(folded) if self._pattern else iter(())
        for match in matches:
            yield self._official[_plain(match.group())], *match.span()


def _plain(folded: str) -> str:
    return _JOINTS.sub(" ", folded).strip()


def _expression(plain: str) -> str:
    words = [linear_escape(word) for word in plain.split(" ")]
    # RE2's word boundary knows ASCII only; other scripts go without.
    before = r"\b" if plain[0].isascii() else ""
    after = r"\b" if plain[-1].isascii() else ""
    return before + "[-' ]+".join(words) + after


def linear_escape(literal: str) -> str:
    """Returns an expression that matches `literal`."""
    return "".join(character if character.isalnum() else rf"\x{{{ord(character):x}}}" for character in literal)
