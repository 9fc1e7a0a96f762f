"""What each kind of file becomes, and how damaged, hostile and locked ones are set aside."""

import io
import zipfile
from collections.abc import Callable

import docx
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from services.rag.adapters.formats import word_document
from services.rag.adapters.formats.child import read
from services.rag.adapters.formats.frames import read_answer, write_answer
from services.rag.adapters.formats.limits import MAX_CHARACTERS, MAX_PAGES
from services.rag.chunking import Block, chunk_blocks
from services.rag.documents import Parsed, Refusal
from services.rag.media_types import CSV, DOCX, HTML, MARKDOWN, PDF, media_type_of

PAGE = """<!DOCTYPE html><html><head><title>Boutique</title><style>p{}</style><script>var x = "piège"</script></head>
<body><nav><ul><li>Menu</li></ul></nav><h1>Livraison</h1><p>Nous <b>livrons</b> à Lyon.</p>
<ul><li>un</li><li>deux</li></ul><div>Texte libre, <i>en italique</i>.<h2>Délais</h2>Trois jours.</div>
<table><tr><th>Zone</th><th>Frais</th></tr><tr><td>Cocody</td><td>1 500 F</td></tr></table>
<footer>Mentions</footer></body></html>"""


def pdf(*texts: str, password: str = "") -> bytes:
    writer = PdfWriter()
    for text in texts:
        page = writer.add_blank_page(300, 300)
        font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
        named = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
        fonts = DictionaryObject({NameObject("/F1"): named})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode("latin-1"))
        page[NameObject("/Contents")] = stream
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def word(fill: Callable[[docx.document.Document], None]) -> bytes:
    document = docx.Document()
    document.core_properties.title = ""
    fill(document)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def price_list(document: docx.document.Document) -> None:
    document.add_heading("Tarifs", 1)
    document.add_paragraph("Voici nos prix.")
    document.add_paragraph("un", style="List Bullet")
    document.add_paragraph("deux", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate((("Article", "Prix"), ("Drap", "15 €"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.add_heading("Remises", 2)
    document.add_paragraph("Dix pour cent.")


def repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return written.getvalue()


def blocks(media_type: str, content: bytes) -> list[tuple[str, str]]:
    parsed = read(media_type, content)
    assert isinstance(parsed, Parsed)
    return [(" > ".join(block.headings), block.text) for block in parsed.blocks]


def reason(media_type: str, content: bytes) -> str:
    refused = read(media_type, content)
    assert isinstance(refused, Refusal)
    assert refused.is_quarantine
    assert refused.detail.endswith(".")
    return refused.reason


def test_html_gives_what_a_reader_sees_under_its_headings() -> None:
    parsed = read(HTML, PAGE.encode())
    assert isinstance(parsed, Parsed)
    assert parsed.title == "Boutique"
    assert blocks(HTML, PAGE.encode()) == [
        ("Livraison", "Nous livrons à Lyon."),
        ("Livraison", "- un\n- deux"),
        ("Livraison", "Texte libre, en italique."),
        ("Livraison > Délais", "Trois jours."),
        ("Livraison > Délais", "- Zone : Cocody ; Frais : 1 500 F"),
    ]


def test_deep_html_does_not_exhaust_the_stack() -> None:
    deep = b"<html><body>" + b"<div>" * 50_000 + b"fond" + b"</div>" * 50_000
    assert "fond" in blocks(HTML, deep)[0][1]


def test_a_word_document_keeps_headings_lists_and_rows() -> None:
    assert blocks(DOCX, word(price_list)) == [
        ("Tarifs", "Voici nos prix."),
        ("Tarifs", "- un\n- deux"),
        ("Tarifs", "- Article : Drap ; Prix : 15 €"),
        ("Tarifs > Remises", "Dix pour cent."),
    ]


def test_the_pages_of_a_pdf_are_headings_so_that_an_answer_can_name_them() -> None:
    parsed = read(PDF, pdf("Livraison en trois jours.", "Retours gratuits."))
    assert isinstance(parsed, Parsed)
    chunks = chunk_blocks(parsed.blocks, title="Guide")
    assert [(chunk.title, chunk.text) for chunk in chunks] == [
        ("Guide > page 1", "Livraison en trois jours."),
        ("Guide > page 2", "Retours gratuits."),
    ]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"Ville;Frais\nLyon;10\nParis;12", ["- Ville : Lyon ; Frais : 10", "- Ville : Paris ; Frais : 12"]),
        ('Ville,"Frais, TTC"\nLyon,"10 €"'.encode(), ["- Ville : Lyon ; Frais, TTC : 10 €"]),
        ("Ville;Délai\nSète;été".encode("cp1252"), ["- Ville : Sète ; Délai : été"]),
        (b"\xef\xbb\xbfVille\tFrais\nLyon\t10\n\n", ["- Ville : Lyon ; Frais : 10"]),
        (b"Lyon;10\nParis;12", ["- Lyon ; 10", "- Paris ; 12"]),
        (b"Ville;Frais\nLyon", ["- Ville : Lyon"]),
    ],
)
def test_rows_of_a_table_carry_the_names_of_their_columns(content: bytes, rows: list[str]) -> None:
    assert [text for _, text in blocks(CSV, content)] == rows


def test_a_pdf_that_only_forbids_printing_is_read_and_one_with_a_password_is_not() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(pdf("Ouvert.")))
    writer.encrypt("", owner_password="secret", algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    assert blocks(PDF, written.getvalue())[0][1] == "Ouvert."
    assert reason(PDF, pdf("x", password="secret")) == "ENCRYPTED"


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        (PDF, b"%PDF-1.7 and nothing"),
        (PDF, b"not a pdf"),
        (PDF, pdf("texte")[:300]),
        (DOCX, b"PK\x03\x04 and nothing"),
        (DOCX, word(price_list)[:-200]),
        (DOCX, repacked(word(price_list), lambda name, part: b"<w:broken" if name.endswith("document.xml") else part)),
        (CSV, b"a;b\0;c"),
        ("text/unknown", b"x"),
    ],
)
def test_damaged_files_are_unreadable(media_type: str, content: bytes) -> None:
    assert reason(media_type, content) == "UNREADABLE"


