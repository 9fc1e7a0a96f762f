"""Gathers what a file says into blocks under its headings."""

from services.rag.adapters.formats.limits import MAX_CHARACTERS, too_much_text
from services.rag.chunking import Block


class Collector:
    """Takes headings and texts in the file's order. Raises Unreadable (ARCHIVE_TOO_LARGE) beyond the limit."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.first_heading = ""
        self._headings: list[tuple[int, str]] = []
        self._characters = 0

    def heading(self, level: int, text: str) -> None:
        """Begins a section; those of the same or a deeper level end."""
        name = " ".join(text.split())
        if not name:
            return
        self._count(name)
        self.first_heading = self.first_heading or name
        self._headings = [kept for kept in self._headings if kept[0] < level]
        self._headings.append((level, name))

    def text(self, text: str) -> None:
        """Adds a paragraph, a list or a row."""
        lines = [" ".join(line.split()) for line in text.splitlines()]
        plain = "\n".join(line for line in lines if line).replace("\0", "")
        if plain:
            self._count(plain)
            self.blocks.append(Block(tuple(name for _, name in self._headings), plain))

    def rows(self, rows: list[list[str]]) -> None:
        """Adds a table: each row with the names of its columns, which are its first row when that one names them."""
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        names = rows[0] if len(rows) > 1 and len(rows[0]) > 1 and _names_columns(rows[0]) else []
        for row in rows[1:] if names else rows:
            cells = [
                f"{name} : {cell}" if name else cell
                for name, cell in zip(names + [""] * (len(row) - len(names)), row, strict=False)
                if cell.strip()
            ]
            self.text("- " + " ; ".join(" ".join(cell.split()) for cell in cells))

    def _count(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise too_much_text()


def _names_columns(row: list[str]) -> bool:
    """A row of names has no empty cell, nothing twice, and no cell that begins with a number."""
    cells = [cell.strip() for cell in row]
    return all(cells) and len(set(cells)) == len(cells) and not any(cell[0].isdigit() for cell in cells)
