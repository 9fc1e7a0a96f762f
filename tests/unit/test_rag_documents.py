"""Which documents are refused, and with which reason."""

import pytest

from services.rag.documents import (
    MAX_CONTENT_BYTES,
    MAX_TITLE_CHARACTERS,
    ReadDocument,
    Refusal,
    SubmittedDocument,
    read_document,
)

AGENTS = frozenset({"audrey", "carole"})


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (SubmittedDocument("d", b""), "DOCUMENT_EMPTY"),
        (SubmittedDocument("d", b" \n\t "), "DOCUMENT_EMPTY"),
        (SubmittedDocument("d", b"# heading only"), "DOCUMENT_EMPTY"),
        (SubmittedDocument("d", b"x" * (MAX_CONTENT_BYTES + 1)), "DOCUMENT_TOO_LARGE"),
        (SubmittedDocument("d", b"\xff\xfe texte"), "NOT_TEXT"),
        (SubmittedDocument("d", b"a\0b"), "NOT_TEXT"),
        (SubmittedDocument("d", b"x", media_type="application/pdf"), "MEDIA_TYPE_UNSUPPORTED"),
        (SubmittedDocument("d", b"x", media_type="image/png"), "MEDIA_TYPE_UNSUPPORTED"),
        (SubmittedDocument("d", b"x", agent_owner="nobody"), "OWNER_UNKNOWN"),
    ],
)
def test_bad_documents_are_refused_by_name(document: SubmittedDocument, reason: str) -> None:
    refused = read_document(document, owners=AGENTS)
    assert isinstance(refused, Refusal)
    assert refused.reason == reason
    assert refused.detail.endswith(".")


@pytest.mark.parametrize("owner", ["", "shared", "audrey"])
@pytest.mark.parametrize("media_type", ["", "text/plain", "text/markdown", "Text/Markdown; charset=utf-8"])
def test_good_documents_are_read(owner: str, media_type: str) -> None:
    document = SubmittedDocument("d", b"Prix : 10 F", agent_owner=owner, media_type=media_type)
    read = read_document(document, owners=AGENTS)
    assert isinstance(read, ReadDocument)
    assert read.chunks[0].text == "Prix : 10 F"
    assert document.owner == (owner or "shared")


def test_title_is_given_or_the_first_heading_or_the_id_and_is_bounded() -> None:
    def title(**fields: str) -> str:
        read = read_document(SubmittedDocument("the-id", b"# Frais\n\ntexte", **fields), owners=AGENTS)
        assert isinstance(read, ReadDocument)
        return read.title

    assert title() == "Frais"
    assert title(title="Donné") == "Donné"
    assert title(media_type="text/plain") == "the-id"
    assert len(title(title="x" * 999)) == MAX_TITLE_CHARACTERS


def test_revision_moves_with_everything_that_is_indexed() -> None:
    base = SubmittedDocument("d", b"texte", "t", "text/plain", "audrey", "fr")
    others = [
        SubmittedDocument("d", b"Texte", "t", "text/plain", "audrey", "fr"),
        SubmittedDocument("d", b"texte", "u", "text/plain", "audrey", "fr"),
        SubmittedDocument("d", b"texte", "t", "text/markdown", "audrey", "fr"),
        SubmittedDocument("d", b"texte", "t", "text/plain", "carole", "fr"),
        SubmittedDocument("dt", b"texte", "", "text/plain", "audrey", "fr"),
    ]
    revisions = {document.revision() for document in [base, *others]}
    assert len(revisions) == len(others) + 1
    assert SubmittedDocument("d", b"texte", "t", "text/plain", "audrey", "fr").revision() == base.revision()


def test_an_id_that_stands_for_a_title_is_not_embedded() -> None:
    def embedded(content: bytes, title: str = "") -> tuple[str, ...]:
        read = read_document(SubmittedDocument("doc-17", content, title), owners=AGENTS)
        assert isinstance(read, ReadDocument)
        return read.embedded

    assert embedded(b"10 F") == ("10 F",)
    assert embedded(b"10 F", "Frais") == ("Frais\n10 F",)
    assert embedded(b"# Frais\n\n10 F") == ("Frais\n10 F",)
