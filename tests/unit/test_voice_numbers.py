"""French figures as words."""

import pytest

from services.voice.numbers_fr import speakable_french


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("2000F", "deux mille francs"),
        ("25.000 FCFA", "vingt-cinq mille francs CFA"),
        ("25 000 F CFA", "vingt-cinq mille francs CFA"),
        ("1.500.000 FCFA", "un million cinq cent mille francs CFA"),
        ("2 000 000 F", "deux millions de francs"),
        ("1 F", "un franc"),
        ("12,50 €", "douze virgule cinquante euros"),
        ("80 F", "quatre-vingts francs"),
        ("0787360757", "zéro sept, quatre-vingt-sept, trente-six, zéro sept, cinquante-sept"),
        ("07 87 36 07 57", "zéro sept, quatre-vingt-sept, trente-six, zéro sept, cinquante-sept"),
        (
            "+225 07 00 36 07 57",
            "plus deux cent vingt-cinq, zéro sept, zéro zéro, trente-six, zéro sept, cinquante-sept",
        ),
        ("18h30", "dix-huit heures trente"),
        ("à 9h", "à neuf heures"),
        ("21 h 05", "vingt et une heures cinq"),
        ("1h", "une heure"),
        ("18:30", "dix-huit heures trente"),
        ("12,5 %", "douze virgule cinq pour cent"),
        ("100%", "cent pour cent"),
        ("le 01/05/2026", "le premier mai deux mille vingt-six"),
        ("le 14/7", "le quatorze juillet"),
        ("1er étage", "premier étage"),
        ("2e étage", "deuxième étage"),
        ("3 km", "trois kilomètres"),
        ("0,05", "zéro virgule zéro cinq"),
        ("n° 71", "numéro soixante et onze"),
        ("Il y a 2 colis.", "Il y a deux colis."),
        ("commande A12B", "commande A12B"),
        ("rien à changer", "rien à changer"),
    ],
)
def test_figures(written: str, spoken: str) -> None:
    assert speakable_french(written) == spoken


def test_a_long_code_is_read_digit_by_digit() -> None:
    assert speakable_french("123456789012").split() == (
        ["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "zéro", "un", "deux"]
    )
