"""DOCX: paragraphs under their headings, and tables as rows."""

import io
import zipfile
from zipfile import BadZipFile, LargeZipFile

from docx import Document
from docx.document import Document as WordDocument
from docx.opc.exceptions import OpcError
from docx.table import Table
from docx.text.paragraph import Paragraph

from services.rag.adapters.formats.collecting import Collector
from services.rag.adapters.formats.limits import Unreadable
from services.rag.documents import Parsed

_MAX_ENTRIES = 2_000
_MAX_UNPACKED_BYTES = 64 << 20
# Text packs about ten to one; from a hundred on it is a bomb. Small files pack as they like.
_MAX_RATIO = 100
_RATIO_COUNTS_FROM_BYTES = 1 << 20
_PROLOGUE_BYTES = 4096
# What Office writes over a file that is protected by a password.
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"


def read_docx(content: bytes) -> Parsed:
    """Returns the title of its properties and its blocks.

    Raises Unreadable: ENCRYPTED, ARCHIVE_TOO_LARGE before anything is unpacked, UNREADABLE.
    """
    if content[:4] == _COMPOUND_FILE:
        raise Unreadable("ENCRYPTED", "The file opens with a password only, or is of an old format; save it as DOCX.")
    try:
        _check_archive(content)
        document = Document(io.BytesIO(content))
        collector = Collector()
        _collect(document, collector)
        title = document.core_properties.title
    except (BadZipFile, LargeZipFile, OpcError, SyntaxError, KeyError, ValueError, AttributeError, OSError) as error:
        raise Unreadable("UNREADABLE", "The file is not a Word document that can be read.") from error
    return Parsed(" ".join(title.split()) or collector.first_heading, tuple(collector.blocks))


def _check_archive(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        is_dense = unpacked > _RATIO_COUNTS_FROM_BYTES and unpacked > _MAX_RATIO * len(content)
        if len(entries) > _MAX_ENTRIES or unpacked > _MAX_UNPACKED_BYTES or is_dense:
            raise Unreadable("ARCHIVE_TOO_LARGE", "The file unpacks to more than a document ever needs.")
        if any(entry.flag_bits & 1 for entry in entries):
            raise Unreadable("ENCRYPTED", "The file opens with a password only; send one without.")
        for entry in entries:
            if entry.filename.endswith((".xml", ".rels")):
                with archive.open(entry) as part:
                    # The format forbids declarations; they are how entities are made to grow.
                    if b"<!DOCTYPE" in part.read(_PROLOGUE_BYTES):
                        raise Unreadable("UNREADABLE", "The file declares entities, which a Word document never does.")


def _collect(document: WordDocument, collector: Collector) -> None:
    items: list[str] = []

    def end_list() -> None:
        collector.text("\n".join(items))
        items.clear()

    for part in document.iter_inner_content():
        if isinstance(part, Table):
            end_list()
            collector.rows(_rows(part))
            continue
        level = _heading_level(part)
        if level:
            end_list()
            collector.heading(level, part.text)
        elif _style(part).startswith("list"):
            items.append(f"- {part.text}")
        else:
            end_list()
            collector.text(part.text)
    end_list()


def _rows(table: Table) -> list[list[str]]:
    """Reads cells from the rows' own elements: the library's grid of cells takes quadratic time."""
    return [
        ["\n".join(paragraph.text for paragraph in _paragraphs(cell)) for cell in row.tc_lst]  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType,reportUnknownArgumentType]  # untyped
        for row in table._tbl.tr_lst  # pyright: ignore[reportPrivateUsage,reportUnknownMemberType,reportUnknownVariableType]
    ]


def _paragraphs(cell: object) -> list[Paragraph]:
    return [Paragraph(p, None) for p in cell.p_lst]  # type: ignore[attr-defined,arg-type]


def _style(paragraph: Paragraph) -> str:
    style = paragraph.style
    return ((style.name if style else "") or "").lower()


def _heading_level(paragraph: Paragraph) -> int:
    name = _style(paragraph)
    if name == "title":
        return 1
    level = name.removeprefix("heading ")
    return int(level) if level != name and level.isdigit() else 0
