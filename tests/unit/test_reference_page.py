"""docs/REFERENCE.md says what the contracts say."""

import re
from collections import Counter

from tools.reference_page import PAGE, page

CONTENT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_fresh() -> None:
    """`make reference` writes it."""
    assert page() == CONTENT


def test_every_link_of_the_page_leads_somewhere_and_only_there() -> None:
    headings = [re.sub(r"[^\w]", "", line.lstrip("# ")).lower() for line in CONTENT.splitlines() if line[:1] == "#"]
    assert [heading for heading, count in Counter(headings).items() if count > 1] == []
    assert set(re.findall(r"\]\(#([^)]+)\)", CONTENT)) <= set(headings)


def test_nothing_is_without_a_meaning() -> None:
    assert not re.search(r"\| *\|$", CONTENT, re.MULTILINE)
