"""What a document is, and which ones are refused before anything is made of them."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from services.rag.chunking import CHUNKER_VERSION, Chunk, chunk_text, embedding_text, first_heading

SHARED = "shared"
# A longer title is cut: it is put in front of every chunk.
MAX_TITLE_CHARACTERS = 200
MAX_CONTENT_BYTES = 4 * 1024 * 1024
PLAIN = "text/plain"
MARKDOWN = "text/markdown"
_KNOWN_LATER = {
    "text/html",
    "text/csv",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True, slots=True)
class SubmittedDocument:
    """A document as somebody sends it."""

    document_id: str
    content: bytes
    title: str = ""
    media_type: str = ""
    agent_owner: str = ""
    locale: str = ""

    @property
    def owner(self) -> str:
        """The agent whose knowledge it is, or `shared`."""
        return self.agent_owner or SHARED

    def content_sha256(self) -> str:
        """Returns the digest of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    def revision(self) -> str:
        """Returns the digest of everything that the index would hold of it; another one means work to do."""
        digest = hashlib.sha256()
        for part in (CHUNKER_VERSION, self.document_id, self.title, self.media_type, self.owner, self.locale):
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        digest.update(self.content)
        return digest.hexdigest()


class Refusal(NamedTuple):
    """Why one document is not indexed: an UPPER_SNAKE reason and a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was understood."""

    # For people: the one given, else the first heading, else the id.
    title: str
    chunks: tuple[Chunk, ...]
    # What is embedded for each chunk. An id says nothing, so it is left out where it stands for a title.
    embedded: tuple[str, ...]


def read_document(document: SubmittedDocument, *, owners: frozenset[str]) -> ReadDocument | Refusal:
    """Returns the document's title and chunks, or why it is refused. Limits are checked before anything is parsed.

    `owners` are the agents of the tenant; `shared` is always allowed.
    """
    size = len(document.content)
    if size > MAX_CONTENT_BYTES:
        limit = MAX_CONTENT_BYTES // (1024 * 1024)
        return Refusal("DOCUMENT_TOO_LARGE", f"The content has {size} bytes; at most {limit} MiB are taken.")
    if document.owner != SHARED and document.owner not in owners:
        known = ", ".join(sorted({*owners, SHARED}))
        return Refusal("OWNER_UNKNOWN", f"The tenant has no such agent; expected one of: {known}.")
    media_type = document.media_type.split(";")[0].strip().lower()
    if media_type not in ("", PLAIN, MARKDOWN):
        known_later = "This version does not read it yet" if media_type in _KNOWN_LATER else "It is not read"
        return Refusal("MEDIA_TYPE_UNSUPPORTED", f"{known_later}; send {PLAIN} or {MARKDOWN}.")
    if not document.content.strip():
        return Refusal("DOCUMENT_EMPTY", "The content holds no text.")
    try:
        text = document.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Refusal("NOT_TEXT", "The content is not UTF-8 text.")
    if "\0" in text:
        return Refusal("NOT_TEXT", "The content holds NUL characters, so it is not text.")
    markdown = media_type != PLAIN
    heading = document.title or (first_heading(text) if markdown else "")
    title = (heading or document.document_id)[:MAX_TITLE_CHARACTERS]
    chunks = chunk_text(text, title=title, markdown=markdown)
    if not chunks:
        return Refusal("DOCUMENT_EMPTY", "The content holds headings or blanks only, no text.")
    return ReadDocument(
        title=title,
        chunks=chunks,
        embedded=tuple(embedding_text(chunk.title if heading else "", chunk.text) for chunk in chunks),
    )
