"""Which files of a folder become documents, under which ids and owners."""

from pathlib import Path

import pytest

from libs.common.errors import InvalidRequest
from tools.ingest import find_documents


def test_a_subfolder_names_the_owner_and_the_path_makes_the_id(tmp_path: Path) -> None:
    (tmp_path / "audrey").mkdir()
    (tmp_path / "audrey" / "tunnels.md").write_text("# Tunnels")
    (tmp_path / "tarifs.txt").write_text("Tarifs")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    found = [(document.document_id, document.owner) for document in find_documents(tmp_path)]
    assert found == [("audrey:tunnels", "audrey"), ("tarifs", "shared")]


def test_an_owner_that_is_named_wins(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A")
    assert find_documents(tmp_path, "carole")[0].owner == "carole"


def test_an_empty_folder_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as refused:
        find_documents(tmp_path)
    assert refused.value.reason == "NO_DOCUMENTS"
    assert refused.value.violations[0].field == str(tmp_path)


def test_files_keep_their_ending_in_their_id_and_texts_do_not(tmp_path: Path) -> None:
    for name in ("prix.md", "prix.PDF", "prix.csv", "page.html", "guide.docx"):
        (tmp_path / name).write_text("x")
    found = [document.document_id for document in find_documents(tmp_path)]
    assert found == ["guide.docx", "page.html", "prix.PDF", "prix.csv", "prix"]
