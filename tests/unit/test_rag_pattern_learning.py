"""What is learned from documents, and what is not."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rag_patterns import FIELDS, compare, labelled_tenants, taught
from services.rag.patterns.country import vote
from services.rag.patterns.keeper import DocumentText
from services.rag.patterns.learning import MAX_CHARACTERS, learn
from services.rag.patterns.numbers import convention
from services.rag.patterns.pattern import PatternSet
from services.rag.patterns.reading import PatternReader
from tests.fakes.pattern_world import SHOP


def documents(**texts: str) -> list[DocumentText]:
    return [DocumentText(name, text) for name, text in texts.items()]


def quick(field: str, expression: str) -> float:
    """Stands in for the timing, which a busy machine would upset."""
    return 0.0


def patterns_of(*texts: str) -> PatternSet:
    return learn([DocumentText(f"d{place}", text) for place, text in enumerate(texts)], is_safe=quick).patterns


def values(patterns: PatternSet, text: str, kind: str, country: str = "CI") -> list[str]:
    return [fact.value for fact in PatternReader(patterns.active).facts(text, country=country) if fact.kind == kind]


@pytest.fixture(scope="module")
def shop() -> PatternSet:
    return learn(documents(**SHOP), is_safe=quick).patterns


def test_pairs_of_quantity_and_price_are_learned_and_shown_as_written(shop: PatternSet) -> None:
    pair = next(pattern for pattern in shop.active if pattern.field == "prix_quantite")
    assert "6 paquets - 25.000 FCFA" in {example.text for example in pair.examples}
    assert values(shop, "9 paquets - 31.500 FCFA", "quantity") == ["9"]
    assert values(shop, "9 paquets - 31.500 FCFA", "money") == ["31500"]


def test_prices_are_read_without_a_currency_where_the_tenant_writes_so(shop: PatternSet) -> None:
    assert values(shop, "Prix : 7.500", "money") == ["7500"]
    assert values(shop, "Prix : 20 %", "money") == []
    assert values(shop, "Prix : 2026", "money") == []


def test_an_order_number_is_no_phone(shop: PatternSet) -> None:
    assert values(shop, "commande n° 0711223344", "phone") == []
    assert values(shop, "commande n° 0711223344", "reference") == ["0711223344"]
    assert values(shop, "Tél : 07 11 22 33 44", "phone") == ["0711223344"]


def test_zones_are_learned_by_name(shop: PatternSet) -> None:
    assert {pattern.examples[0].text for pattern in shop.active if pattern.field == "zone"} == {"Cocody", "Yopougon"}
    assert values(shop, "je suis a COCODY", "place") == ["Cocody"]


def test_the_same_documents_teach_the_same_in_any_order() -> None:
    given_documents = documents(**SHOP)
    shuffled = random.Random(1).sample(given_documents, len(given_documents))
    assert learn(given_documents, is_safe=quick) == learn(shuffled, is_safe=quick)


@pytest.mark.parametrize(
    ("numbers", "currency", "written", "value"),
    [
        (("25.000", "1.500", "48.000"), "XOF", "12.500", "12500"),
        (("12,50", "1 250,00", "0,049", "1,125"), "EUR", "1,899", "1.899"),
        (("1,250.00", "8.50", "7,200"), "USD", "1,500", "1500"),
        (("1.250,00", "89,90"), "EUR", "1.500", "1500"),
    ],
)
def test_separators_are_read_as_the_tenant_uses_them(
    numbers: tuple[str, ...], currency: str, written: str, value: str
) -> None:
    assert convention(numbers, currency).value(written) == value


def test_a_temperature_is_no_money_where_money_is_dollars() -> None:
    learned = patterns_of("Bread: $8.50\nBake at 350 F", "Cake: $12.00\nBake at 325 F", "Pie: $9.25, 400 F oven")
    assert values(learned, "Toast at 375 F, $4.50", "money", country="US") == ["4.5"]


def test_a_shape_in_one_document_is_only_a_candidate() -> None:
    learned = patterns_of("Bon n° 4411", "Bonjour", "Merci", "Ticket XK55-123")
    assert not learned.active
    assert {pattern.status for pattern in learned.patterns} == {"candidate"}


def test_what_documents_contradict_is_not_used() -> None:
    texts = [f"Code promo {n}: 1{n} %\nCode promo {n}: 2.500" for n in range(4)]
    assert not any("promo" in each.expression and each.field == "prix" for each in patterns_of(*texts).active)


def test_a_mixed_tenant_reads_the_money_and_phones_of_two_countries() -> None:
    texts = [
        f"Abidjan : {n}5.000 FCFA, tel 07 07 01 02 0{n}\nParis : {n}9,90 €, tél. 06 12 34 56 7{n}" for n in range(1, 5)
    ]
    learned = patterns_of(*texts)
    assert values(learned, "12.000 FCFA ou 18,30 €", "money") == ["12000", "18.3"]
    assert values(learned, "tél. 06 12 34 56 99 ou 07 07 01 02 99", "phone") == ["+33612345699", "0707010299"]


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("livraison cocody 1500 fcfa, tel +225 07 07 01 02 03", "CI"),
        ("livraison a lyon 9,90 €, siret 812 345 678 00012", "FR"),
        ("delivery to brooklyn $5, call (718) 555-0142", "US"),
        ("bonjour", ""),
    ],
)
def test_the_country_follows_the_evidence(text: str, country: str) -> None:
    elected = vote([text])
    assert elected.country == country
    assert 0 <= elected.margin <= elected.confidence <= 1


def test_labelled_documents_are_read_better_than_without_learning() -> None:
    tallies = compare()
    for field in FIELDS:
        assert tallies["learned", field].precision >= 0.95
        assert tallies["learned", field].precision >= tallies["generic", field].precision
        assert tallies["learned", field].recall >= tallies["generic", field].recall


def test_the_country_of_labelled_tenants_is_right() -> None:
    assert all(taught(texts).vote.country == texts[0].country for _, texts in labelled_tenants())


HOSTILE = (
    r"Prix (\d+)+$ : (?P<entier>.*)*",
    "Livraison à (?i)[[:^alpha:]]{1,999} : 1.500 F",
    "commande n° \x00\x07\x1b[31m1234567890",
    "9" * 100_000,
    "1.000 " * 5_000,
    "Prix : " * 20_000,
    "A" * 50_000 + " - " + "Livraison à " + "Z" * 50_000,
    "\u202e25.000 FCFA\u202c \ufdfa" * 500,
    "| " * 9_000,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_documents_teach_nothing_dangerous(text: str) -> None:
    learned = patterns_of(*[text] * 2)
    for pattern in learned.patterns:
        assert len(pattern.expression) <= 200
        assert all(example.text.isprintable() for example in pattern.examples)
    PatternReader(learned.active).facts(text, country="CI")


def test_a_tenant_of_any_size_is_read_within_limits() -> None:
    huge = [DocumentText(f"d{n}", "Prix : 1.500 F. " * (1 << 18)) for n in range(2)]
    assert sum(len(each.text) for each in huge) > MAX_CHARACTERS
    assert len(learn(huge, is_safe=quick).patterns.documents) == 1


WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=9)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    mine=st.lists(WORDS, min_size=3, max_size=3, unique=True),
    theirs=st.lists(WORDS, min_size=3, max_size=3, unique=True),
)
def test_nothing_of_one_tenant_gets_into_another(mine: list[str], theirs: list[str]) -> None:
    def texts(words: list[str]) -> list[str]:
        names = [word.capitalize() for word in words]
        return [
            f"Livraison à {name} : 1.500 F\n{words[0]} : 2.500\nRéf {words[1]}-12{n}"
            for n in range(3)
            for name in names
        ]

    learned_alone = patterns_of(*texts(mine))
    patterns_of(*texts(theirs))
    again = patterns_of(*texts(mine))
    assert again == learned_alone
    written = " ".join(
        " ".join((each.expression, *(piece.text for piece in (*each.examples, *each.counter_examples))))
        for each in again.patterns
    ).lower()
    assert not any(
        word in written for word in theirs if word not in " ".join(mine) and not any(word in my for my in mine)
    )


def test_a_set_survives_its_json(shop: PatternSet) -> None:
    assert PatternSet.from_json(shop.to_json()) == shop
