"""What a document is, and which ones are refused before anything is made of them."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from services.rag.chunking import (
    CHUNKER_VERSION,
    Block,
    Chunk,
    blocks_of_text,
    chunk_blocks,
    embedding_text,
    first_heading,
)
from services.rag.language import language_of_text
from services.rag.media_types import MARKDOWN, PLAIN, TEXT_TYPES, TYPES, media_type_of
from services.rag.terms import ANALYZER_VERSION

SHARED = "shared"
# A longer title is cut: it is put in front of every chunk.
MAX_TITLE_CHARACTERS = 200
MAX_CONTENT_BYTES = 4 * 1024 * 1024


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

    @property
    def kind(self) -> str:
        """Its media type, found out where none was given; "" when it is none that is read."""
        return media_type_of(self.content, given=self.media_type)

    def content_sha256(self) -> str:
        """Returns the digest of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    def revision(self) -> str:
        """Returns the digest of everything that the index would hold of it; another one means work to do."""
        digest = hashlib.sha256()
        rules = f"{CHUNKER_VERSION}.{ANALYZER_VERSION}"
        for part in (rules, self.document_id, self.title, self.media_type, self.owner, self.locale):
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        digest.update(self.content)
        return digest.hexdigest()


class Refusal(NamedTuple):
    """Why one document is not indexed: an UPPER_SNAKE reason and a sentence."""

    reason: str
    detail: str
    # True when it was taken and could not be read: it is noted, and an earlier version stays in use.
    is_quarantine: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file says: the title it gives itself, or "", and its blocks in order."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was understood."""

    # For people: the one given, else its own, else the id.
    title: str
    chunks: tuple[Chunk, ...]
    # What is embedded for each chunk. An id says nothing, so it is left out where it stands for a title.
    embedded: tuple[str, ...]
    # Two letters, or empty.
    locale: str = ""


def screen(document: SubmittedDocument, *, owners: Collection[str]) -> Refusal | None:
    """Returns why a document is refused, as far as that is known before it is read; None when it may be read.

    `owners` are the agents of the tenant; `shared` is always allowed.
    """
    size = len(document.content)
    if size > MAX_CONTENT_BYTES:
        limit = MAX_CONTENT_BYTES // (1024 * 1024)
        return Refusal("DOCUMENT_TOO_LARGE", f"The content has {size} bytes; at most {limit} MiB are taken.")
    if document.owner != SHARED and document.owner not in owners:
        known = ", ".join(sorted({*owners, SHARED}))
        return Refusal("OWNER_UNKNOWN", f"The tenant has no such agent; expected one of: {known}.")
    if not document.kind:
        return Refusal("MEDIA_TYPE_UNSUPPORTED", f"It is not read; send one of: {', '.join(TYPES)}.")
    if not document.content.strip():
        return Refusal("DOCUMENT_EMPTY", "The content holds no text.")
    return None


def parse_text(document: SubmittedDocument) -> Parsed | Refusal:
    """Returns what a plain or Markdown text says."""
    try:
        text = document.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Refusal("NOT_TEXT", "The content is not UTF-8 text.")
    if "\0" in text:
        return Refusal("NOT_TEXT", "The content holds NUL characters, so it is not text.")
    markdown = document.kind == MARKDOWN
    return Parsed(first_heading(text) if markdown else "", tuple(blocks_of_text(text, markdown=markdown)))


def cut(document: SubmittedDocument, parsed: Parsed, *, languages: Collection[str] = ()) -> ReadDocument | Refusal:
    """Returns the document's title, language and chunks. `languages` are those that the tenant speaks, if known."""
    heading = document.title or parsed.title
    title = (heading or document.document_id)[:MAX_TITLE_CHARACTERS]
    chunks = chunk_blocks(parsed.blocks, title=title)
    if not chunks:
        return Refusal("DOCUMENT_EMPTY", "The content holds headings, pictures or blanks only, no text.")
    return ReadDocument(
        title=title,
        chunks=chunks,
        embedded=tuple(embedding_text(chunk.title if heading else "", chunk.text) for chunk in chunks),
        locale=document.locale[:2].lower() or _language(chunks, languages),
    )


def read_document(
    document: SubmittedDocument, *, owners: Collection[str], languages: Collection[str] = ()
) -> ReadDocument | Refusal:
    """Returns a plain or Markdown document's title and chunks, or why it is refused."""
    if refusal := screen(document, owners=owners):
        return refusal
    if document.kind not in TEXT_TYPES:
        return Refusal("MEDIA_TYPE_UNSUPPORTED", f"Only text is read here; send {PLAIN} or {MARKDOWN}.")
    parsed = parse_text(document)
    return parsed if isinstance(parsed, Refusal) else cut(document, parsed, languages=languages)


def _language(chunks: tuple[Chunk, ...], languages: Collection[str]) -> str:
    sample = "\n".join(f"{chunk.title}\n{chunk.text}" for chunk in chunks[:8])
    # A tenant that speaks one language writes in it, also where a document has no small words.
    return language_of_text(sample, among=languages) or (next(iter(languages)) if len(languages) == 1 else "")
