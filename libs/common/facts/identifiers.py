"""Names that a text gives to one thing only: addresses of the internet, order numbers, product codes."""

from collections.abc import Iterator

from libs.common.facts.amounts import CURRENCY
from libs.common.facts.fact import Found, Source
from libs.common.linear_pattern import linear_pattern

_EMAIL = linear_pattern(r"\b[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b")
_URL = linear_pattern(
    r"\b(?:(?:https?://|www\.)[^\s<>\"\x00]+|"
    r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:com|net|org|info|app|shop|io|co|me|fr|ci|sn|eu|uk|us|be|ch|ca)\b(?:/[^\s<>\"\x00]*)?)"
)
_CODE = linear_pattern(
    r"#[a-z0-9][a-z0-9_-]*|\b[a-z][a-z0-9]{0,15}(?:[-_][a-z0-9]{1,20}){1,4}\b|\b[a-z]{1,8}\d{2,15}[a-z0-9]{0,10}\b"
)
_MIXED = linear_pattern(r"\b\d{1,15}[a-z][a-z0-9]{1,20}(?:[-_][a-z0-9]{1,20}){0,4}\b")
_MULTIPLIED = linear_pattern(r"\d+k")
# What may stand right before a number without making it a code.
_LEADS = linear_pattern(rf"(?:tel|no|n|num|numero|au|le|la|les|de|du|{CURRENCY})[-_]?[\d_-]+")


def find_emails(source: Source, _country: str) -> Iterator[Found]:
    """Yields e-mail addresses, in lower case."""
    for match in _EMAIL.finditer(source.left):
        yield Found("email", match.group(), "", *match.span())


def find_urls(source: Source, _country: str) -> Iterator[Found]:
    """Yields addresses of pages as written, without the punctuation that ends their sentence."""
    for match in _URL.finditer(source.left):
        start, end = match.start(), match.start() + len(match.group().rstrip(".,;:!?)'\"*"))
        yield Found("url", source.written(start, end), "", start, end)


def find_codes(source: Source, _country: str) -> Iterator[Found]:
    """Yields references that begin with `#` or a letter and hold digits: `CMD-1234`, `#1234`, `ab1234`."""
    for match in _CODE.finditer(source.left):
        code = match.group()
        digit_count = sum(character.isdigit() for character in code)
        if digit_count >= (1 if code[0] == "#" else 2) and not _LEADS.fullmatch(code):
            yield Found("reference", source.written(*match.span()).upper(), "", *match.span())


def find_mixed_codes(source: Source, _country: str) -> Iterator[Found]:
    """Yields what is left of digits and letters in one word: `7a45`, `12x40`."""
    for match in _MIXED.finditer(source.left):
        code = match.group()
        if sum(character.isdigit() for character in code) >= 2 and len(code) >= 4 and not _MULTIPLIED.fullmatch(code):
            yield Found("reference", source.written(*match.span()).upper(), "", *match.span())
