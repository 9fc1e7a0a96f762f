"""ARCHITECTURE.md speaks of code that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_every_function_it_names_exists() -> None:
    named = re.findall(r"`((?:services|libs|tools)/[\w/]+\.py):(\w+)`", PAGE)
    assert len(named) > 15
    missing = [
        f"{path}:{name}"
        for path, name in named
        if not re.search(
            rf"^\s*(?:async )?(?:def|class) {name}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    assert missing == []


PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "deploy").glob("*.md"),
    *(ROOT / "examples").rglob("README.md"),
]


def test_every_file_that_the_documents_link_exists() -> None:
    missing = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert missing == []


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, as they are made where the page is shown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_section_that_the_documents_link_exists() -> None:
    linked = [
        (page, target, section)
        for page in PAGES
        for target, section in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    ]
    assert len(linked) > 100
    known = {page: anchors(page) for page in {(page.parent / target) if target else page for page, target, _ in linked}}
    wrong = [
        f"{page.name}: {target}#{section}"
        for page, target, section in linked
        if section not in known[(page.parent / target) if target else page]
    ]
    assert wrong == []
