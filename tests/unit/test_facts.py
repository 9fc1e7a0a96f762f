"""Facts: what a text says that must not change."""

import itertools
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.facts import MAX_TEXT_CHARACTERS, Places, extract_facts

PLACES = Places({"Yopougon": ["yop"], "Port-Bouët": [], "Marcory": ["zone 4"], "Cocody": ["ii plateaux"], "Abobo": []})


def read(text: str, country: str = "CI") -> list[str]:
    facts = extract_facts(text, country=country, places=PLACES)
    return [f"{fact.kind} {fact.value} {fact.unit}".rstrip() for fact in facts]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("2000F", "money 2000 XOF"),
        ("2000 f cfa", "money 2000 XOF"),
        ("25.000 FCFA", "money 25000 XOF"),
        ("25 000 FCFA", "money 25000 XOF"),
        ("25\u202f000\u00a0FCFA", "money 25000 XOF"),
        ("25,000 FCFA", "money 25000 XOF"),
        ("25'000 F", "money 25000 XOF"),
        ("25 mille francs", "money 25000 XOF"),
        ("25k FCFA", "money 25000 XOF"),
        ("2 000 francs", "money 2000 XOF"),
        ("2,5 millions de FCFA", "money 2500000 XOF"),
        ("1.234.567 F", "money 1234567 XOF"),
        ("12,50 €", "money 12.5 EUR"),
        ("€12.50", "money 12.5 EUR"),
        ("12€50", "money 12.5 EUR"),
        ("1.500 euros", "money 1500 EUR"),
        ("25 000,50 €", "money 25000.5 EUR"),
        ("$25,000.00", "money 25000 USD"),
        ("25$", "money 25 USD"),
    ],
)
def test_money_in_every_spelling_is_one_amount(text: str, fact: str) -> None:
    assert read(text) == [fact]


@pytest.mark.parametrize(("country", "unit"), [("CI", "XOF"), ("CM", "XAF"), ("CH", "CHF"), ("GN", "GNF"), ("", "XOF")])
def test_a_bare_franc_is_the_country_s(country: str, unit: str) -> None:
    assert read("5000 F", country) == [f"money 5000 {unit}"]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("6 paquets", "quantity 6 paquet"),
        ("6 packs", "quantity 6 paquet"),
        ("2 colis", "quantity 2 colis"),
        ("2 parcels", "quantity 2 colis"),
        ("12 kg", "quantity 12 kg"),
        ("0,500 kg", "quantity 0.5 kg"),
        ("5 pièces", "quantity 5 piece"),
        ("livré sous 48h", "quantity 48 heure"),
        ("48 heures", "quantity 48 heure"),
        ("12 m²", "quantity 12 m²"),
        ("20 %", "percent 20 %"),
        ("3,5 pour cent", "percent 3.5 %"),
        ("3.5 percent", "percent 3.5 %"),
        ("10k", "number 10000"),
        ("1 500", "number 1500"),
        ("007", "number 7"),
    ],
)
def test_numbers_keep_their_unit(text: str, fact: str) -> None:
    assert read(text) == [fact]


@pytest.mark.parametrize(
    ("text", "country", "fact"),
    [
        ("0787360757", "CI", "phone 0787360757 225"),
        ("+225 0787360757", "CI", "phone 0787360757 225"),
        ("00225 07 87 36 07 57", "CI", "phone 0787360757 225"),
        ("(+225) 07.87.36.07.57", "CI", "phone 0787360757 225"),
        ("2250787360757", "CI", "phone 0787360757 225"),
        ("+33 6 12 34 56 78", "CI", "phone +33612345678 33"),
        ("06 12 34 56 78", "FR", "phone 0612345678 33"),
        ("+33 (0)6 12 34 56 78", "FR", "phone 0612345678 33"),
        ("(202) 555-0143", "US", "phone 2025550143 1"),
        ("+1 202-555-0143", "US", "phone 2025550143 1"),
        ("+2250787360757", "", "phone +2250787360757 225"),
    ],
)
def test_phones_are_national_digits(text: str, country: str, fact: str) -> None:
    assert read(text, country) == [fact]


def test_phones_side_by_side_are_two() -> None:
    assert read("07.87.36.07.57/05 05 05 05 05") == ["phone 0787360757 225", "phone 0505050505 225"]


def test_digits_before_a_currency_are_money_not_a_phone() -> None:
    assert read("2 500 000 000 F") == ["money 2500000000 XOF"]
    assert read("07 87 36 07 57 250 F") == ["phone 0787360757 225", "money 250 XOF"]


