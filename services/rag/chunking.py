"""Cuts a document into chunks along its own structure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Names the rules below. A document indexed under other rules is indexed again.
CHUNKER_VERSION = "4"

MAX_WORDS = 160
# A section of fewer words than this is joined with the next one under the same heading.
_SMALL_WORDS = 40
# What has no space for longer counts as several words: a script without spaces, an encoded picture.
_LONGEST_WORD = 40
_WORD = re.compile(rf"\S{{1,{_LONGEST_WORD}}}")
_WIDE_GAP = re.compile(r"[^\S\n]{9,}")
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
_CLOSING_HASHES = re.compile(r"(?<=[ \t])#+$")
_BULLET = re.compile(r"[ \t]*(?:[-*+•–]|\d{1,3}[.)])[ \t]+\S")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that is searched for as a whole: at most `MAX_WORDS` words of at most 40 characters."""

    position: int
    # The document's title and the headings above the chunk, joined by " > ".
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list or a row of a table, with the headings above it."""

    headings: tuple[str, ...]
    text: str


def first_heading(text: str) -> str:
    """Returns the first Markdown heading of `text`, or an empty string."""
    for line in text.splitlines():
        if match := _HEADING.fullmatch(line.strip()):
            return _heading_name(match)
    return ""


def chunk_text(text: str, *, title: str, markdown: bool) -> tuple[Chunk, ...]:
    """Returns the chunks of `text` in order; none when it holds no words.

    Paragraphs under one heading are gathered up to `MAX_WORDS`; a list stays with the line that introduces it; a
    paragraph that is too long is cut between sentences, and a sentence that is too long between words. The same text
    gives the same chunks.
    """
    return chunk_blocks(blocks_of_text(text, markdown=markdown), title=title)


def chunk_blocks(blocks: Iterable[Block], *, title: str) -> tuple[Chunk, ...]:
    """Returns the chunks of a document whose structure is known already; see `chunk_text`."""
    chunks: list[Chunk] = []
    for headings, body in _gather(blocks):
        path = " > ".join(_without_repeats((title, *headings)))
        chunks.append(Chunk(position=len(chunks), title=path, text=body))
    return tuple(chunks)


def embedding_text(title: str, text: str) -> str:
    """Returns what is embedded for a chunk: its headings in front, since they often hold the question's words."""
    return f"{title}\n{text}" if title else text


def blocks_of_text(text: str, *, markdown: bool) -> Iterator[Block]:
    """Yields the paragraphs and lists of a plain or Markdown text, with the headings above them."""
    headings: list[tuple[int, str]] = []
    lines: list[str] = []
    in_fence = False

    def path() -> tuple[str, ...]:
        return tuple(name for _, name in headings)

    for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = _WIDE_GAP.sub(" " * 8, raw.rstrip())
        if markdown and _FENCE.match(line):
            in_fence = not in_fence
            lines.append(line)
            continue
        heading = _HEADING.fullmatch(line) if markdown and not in_fence else None
        if heading or (not line.strip() and not in_fence):
            if lines:
                yield Block(path(), "\n".join(lines))
                lines = []
            if heading:
                level = len(heading[1])
                headings = [kept for kept in headings if kept[0] < level]
                headings.append((level, _heading_name(heading)))
            continue
        if line or lines[-1:] != [""]:
            lines.append(line)
    if lines:
        yield Block(path(), "\n".join(lines))


def _gather(blocks: Iterable[Block]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Joins neighbours under one heading while they stay small, and cuts those that are too long."""
    held: list[str] = []
    held_words = 0
    headings: tuple[str, ...] = ()
    for block in blocks:
        words = _count_words(block.text)
        introduces = bool(held) and bool(_BULLET.match(block.text)) and held[-1].rstrip().endswith(":")
        small = held_words < _SMALL_WORDS or introduces
        if held and (block.headings != headings or not small or held_words + words > MAX_WORDS):
            yield from ((headings, piece) for piece in _pieces("\n\n".join(held)))
            held, held_words = [], 0
        headings = block.headings
        held.append(block.text)
        held_words += words
    if held:
        yield from ((headings, piece) for piece in _pieces("\n\n".join(held)))


def _pieces(text: str) -> Iterator[str]:
    if _count_words(text) <= MAX_WORDS:
        if text.strip():
            yield text.strip()
        return
    held: list[str] = []
    held_words = 0
    for unit in _units(text):
        words = _count_words(unit)
        if held and held_words + words > MAX_WORDS:
            yield "".join(held).strip()
            held, held_words = [], 0
        held.append(unit)
        held_words += words
    if rest := "".join(held).strip():
        yield rest


def _units(text: str) -> Iterator[str]:
    """Yields lines, sentences of lines that are too long, and runs of words of sentences that are too long."""
    for line in text.splitlines(keepends=True):
        if _count_words(line) <= MAX_WORDS:
            yield line
            continue
        for sentence in _SENTENCE_END.split(line):
            words = [match.span() for match in _WORD.finditer(sentence)]
            for start in range(0, len(words), MAX_WORDS):
                run = words[start : start + MAX_WORDS]
                yield sentence[run[0][0] : run[-1][1]] + " "


def _count_words(text: str) -> int:
    words = text.split()
    return len(words) if max(map(len, words), default=0) <= _LONGEST_WORD else len(_WORD.findall(text))


def _heading_name(heading: re.Match[str]) -> str:
    return _CLOSING_HASHES.sub("", heading[2].rstrip()).rstrip()


def _without_repeats(names: tuple[str, ...]) -> list[str]:
    kept: list[str] = []
    for name in names:
        if name and (not kept or kept[-1].casefold() != name.casefold()):
            kept.append(name)
    return kept
