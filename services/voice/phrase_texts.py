"""The built-in wordings of phrases that are kept as audio: fillers, greetings, excuses."""

from collections.abc import Mapping

_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "filler_hum": "Hum, laissez-moi regarder...",
        "filler_ok": "Très bien, je note...",
        "filler_one_moment": "Un instant s'il vous plaît...",
        "filler_let_me_see": "Laissez-moi voir ça...",
        "greet": "Bonjour !",
        "bravo": "Bravo !",
        "welcome": "Bienvenue, comment puis-je vous aider ?",
        "apology": "Désolé, je rencontre un petit souci. Merci de patienter un instant.",
        "apology_wait": "Désolé pour l'attente.",
        "apology_hold": "Encore un instant.",
        "fallback": "Je n'arrive pas à vous répondre maintenant. Pouvez-vous répéter, s'il vous plaît ?",
        "resume": "Pardon, je reprends.",
    },
    "en": {
        "filler_hum": "Hmm, let me have a look...",
        "filler_ok": "Very well, I'm taking note...",
        "filler_one_moment": "One moment please...",
        "filler_let_me_see": "Let me see...",
        "greet": "Hello!",
        "bravo": "Well done!",
        "welcome": "Welcome, how can I help you?",
        "apology": "Sorry, something went wrong here. Please bear with me for a moment.",
        "apology_wait": "Sorry about the wait.",
        "apology_hold": "Just a moment more.",
        "fallback": "I can't answer you right now. Could you say that again, please?",
        "resume": "Sorry, let me start again.",
    },
}


def default_phrases(locale: str) -> Mapping[str, str]:
    """Returns the built-in phrases of a locale's language, the French ones when there are none."""
    return _DEFAULTS.get(locale.partition("-")[0], _DEFAULTS["fr"])
