"""The READMEs say what the code does, and the French one what the English one says."""

import re

from tools.settings_table import README, readme_with_table

ENGLISH = README.read_text(encoding="utf-8")
FRENCH = README.with_name("README.fr.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_fresh() -> None:
    """`make settings` writes it."""
    assert readme_with_table(ENGLISH) == ENGLISH


def outline(page: str) -> list[str]:
    """Returns the levels of a page's headings and the languages of its blocks, in order."""
    return re.findall(r"^(#+) |^```(\w*)$", page, re.MULTILINE)


def test_both_have_the_same_sections_and_blocks() -> None:
    assert outline(FRENCH) == outline(ENGLISH)


def test_both_teach_the_same_commands() -> None:
    verb = re.compile(r"^(?:repartee|make) (?:[a-z-]+ ?){1,2}|(?<=`)[A-Z_]+(?:=[a-z|]+)?(?=`)", re.MULTILINE)
    english, french = ENGLISH.partition("## Settings")[0], FRENCH.partition("## Réglages")[0]
    assert set(verb.findall(french)) == set(verb.findall(english))


def test_both_link_the_same_pages() -> None:
    link = re.compile(r"\]\(((?:docs|deploy|benchmarks|examples|tools)/[\w./-]+|[A-Z]+\.md)")
    assert set(link.findall(FRENCH)) | {"README.fr.md"} == set(link.findall(ENGLISH)) | {"README.md", "README.fr.md"}
