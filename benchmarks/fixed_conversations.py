"""Conversations that never change, for comparing the engines: what customers write, turn by turn, and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Conversation:
    """Messages of one customer; `[image a]` is a picture."""

    tenant: str
    messages: Sequence[str]


CONVERSATIONS: Sequence[Conversation] = (
    Conversation(
        "rue-du-gros",
        ("Bonjour", "je veux commander", "[image a]", "[image b]", "Cocody", "0707070707", "oui", "merci"),
    ),
    Conversation(
        "rue-du-gros",
        ("Combien coûtent 6 paquets ?", "Livrez-vous à Yopougon ?", "ok je commande", "[image c]", "[image d]", "yop",
         "05 05 05 05 05", "oui"),
    ),
    Conversation(
        "rue-du-gros",
        ("bonsoir, je veux commander", "[image e]", "Où envoyer l'argent ?", "[image f]", "chez moi", "Marcory",
         "0102030405", "non, c'est Abobo", "oui"),
    ),
    Conversation(
        "rue-du-gros",
        ("je veux passer commande", "photo ?", "[image g]", "c'est obligatoire l'acompte ?", "[image h]", "Plateau",
         "070707", "0707070708", "oui"),
    ),
    Conversation(
        "rue-du-gros",
        ("commander", "[image i]", "vos horaires ?", "[image j]", "Treichville", "07 08 09 10 11", "oui",
    "merci beaucoup"),
    ),
    Conversation(
        "rue-du-gros",
        ("je commande", "[image k]", "annule", "finalement je veux commander", "[image l]", "[image m]", "Koumassi",
         "0505060708", "oui"),
    ),
    Conversation(
        "rue-du-gros",
        ("Quel est le délai de livraison ?", "Et les retours ?", "je veux parler à un conseiller"),
    ),
    Conversation(
        "escopines",
        ("Bonjour", "Comment automatiser mes emails?", "Et la séquence de bienvenue, combien de mails ?", "merci"),
    ),
    Conversation(
        "escopines",
        ("Aide-moi à créer un reel Instagram", "Combien de stories publier par semaine ?", "merci"),
    ),
)  # fmt: skip
