"""What of a question is embedded."""

import pytest

from services.cache.essence import essence


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "Bonjour, pouvez-vous me dire combien coûte la livraison à Cocody svp ?",
            "combien coûte la livraison à Cocody",
        ),
        ("Could you tell me what the fees are?", "what the fees are?"),
        ("Y a-t-il un parking ?", "Y a-t-il un parking ?"),
        ("Livrez-vous 25.000 sacs d'engrais ?", "Livrez-vous 25.000 sacs d'engrais ?"),
        ("Bonjour", "Bonjour"),
        ("???", "???"),
        ("", ""),
    ],
)
def test_greetings_and_announcements_are_left_out(text: str, kept: str) -> None:
    assert essence(text) == kept
