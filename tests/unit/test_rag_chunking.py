"""How texts become chunks."""

import pytest

from services.rag.chunking import MAX_WORDS, chunk_text, embedding_text, first_heading

PAGE = """# Livraison

## Zones

Nous livrons à Cocody, à Marcory et au Plateau.

Les frais dépendent de la commune :

- Cocody : 1 500 F
- Yopougon : 2 000 F

## Délais

Avant 14 h, le colis part le jour même.
"""


def test_chunks_carry_the_path_of_their_headings() -> None:
    chunks = chunk_text(PAGE, title="Guide", markdown=True)
    assert [chunk.title for chunk in chunks] == ["Guide > Livraison > Zones", "Guide > Livraison > Délais"]
    assert [chunk.position for chunk in chunks] == [0, 1]
    assert chunks[1].text == "Avant 14 h, le colis part le jour même."


def test_a_title_that_repeats_the_first_heading_is_said_once() -> None:
    assert chunk_text(PAGE, title="livraison", markdown=True)[0].title == "livraison > Zones"


def test_a_list_stays_with_the_line_that_introduces_it() -> None:
    long_paragraph = " ".join(["mot"] * 60)
    text = f"{long_paragraph}\n\nLes frais :\n\n- Cocody : 1 500 F\n- Yopougon : 2 000 F"
    chunks = chunk_text(text, title="", markdown=True)
    assert len(chunks[0].text.split()) == 60
    assert chunks[1].text.startswith("Les frais :")
    assert chunks[1].text.endswith("2 000 F")


def test_no_chunk_is_longer_than_the_limit_and_no_word_is_lost() -> None:
    sentences = " ".join(f"Phrase numéro {n} avec quelques mots de plus." for n in range(200))
    endless = " ".join(f"m{n}" for n in range(3 * MAX_WORDS))
    bullets = "\n".join(f"- article {n} à {n} F" for n in range(150))
    text = f"{sentences}\n\n{endless}\n\n{bullets}"
    chunks = chunk_text(text, title="t", markdown=True)
    assert max(len(chunk.text.split()) for chunk in chunks) <= MAX_WORDS
    assert " ".join(chunk.text for chunk in chunks).split() == text.split()


def test_the_same_text_gives_the_same_chunks_whatever_its_line_ends() -> None:
    assert chunk_text(PAGE, title="t", markdown=True) == chunk_text(
        PAGE.replace("\n", "\r\n"), title="t", markdown=True
    )


def test_plain_text_has_no_headings() -> None:
    chunks = chunk_text("# pas un titre\n\ntexte", title="t", markdown=False)
    assert [chunk.title for chunk in chunks] == ["t"]
    assert "# pas un titre" in chunks[0].text


def test_a_heading_inside_a_code_fence_is_text() -> None:
    assert chunk_text("```\n# code\n\nsuite\n```", title="t", markdown=True)[0].text == "```\n# code\n\nsuite\n```"


@pytest.mark.parametrize("text", ["", "  \n\n", "# seul\n## titre\n"])
def test_nothing_gives_no_chunk(text: str) -> None:
    assert chunk_text(text, title="t", markdown=True) == ()


def test_first_heading_and_embedding_text() -> None:
    assert first_heading("intro\n\n## Prix ##\n") == "Prix"
    assert first_heading("rien") == ""
    assert embedding_text("Prix", "10 F") == "Prix\n10 F"
    assert embedding_text("", "10 F") == "10 F"


@pytest.mark.parametrize(
    ("heading", "name"),
    [("## Frais ##", "Frais"), ("# Langage C#", "Langage C#"), ("#\tZones \t", "Zones"), ("# a" + " b" * 3, "a b b b")],
)
def test_a_heading_loses_its_closing_hashes_and_nothing_else(heading: str, name: str) -> None:
    assert first_heading(heading) == name
    assert chunk_text(f"{heading}\n\nTexte.", title="", markdown=True)[0].title == name


def test_a_heading_with_a_long_gap_is_read_in_linear_time() -> None:
    """Cubic time would not end."""
    assert first_heading("# a" + " " * 500_000 + "b").endswith("b")


@pytest.mark.parametrize("markdown", [True, False])
@pytest.mark.parametrize(
    "text",
    ["x" * 100_000, "你好世界。" * 20_000, "a" + " " * 100_000 + "b", "```\n" + "\n" * 100_000 + "b", "a " * 50_000],
)
def test_no_text_makes_a_chunk_that_is_long_without_words(text: str, markdown: bool) -> None:
    chunks = chunk_text(text, title="t", markdown=markdown)
    assert max(len(chunk.text) for chunk in chunks) <= MAX_WORDS * 50
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(text.split())
