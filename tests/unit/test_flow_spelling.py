"""Messages typed on a phone, spelled out."""

import pytest

from services.hybrid_engine.flow.spelling import spelled_out, squeezed
from services.hybrid_engine.flow.zones import with_official_names
from tests.fakes.engine_parts import example_rules


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("cb la livraison pr cocody", "combien la livraison pour cocody"),
        ("c combien 6 paquets", "c'est combien 6 paquets"),
        ("g pas recu mon colis", "j'ai pas recu mon colis"),
        ("Vous prenez la CB ?", "Vous prenez la CB ?"),
        ("500 g de lessive", "500 g de lessive"),
        ("taille C ou L", "taille C ou L"),
        ("+225 07 08 09 10 11", "+225 07 08 09 10 11"),
        ("", ""),
    ],
)
def test_only_what_is_surely_an_abbreviation_is_spelled_out(typed: str, full: str) -> None:
    assert spelled_out(typed) == full


def test_drawn_letters_are_one() -> None:
    assert squeezed("ouiiii") == squeezed("oui")


def test_zones_get_the_names_that_documents_use() -> None:
    places = example_rules().places
    assert with_official_names("livrez à yop ou à la riviera ?", places) == "livrez à Yopougon ou à la Cocody ?"
