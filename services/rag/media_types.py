"""Which files are read, and how they are told apart."""

PLAIN = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
CSV = "text/csv"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TYPES = (PLAIN, MARKDOWN, HTML, CSV, PDF, DOCX)
# Those that are read in this process: they cannot be anything else than what they look like.
TEXT_TYPES = frozenset((PLAIN, MARKDOWN))
BY_SUFFIX = {
    ".md": MARKDOWN,
    ".txt": PLAIN,
    ".html": HTML,
    ".htm": HTML,
    ".csv": CSV,
    ".pdf": PDF,
    ".docx": DOCX,
}

# The standard allows rubbish in front of it, and much software writes some.
_PDF_HEAD_BYTES = 1024
_HTML_HEAD_BYTES = 512


def media_type_of(content: bytes, *, given: str) -> str:
    """Returns the media type `given`, without its parameters, or what `content` begins like; "" when none is read.

    Comma-separated values look like text: they are read as rows only when they are said to be.
    """
    named = given.split(";", maxsplit=1)[0].strip().lower()
    if named:
        return named if named in TYPES else ""
    if b"%PDF-" in content[:_PDF_HEAD_BYTES]:
        return PDF
    if content[:4] == b"PK\x03\x04":
        return DOCX
    head = content[:_HTML_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return HTML if head.startswith((b"<!doctype html", b"<html")) else MARKDOWN
