"""The port to readers of files that are not plain text."""

from typing import Protocol

from services.rag.documents import Parsed, Refusal, SubmittedDocument


class FileReader(Protocol):
    """Reads HTML, CSV, PDF and DOCX, somewhere where a hostile file harms nobody else."""

    async def read(self, document: SubmittedDocument) -> Parsed | Refusal:
        """Returns what the file says, or why it is set aside: `is_quarantine` is true. Takes 20 s at most.

        Reasons: UNREADABLE, ENCRYPTED, TOO_MANY_PAGES, ARCHIVE_TOO_LARGE, PARSE_TIMEOUT. Raises Unavailable
        (READER_UNAVAILABLE) when no reader can be started.
        """
        ...


class TextOnly:
    """A FileReader for where nothing but text is read."""

    async def read(self, document: SubmittedDocument) -> Parsed | Refusal:
        """Refuses the document."""
        return Refusal("MEDIA_TYPE_UNSUPPORTED", f"Files of the kind {document.kind} are not read here; send text.")