@pytest.mark.parametrize(
    ("text", "country", "facts"),
    [
        ("12/11", "CI", ["date 11-12"]),
        ("11/12", "US", ["date 11-12"]),
        ("12/11/2026", "CI", ["date 2026-11-12"]),
        ("2026-11-12", "CI", ["date 2026-11-12"]),
        ("12 novembre 2026", "CI", ["date 2026-11-12"]),
        ("le 1er août", "CI", ["date 08-01"]),
        ("November 12th", "US", ["date 11-12"]),
        ("24/7", "CI", ["number 24", "number 7"]),
        ("18h30", "CI", ["time 18:30"]),
        ("18 h", "CI", ["time 18:00"]),
        ("à 18 heures", "CI", ["time 18:00"]),
        ("8h-18h", "CI", ["time 08:00", "time 18:00"]),
        ("6:30 pm", "US", ["time 18:30"]),
        ("12 am", "US", ["time 00:00"]),
    ],
)
def test_dates_and_hours(text: str, country: str, facts: list[str]) -> None:
    assert read(text, country) == facts


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("CMD-1234", "reference CMD-1234"),
        ("cmd-2026-11-12", "reference CMD-2026-11-12"),
        ("#1234", "reference #1234"),
        ("AB12345", "reference AB12345"),
        ("7a45", "reference 7A45"),
        ("Jean.Dupont@Ex.com", "email jean.dupont@ex.com"),
        ("https://Ex.com/Pay?a=1.", "url https://Ex.com/Pay?a=1"),
        ("wa.me/2250787360757", "url wa.me/2250787360757"),
        ("à YOPOUGON", "place Yopougon"),
        ("yop.", "place Yopougon"),
        ("port bouet", "place Port-Bouët"),
        ("zone 4", "place Marcory"),
        ("II  Plateaux", "place Cocody"),
    ],
)
def test_names(text: str, fact: str) -> None:
    assert read(text) == [fact]


def test_a_place_is_a_whole_word() -> None:
    assert read("abobolais, yopla") == []


def test_a_whole_sentence_in_order_with_its_spans() -> None:
    text = "Été : envoyez 2000F sur +225 0787360757 pour 6 paquets à Port-Bouët le 12/11 à 18h30."
    facts = extract_facts(text, country="CI", places=PLACES)
    assert [text[fact.start : fact.end] for fact in facts] == [
        "2000F",
        "+225 0787360757",
        "6 paquets",
        "Port-Bouët",
        "12/11",
        "18h30",
    ]


def test_prose_without_facts_has_none() -> None:
    assert read("Bonjour, rendez-vous peut-être demain avec l'équipe ?") == []


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789 .,/-+#hFkg€$@aeéœ²½…\u202f()x:'", max_size=80))
def test_spans_never_overlap_and_lie_inside_any_text(text: str) -> None:
    at = 0
    for fact in extract_facts(text, country="CI", places=PLACES):
        assert at <= fact.start < fact.end <= len(text)
        assert fact.value
        at = fact.end


@pytest.mark.parametrize(
    "piece",
    ["1", "1 ", "12.", "07 ", "a1-", "1h", "#", "a@", "aé", "25 000 ", "+225 07 87 36 07 57 ", "www.", "6 paquets "],
)
def test_hostile_texts_take_linear_work(piece: str) -> None:
    """Four times the text makes about four times the calls; the expressions themselves are RE2's, and linear."""

    def calls(size: int) -> int:
        counter = itertools.count()
        sys.setprofile(lambda _frame, event, _argument: next(counter) if event in {"call", "c_call"} else None)
        try:
            extract_facts((piece * size)[:size], country="CI", places=PLACES)
        finally:
            sys.setprofile(None)
        return next(counter)

    small = MAX_TEXT_CHARACTERS // 64
    calls(small)  # fills the caches that every text shares
    assert calls(4 * small) < 6 * (calls(small) + 200)


def test_text_beyond_the_limit_is_not_read() -> None:
    assert read("x" * MAX_TEXT_CHARACTERS + " 2000F") == []


def test_a_large_gazetteer_compiles_and_finds() -> None:
    many = Places({f"Quartier {n} des Palmiers": [f"q{n} palm"] for n in range(2000)})
    assert many.find("au q1999 palm") == (("Quartier 1999 des Palmiers", 3, 13),)


def test_an_empty_gazetteer_finds_nothing() -> None:
    assert Places({}).find("Cocody") == ()
