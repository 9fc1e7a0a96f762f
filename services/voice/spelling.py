"""What is spelled rather than read, in any language: order numbers, references, addresses of the network."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# A code longer than this, or with a zero in front, is read digit by digit.
_LONGEST_NUMBER_IN_A_CODE = 3
# A run of capitals of this length with a vowel is a word, such as the name of a discount.
_SHORTEST_WORD = 4
_VOWEL = re.compile(r"[AEIOUY]")
_RUN = re.compile(r"[A-Z]+|\d+")
# Endings of names that are said as a word; others are spelled.
_SPOKEN_ENDINGS = frozenset({"com", "net", "org", "info", "shop", "store", "app", "dev", "biz"})

_CODE_WITH_HYPHENS = re.compile(
    r"(?<![\w@./-])(?=[A-Z0-9-]*[A-Z])(?=[A-Z0-9-]*\d)(?!\d+[A-Z]*-\d+[A-Z]*(?![\w-]))[A-Z0-9]+(?:-[A-Z0-9]+)+(?![\w-])"
)
_CODE = re.compile(r"(?<![\w@.])(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*\d)[A-Z0-9]{2,}(?!\w)")
_PADDED_CODE = re.compile(r"(?<![\w.,/-])\d{2,}-0\d+(?![\w-])")
_EMAIL = re.compile(r"(?<![\w.@-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_URL = re.compile(
    r"(?:https?://|(?<!\w)www\.)[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}(?:/[\w./-]*\w)?/?"
    r"|(?<![\w@.-])[a-z0-9-]{2,63}(?:\.[a-z0-9-]{2,63}){0,2}\.(?:com|net|org|info|fr|ci|io|shop|be|ch|ca|uk|sn|ml|bf)"
    r"(?:/[\w./-]*\w)?(?![\w@])"
)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a language spells: its numbers and the names of its marks."""

    number: Callable[[int], str]
    at: str
    dot: str
    slash: str
    hyphen: str
    underscore: str
    plus: str

    def digits(self, digits: str) -> str:
        """Returns each digit as a word."""
        return " ".join(self.number(int(digit)) for digit in digits)

    def code(self, code: str) -> str:
        """Returns `CMD-1042` as letters and digits, with a pause at each hyphen."""
        return ", ".join(self._group(group) for group in code.split("-"))

    def codes(self, text: str) -> str:
        """Returns `text` with the codes that hold a hyphen spelled."""
        text = _CODE_WITH_HYPHENS.sub(lambda match: self.code(match[0]), text)
        return _PADDED_CODE.sub(lambda match: self.code(match[0]), text)

    def short_codes(self, text: str) -> str:
        """Returns `text` with words of capitals and digits spelled, such as `A12B` and `4G`."""
        return _CODE.sub(lambda match: self.code(match[0]), text)

    def addresses(self, text: str) -> str:
        """Returns `text` with mail and web addresses as they are dictated, without `https://www.`."""
        text = _EMAIL.sub(lambda match: self._address(match[0]), text)
        return _URL.sub(self._url, text)

    def _group(self, group: str) -> str:
        return " ".join(self._run(run) for run in _RUN.findall(group))

    def _run(self, run: str) -> str:
        if run.isdigit():
            long = len(run) > _LONGEST_NUMBER_IN_A_CODE or (run[0] == "0" and len(run) > 1)
            return self.digits(run) if long else self.number(int(run))
        return run if len(run) >= _SHORTEST_WORD and _VOWEL.search(run) else " ".join(run)

    def _url(self, match: re.Match[str]) -> str:
        bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", match[0])
        return self._address(bare.rstrip("/"))

    def _address(self, address: str) -> str:
        trailing = address[len(address.rstrip(".-_")) :]
        address = address.rstrip(".-_")
        name, slash, path = address.partition("/")
        head, dot, ending = name.rpartition(".")
        if dot and ending not in _SPOKEN_ENDINGS and len(ending) == len("fr"):
            name = f"{head}.{' '.join(ending)}"
        return self._marks(name + slash + path) + trailing

    def _marks(self, address: str) -> str:
        names = {"@": self.at, ".": self.dot, "/": self.slash, "-": self.hyphen, "_": self.underscore, "+": self.plus}
        spoken = "".join(f" {names[mark]} " if mark in names else mark for mark in address)
        with_digits = re.sub(r"\d+", lambda match: f" {self._run(match[0])} ", spoken)
        return re.sub(r" +", " ", with_digits).strip()
