"""The exact tier's key."""

import pytest

from services.cache.fingerprint import fingerprint, language_of, normalise


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Combien coûte la livraison à Cocody ?", "combien coute la livraison a cocody"),
        ("Bonjour, où êtes-vous ?", "ou êtes vous"),
        ("Livrez-vous à Bouaké s’il vous plaît ?", "LIVREZ VOUS À BOUAKÉ"),
        ("Prix  du\u202fforfait", "prix du forfait !!"),
    ],
)
def test_retyping_a_question_gives_one_spelling(a: str, b: str) -> None:
    assert normalise(a) == normalise(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("forfait 1,5 Go", "forfait 15 Go"),
        ("il fait -5 °C", "il fait 5 °C"),
        ("cours de C++", "cours de C"),
        ("groupe A+", "groupe A"),
        ("je ne paie pas", "je paie"),
        ("8h-18h", "8h 1 8h"),
    ],
)
def test_what_carries_meaning_stays(a: str, b: str) -> None:
    assert normalise(a) != normalise(b)


@pytest.mark.parametrize("text", ["", "  ", "???", "…!"])
def test_punctuation_alone_is_nothing(text: str) -> None:
    assert normalise(text) == ""


def test_a_greeting_alone_stays() -> None:
    assert normalise("Bonjour !") == "bonjour"


def test_tenant_agent_and_language_each_make_another_key() -> None:
    parts = {"tenant": "aa", "agent": "x", "language": "fr", "normalised": "ou etes vous"}
    keys = {fingerprint(**parts)}
    keys |= {fingerprint(**{**parts, name: "other"}) for name in parts}
    assert len(keys) == 5


def test_fields_never_flow_into_each_other() -> None:
    one = fingerprint(tenant="ab", agent="c", language="fr", normalised="q")
    assert one != fingerprint(tenant="a", agent="bc", language="fr", normalised="q")


def test_language_of_a_locale() -> None:
    assert (language_of("fr-CI"), language_of("EN_us"), language_of("", default="fr")) == ("fr", "en", "fr")