def test_a_word_document_of_the_old_format_or_with_a_password_says_so() -> None:
    assert reason(DOCX, b"\xd0\xcf\x11\xe0" + b"\0" * 600) == "ENCRYPTED"


def test_too_many_pages_are_refused_before_they_are_read() -> None:
    writer = PdfWriter()
    for _ in range(MAX_PAGES + 1):
        writer.add_blank_page(10, 10)
    written = io.BytesIO()
    writer.write(written)
    assert reason(PDF, written.getvalue()) == "TOO_MANY_PAGES"


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_document, "Document", lambda _: pytest.fail("it was unpacked"))
    grown = repacked(word(price_list), lambda name, part: b" " * (60 << 20) if name.endswith("document.xml") else part)
    assert len(grown) < 1 << 20
    assert reason(DOCX, grown) == "ARCHIVE_TOO_LARGE"
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(2_001):
            archive.writestr(f"{number}.xml", b"")
    assert reason(DOCX, many.getvalue()) == "ARCHIVE_TOO_LARGE"


def test_entities_are_refused_before_they_can_grow() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    bomb = repacked(word(price_list), lambda name, part: laughs if name.endswith("document.xml") else part)
    assert reason(DOCX, bomb) == "UNREADABLE"


def test_text_that_unfolds_beyond_all_measure_is_refused() -> None:
    assert reason(HTML, b"<html><body><p>" + b"mot " * (MAX_CHARACTERS // 2)) == "ARCHIVE_TOO_LARGE"


def test_a_failure_that_no_reader_expects_names_its_type_and_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: io.BytesIO) -> None:
        raise RuntimeError("0700000000")

    monkeypatch.setattr(word_document, "Document", fail)
    refused = read(DOCX, word(price_list))
    assert isinstance(refused, Refusal)
    assert (refused.reason, "RuntimeError" in refused.detail, "0700" in refused.detail) == ("UNREADABLE", True, False)


@pytest.mark.parametrize(
    ("content", "given", "media_type"),
    [
        (b"%PDF-1.4", "", PDF),
        (b"\n\xef\xbb\xbf<!DOCTYPE HTML>", "", HTML),
        (b"PK\x03\x04", "", DOCX),
        (b"# Titre", "", MARKDOWN),
        (b"a;b", "Text/CSV; charset=utf-8", CSV),
        (b"%PDF", "image/png", ""),
    ],
)
def test_media_types_are_found_out(content: bytes, given: str, media_type: str) -> None:
    assert media_type_of(content, given=given) == media_type


@pytest.mark.parametrize(
    "answer",
    [
        Parsed("Titre", (Block(("a", "b"), "texte"), Block((), "é"))),
        Parsed("", ()),
        Refusal("ENCRYPTED", "Locked.", is_quarantine=True),
    ],
)
def test_answers_cross_between_the_processes(answer: Parsed | Refusal) -> None:
    assert read_answer(write_answer(answer)) == answer


def test_half_a_character_of_a_file_does_not_break_the_answer() -> None:
    read_back = read_answer(write_answer(Parsed("\ud800", (Block((), "a\udfffb"),))))
    assert isinstance(read_back, Parsed)
    read_back.blocks[0].text.encode()
