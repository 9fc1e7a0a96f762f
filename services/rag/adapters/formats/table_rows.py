"""CSV: each row with the names of its columns."""

import csv

from services.rag.adapters.formats.collecting import Collector
from services.rag.adapters.formats.limits import MAX_ROWS, Unreadable
from services.rag.documents import Parsed

_SEPARATORS = ",;\t|"
_SAMPLE_LINES = 20


def read_csv(content: bytes) -> Parsed:
    """Returns a block a row, in UTF-8 or, failing that, Windows' western code page.

    Raises Unreadable: TOO_MANY_PAGES beyond the rows that are read, UNREADABLE.
    """
    text = _decoded(content)
    collector = Collector()
    rows: list[list[str]] = []
    try:
        for row in csv.reader(text.splitlines(), delimiter=_separator(text)):
            if len(rows) >= MAX_ROWS:
                raise Unreadable("TOO_MANY_PAGES", f"The table has more than {MAX_ROWS} rows; send it in parts.")
            rows.append(row)
    except csv.Error as error:
        raise Unreadable("UNREADABLE", "The rows of the table cannot be told apart.") from error
    collector.rows(rows)
    return Parsed("", tuple(collector.blocks))


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What French spreadsheets save.
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise Unreadable("UNREADABLE", "The content holds NUL characters, so it is no table.")
    return text


def _separator(text: str) -> str:
    """Returns the separator that most of the first lines hold as often as the very first one does."""
    lines = [line for line in text.splitlines()[:_SAMPLE_LINES] if line.strip()] or [""]

    def agreement(separator: str) -> tuple[int, int]:
        usual = lines[0].count(separator)
        return (sum(line.count(separator) == usual for line in lines) if usual else 0, usual)

    return max(_SEPARATORS, key=agreement)
