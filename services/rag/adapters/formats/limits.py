"""What a file may cost, and how a reader says that it is too much."""

MAX_PAGES = 500
# Of text, whatever the file's size: a small archive can hold a library.
MAX_CHARACTERS = 4_000_000
MAX_ROWS = 50_000


class Unreadable(Exception):
    """A file that is set aside. `reason` is UPPER_SNAKE; the message is one sentence and quotes nothing of the file."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def too_much_text() -> Unreadable:
    """Returns what to raise when a file says more than anybody wrote."""
    return Unreadable("ARCHIVE_TOO_LARGE", f"The file unfolds to more than {MAX_CHARACTERS} characters of text.")
