"""The reading process: files come in by standard input, what they say goes out by standard output, one at a time."""

import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from services.rag.adapters.formats.frames import LENGTH, frame, write_answer
from services.rag.adapters.formats.limits import Unreadable
from services.rag.documents import Parsed, Refusal
from services.rag.media_types import CSV, DOCX, HTML, PDF

# Of address space: the libraries take 300 MB of it before they read anything.
_MEMORY_BYTES = 1 << 30
# The service gives up earlier and kills; this is for when the service itself is gone.
_ALARM_SECONDS = 60


def main() -> None:
    """Reads files until standard input ends."""
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the answers.
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    _confine()
    while (media_type := _frame(source)) is not None and (content := _frame(source)) is not None:
        signal.alarm(_ALARM_SECONDS)
        answers.write(frame(write_answer(read(media_type.decode(), content))))
        answers.flush()
        signal.alarm(0)


def read(media_type: str, content: bytes) -> Parsed | Refusal:
    """Returns what a file says, or why it is set aside."""
    try:
        return _reader(media_type)(content)
    except Unreadable as error:
        return Refusal(error.reason, str(error), is_quarantine=True)
    except (MemoryError, RecursionError):
        return Refusal("UNREADABLE", "The file takes more memory than a document ever needs.", is_quarantine=True)
    except Exception as error:  # noqa: BLE001  # a library may fail with anything on a damaged file: that is the answer
        detail = f"The file cannot be read: its reader failed with {type(error).__name__}."
        return Refusal("UNREADABLE", detail, is_quarantine=True)


def _reader(media_type: str) -> Callable[[bytes], Parsed]:
    """Each library is loaded when its first file comes."""
    if media_type == PDF:
        from services.rag.adapters.formats.pdf_pages import read_pdf  # noqa: PLC0415

        return read_pdf
    if media_type == DOCX:
        from services.rag.adapters.formats.word_document import read_docx  # noqa: PLC0415

        return read_docx
    if media_type == HTML:
        from services.rag.adapters.formats.html_page import read_html  # noqa: PLC0415

        return read_html
    if media_type == CSV:
        from services.rag.adapters.formats.table_rows import read_csv  # noqa: PLC0415

        return read_csv
    raise Unreadable("UNREADABLE", "There is no reader for files of this kind.")


def _confine() -> None:
    """Bounds memory and forbids writing files: a reader needs neither."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _frame(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    length = LENGTH.unpack(head)[0]
    content = source.read(length)
    return content if len(content) == length else None


if __name__ == "__main__":
    main()
