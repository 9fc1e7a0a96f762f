"""Phone numbers as customers write them."""

import pytest

from services.hybrid_engine.flow.phones import PhoneGiven, is_valid, read_phone
from services.hybrid_engine.flow.rules import PhoneRule

IVORIAN = PhoneRule(digits=10, country_prefix="225")


@pytest.mark.parametrize(
    "text",
    [
        "0787360757",
        "07 87 36 07 57",
        "07-87-36-07-57",
        "07.87.36.07.57",
        "+225 0787360757",
        "+2250787360757",
        "00225 07 87 36 07 57",
        "2250787360757",
        "(+225) 07 87 36 07 57",
        "mon numéro c'est le 07\u00a087\u00a036\u00a007\u00a057 merci",
    ],
)
def test_a_number_is_ten_national_digits_however_it_is_written(text: str) -> None:
    assert read_phone(text, IVORIAN) == PhoneGiven("0787360757", 10)


@pytest.mark.parametrize(
    ("text", "digits"), [("07 87 36 07", 8), ("078736075", 9), ("07873607577", 11), ("+225 078736075", 9)]
)
def test_any_other_count_of_digits_is_no_number(text: str, digits: int) -> None:
    assert read_phone(text, IVORIAN) == PhoneGiven("", digits)


@pytest.mark.parametrize("text", ["", "bonjour", "6 paquets", "25.000 F", "j'ai payé 2000", "Zone 4"])
def test_an_amount_is_not_a_phone(text: str) -> None:
    assert read_phone(text, IVORIAN) is None


def test_the_number_of_the_shop_is_passed_over() -> None:
    assert read_phone("payé sur +225 0787360757", IVORIAN, ignore="+225 07 87 36 07 57") is None
    given = read_phone("payé sur 0787360757, joignez le 0101020304", IVORIAN, ignore="+225 0787360757")
    assert given == PhoneGiven("0101020304", 10)


def test_a_good_number_wins_over_a_bad_one() -> None:
    assert read_phone("0101020304 et pas 12345678", IVORIAN) == PhoneGiven("0101020304", 10)


def test_a_tenant_may_take_nine_digits_or_more() -> None:
    lenient = PhoneRule(digits=9, country_prefix="225", at_least=True)
    assert is_valid("078736075", lenient)
    assert is_valid("0787360757", lenient)
    assert not is_valid("07873607", lenient)
