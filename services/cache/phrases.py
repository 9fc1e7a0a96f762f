"""Runs of words that mean one thing, or nothing, in French and English questions, accents stripped."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from services.cache.lexicon import COUNT, DAY, DURATION, HOUR, HOW, HOW_MUCH, MUST, WHEN, WHERE

# What announces the question and asks nothing itself: "could you tell me", "je voudrais savoir".
_FRENCH_REQUESTS = "pouvez vous|pourriez vous|peux tu|pourrais tu|est ce que vous pouvez|est ce que vous pourriez"
_FRENCH_TELLING = "me dire|m indiquer|me donner|me preciser|m expliquer|me renseigner sur|m informer sur|me communiquer"
_FRENCH_WANTS = "je veux|je voudrais|j aimerais|je souhaite|je souhaiterais|nous aimerions|j aimerai|on voudrait"
_FRENCH_KNOWING = "savoir si|savoir|connaitre"
_ENGLISH_REQUESTS = "can you|could you|would you|will you|can you please|could you please|please|can someone"
_ENGLISH_TELLING = "tell me if|tell me|let me know if|let me know|explain to me|explain|inform me of"
_ENGLISH_WANTS = "i want|i would like|i d like|i wanted|i need"
_ENGLISH_KNOWING = "to know if|to know|to ask if|to find out"
_ASIDES = """
    est ce que|est ce qu|s il vous plait|s il te plait|merci d avance|dites moi|donnez moi|indiquez moi|expliquez moi
    |dis moi|donne moi|ou non|ou pas|or not|aidez moi|aide moi|help me|i was wondering if|i wonder if|do you know if
    |do you know|savez vous si|savez vous|thanks in advance|j ai une question|excusez moi|excuse me
    |sorry to bother you|par hasard|a tout hasard|en fait|du coup
"""
# These carry the sentence, and no meaning that another question would not have.
_FRAMES = """
    il y a|y a t il|que faire|what can i do|what do i do|what should i do|do you offer|do you provide
"""

_MEANT: Mapping[str, str] = {
    f"<{HOW}": """
        que faire pour|que dois je faire pour|comment faire pour|comment dois je faire pour|comment puis je faire pour
        |quelle est la marche a suivre pour|marche a suivre pour|de quelle maniere|de quelle facon
        |what do i need to do to|what do i have to do to|what should i do to|what is the way to|what s the way to
        |the best way to|in what way
    """,
    f"<{DURATION}": """
        combien de temps|en combien de temps|dans combien de temps|sous combien de temps|au bout de combien de temps
        |au bout de combien de jours|how long
    """,
    f"<{COUNT}": "combien de|combien d|how many",
    f"<{HOW_MUCH}": """
        how much|a combien revient|a combien reviennent|les frais de|les frais d|vos frais de|vos frais d|des frais de
        |des frais d|c est combien|do you charge for|do you charge to|do you charge
    """,
    f"<{HOUR}": "quelle heure|quelles heures|what time|which time|what hour",
    f"<{DAY}": """
        a quelle date|quelle date|quel jour|quels jours|quelle est la date|what date|what day|which day|what is the date
        |which days|what days
    """,
    f"<{WHEN}": "a quel moment|quel moment",
    f"<{WHERE}": "a quelle adresse|a quel endroit|quel endroit",
    # A necessity that is asked about; one that is stated ("I need to") is a wish.
    f"<{MUST}": """
        dois je|est ce que je dois|faut il|est ce qu il faut|il faut|doit on|est ce qu on doit|est on oblige de
        |suis je oblige de|ai je besoin de|ai je besoin d|est ce que j ai besoin de|est ce que j ai besoin d
        |a t on besoin de|a t on besoin d|do i need to|do i need|do i have to|do we have to|do we need to|do we need
        |must i|should i|must we|am i required to
    """,
    "veux": """
        je dois|j ai besoin de|j ai besoin d|nous devons|il me faut|il me faudrait|merci de|merci de bien vouloir
        |merci de proceder a|merci d
    """,
    "want": "i need to|i have to|i need|i must|we need to|we have to|we need",
    "puis je": """
        est il possible de|est il possible d|est ce possible de|est ce possible d|c est possible de|possible de
    """,
    "may i": "is it possible to|is it possible for me to|would it be possible to|am i able to|are we able to",
    "pas reussir": """
        impossible de|impossible d|arrive pas a|arrivons pas a|arrive plus a|arrivons plus a|parviens pas a
        |reussis pas a|parviens plus a
    """,
    "not": "unable to|not able to|not manage to",
    "pas marcher": "en panne|hors service",
    "not work": "out of order",
    "rdv": "rendez vous",
    "reserver rdv": """
        prendre rendez vous|prendre un rendez vous|prendre rdv|prendre un rdv|prendre un creneau|fixer un rendez vous
    """,
    "book appointment": "make an appointment|schedule an appointment|take an appointment|get an appointment",
    "commander": "passer une commande|passer commande|place an order|make an order",
    "payer": "effectuer un paiement|faire un paiement|make a payment",
    "reserver": "faire une reservation|effectuer une reservation|make a booking|make a reservation",
    "acceptez": "prenez vous les|prenez vous la|prenez vous le|vous prenez les|vous prenez la|vous prenez le",
    "accept": "do you take",
    "horaires": "horaires d ouverture|heures d ouverture|opening hours|opening times|business hours",
    "oublie": "me souviens plus de|me rappelle plus de|me souviens plus|me rappelle plus",
    "password": "mot de passe|mots de passe",
    "cb": "carte bancaire|cartes bancaires|carte bleue|bank card|bank cards",
    "sim": "carte sim|sim card",
    "email": "e mail|e mails|adresse mail|adresse email|adresse e mail|email address|e mail address",
    "wifi": "wi fi|sans fil",
    "contactless": "sans contact",
    "login": "log in|sign in|log on|sign on",
    "checkin": "check in",
    "checkout": "check out",
    "fibre": "fibre optique",
    "support": "service client|service clients|service clientele|customer service|customer support|customer care",
    "des": "a partir de",
}


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    for run in text.split("|"):
        yield tuple(run.split())


def _announcements() -> Iterator[tuple[str, ...]]:
    for before, after in (
        (_FRENCH_REQUESTS, _FRENCH_TELLING),
        (_FRENCH_WANTS, _FRENCH_KNOWING),
        (_ENGLISH_REQUESTS, _ENGLISH_TELLING),
        (_ENGLISH_WANTS, _ENGLISH_KNOWING),
    ):
        for first in _runs(before):
            for second in _runs(after):
                yield first + second


# Runs that a question loses nothing without, as a sentence either.
UNSAID = frozenset((*_announcements(), *_runs(_ASIDES)))
# By run of words. A word that begins with `<` is a question class; no words mean nothing.
PHRASES: Mapping[tuple[str, ...], tuple[str, ...]] = MappingProxyType(
    dict.fromkeys((*UNSAID, *_runs(_FRAMES)), ())
    | {run: tuple(meant.split()) for meant, runs in _MEANT.items() for run in _runs(runs)}
)
LONGEST_PHRASE = max(map(len, PHRASES))
FIRST_WORDS = frozenset(run[0] for run in PHRASES)
