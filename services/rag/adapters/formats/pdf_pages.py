"""PDF: the text of its pages, which stand as headings so that an answer can name them."""

import io

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from services.rag.adapters.formats.collecting import Collector
from services.rag.adapters.formats.limits import MAX_PAGES, Unreadable
from services.rag.documents import Parsed


def read_pdf(content: bytes) -> Parsed:
    """Returns the title of its properties and the paragraphs of each page.

    Raises Unreadable: ENCRYPTED when it does not open without a password, TOO_MANY_PAGES, UNREADABLE.
    """
    collector = Collector()
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not _opens(reader):
            raise Unreadable("ENCRYPTED", "The file opens with a password only; send one without.")
        count = len(reader.pages)
        if count > MAX_PAGES:
            raise Unreadable("TOO_MANY_PAGES", f"The file has {count} pages; at most {MAX_PAGES} are read.")
        for number, page in enumerate(reader.pages, start=1):
            collector.heading(1, f"page {number}")
            for paragraph in page.extract_text().split("\n\n"):
                collector.text(paragraph)
        title = reader.metadata.title if reader.metadata else ""
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError) as error:
        # A damaged file fails in the library wherever the damage is met.
        raise Unreadable("UNREADABLE", "The file is not a PDF that can be read.") from error
    return Parsed(" ".join(str(title or "").split()), tuple(collector.blocks))


def _opens(reader: PdfReader) -> bool:
    """True when the empty password opens it, as with files that only forbid printing."""
    try:
        return bool(reader.decrypt(""))
    except (DependencyError, NotImplementedError):
        return False
