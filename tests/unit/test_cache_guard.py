"""The guard on questions that look alike: hotels, pharmacies, transport and shops, in French and English."""

import pytest

from libs.common.facts import Places
from services.cache import guard
from services.cache.reading import Reading, read_question

ANOTHER_ANSWER_IS_DUE = [
    ("fr", "Envoyer un colis de Cocody à Yopougon, combien ?", "Envoyer un colis de Yopougon à Cocody, combien ?"),
    ("fr", "envoyer un colis d'abidjan à bouaké", "envoyer un colis de bouaké à abidjan"),
    ("fr", "Puis-je vous appeler ?", "Pouvez-vous m'appeler ?"),
    ("fr", "Quel est mon numéro de client ?", "Quel est votre numéro de client ?"),
    ("fr", "J'ai payé ma facture", "Puis-je payer ma facture ?"),
    ("fr", "Quelle est la chambre la plus chère ?", "Quelle est la chambre la moins chère ?"),
    ("fr", "Je voudrais 2 pizzas moyennes et 3 grandes", "Je voudrais 3 pizzas moyennes et 2 grandes"),
    ("fr", "Livrez-vous 6 paquets ?", "Livrez-vous 12 paquets ?"),
    ("fr", "Avez-vous une chambre avec vue sur mer ?", "Avez-vous une chambre sans vue sur mer ?"),
    ("fr", "Quel est le prix de la nuit en juillet ?", "Quel est le prix de la nuit en août ?"),
    ("fr", "Je veux changer des euros en dollars", "Je veux changer des dollars en euros"),
    (
        "fr",
        "Comment passer du forfait Bronze au forfait Argent ?",
        "Comment passer du forfait Argent au forfait Bronze ?",
    ),
    ("fr", "Faut-il une ordonnance pour l'amoxicilline ?", "Faut-il une ordonnance pour le doliprane ?"),
    ("fr", "Livrez-vous avant 18h ?", "Livrez-vous après 18h ?"),
    ("fr", "Transférer de Orange vers MTN", "Transférer de MTN vers Orange"),
    ("fr", "Combien coûte un livre ?", "Combien coûte la livraison ?"),
    ("fr", "Mon compte est bloqué", "Comment bloquer mon compte ?"),
    ("fr", "Pouvez-vous annuler mon vol ?", "Pourquoi avez-vous annulé mon vol ?"),
    ("fr", "Puis-je venir avec un chien ?", "Puis-je venir avec un chat ?"),
    ("fr", "Quand la boutique ouvre ?", "Où la boutique ouvre ?"),
    ("fr", "Comment fonctionne la box ?", "La box fonctionne"),
    (
        "fr",
        "Je suis allergique aux arachides, ce plat en contient ?",
        "Je ne suis pas allergique aux arachides, ce plat en contient ?",
    ),
    ("fr", "Est-ce remboursé par la mutuelle ?", "Est-ce remboursé par la sécurité sociale ?"),
    ("fr", "Dois-je prendre ce médicament à jeun ?", "Dois-je prendre ce médicament au repas ?"),
    ("en", "How do I unlock my phone?", "How do I lock my phone?"),
    ("en", "Can you call me?", "Can I call you?"),
    ("en", "Flights from Paris to London", "Flights from London to Paris"),
    ("en", "How much is it to ship 2 boxes?", "How much is it to ship 20 boxes?"),
    ("en", "Can I bring my dog?", "Can't I bring my dog?"),
    ("en", "I cancelled my order", "How do I cancel my order?"),
    ("en", "Do you deliver before noon?", "Do you deliver after noon?"),
    ("en", "Is the cheapest plan enough?", "Is the most expensive plan enough?"),
    ("en", "How do I buy a ticket?", "How do I sell a ticket?"),
    ("en", "When do you open?", "Why do you open?"),
    ("en", "What is your refund policy?", "What is your privacy policy?"),
    ("fr", "Quelles sont les heures d'arrivée ?", "Quelles sont les heures de départ ?"),
    ("fr", "Le parking est-il gratuit ?", "Le parking est-il payant ?"),
    ("fr", "Le colis de ma soeur est arrivé", "Le colis de mon frère est arrivé"),
    ("fr", "Combien de bagages puis-je prendre ?", "Combien coûte un bagage ?"),
    ("fr", "Je veux un devis pour 3 personnes du 12 au 15 mai", "Je veux un devis pour 3 personnes du 15 au 20 mai"),
    ("fr", "Combien pour 2 kg de riz ?", "Combien pour 2 sacs de riz ?"),
    ("fr", "Le vendeur rembourse l'acheteur", "L'acheteur rembourse le vendeur"),
    ("fr", "Paul doit de l'argent à Marie", "Marie doit de l'argent à Paul"),
    ("fr", "Vous avez reçu mon paiement ?", "J'ai reçu votre paiement"),
    ("fr", "Acceptez-vous les chiens ?", "Acceptez-vous uniquement les chiens ?"),
    ("fr", "Quel est le prix minimum ?", "Quel est le prix maximum ?"),
    (
        "fr",
        "Vendez-vous des pommes rouges et des poires vertes ?",
        "Vendez-vous des pommes vertes et des poires rouges ?",
    ),
]

ONE_ANSWER_SERVES_BOTH = [
    ("fr", "Avez-vous une chambre libre samedi ?", "Bonjour, vous avez une chambre libre samedi svp ?"),
    ("fr", "Comment réserver une table ?", "Je voudrais réserver une table"),
    ("fr", "Est-ce que le petit déjeuner est inclus ?", "Le petit-déjeuner est inclus ?"),
    ("fr", "Combien coûte une nuit en juillet ?", "Quel est le prix d'une nuit en juillet ?"),
    ("fr", "Où se trouve la pharmacie ?", "La pharmacie se trouve où ?"),
    ("fr", "25.000 F pour la livraison à Cocody ?", "25 000 FCFA pour la livraison à Cocody ?"),
    ("en", "How do I book a room?", "I want to book a room"),
    ("en", "How can I cancel my booking?", "How do I cancel my booking?"),
    ("en", "What is the price of a single room?", "How much is a single room?"),
    ("en", "Do you have vegetarian dishes?", "Hello, do you have any vegetarian dishes please?"),
    ("fr", "Quand arrive le bus de Dakar ?", "À quelle heure arrive le bus de Dakar ?"),
    ("fr", "Le bus de Dakar arrive à quelle heure ?", "À quelle heure arrive le bus de Dakar ?"),
]


def read(text: str, language: str = "fr", places: Places | None = None) -> Reading:
    return read_question(text, language=language, country="CI", places=places)


def rule_for(a: str, b: str, language: str = "fr", places: Places | None = None) -> str:
    refusal = guard.refuse(read(a, language, places), read(b, language, places), language=language)
    return refusal.rule if refusal else ""


@pytest.mark.parametrize(("language", "a", "b"), ANOTHER_ANSWER_IS_DUE)
def test_look_alikes_are_refused_whichever_was_stored(language: str, a: str, b: str) -> None:
    assert rule_for(a, b, language)
    assert rule_for(b, a, language)


@pytest.mark.parametrize(("language", "a", "b"), ONE_ANSWER_SERVES_BOTH)
def test_rewordings_pass(language: str, a: str, b: str) -> None:
    assert rule_for(a, b, language) == ""


@pytest.mark.parametrize(
    ("a", "b", "rule"),
    [
        ("Quel est le prix de 6 paquets ?", "Quel est le prix de 12 paquets ?", guard.GUARD_NUMBER),
        ("Livrez-vous le lundi soir ?", "Livrez-vous le jeudi soir ?", guard.GUARD_NUMBER),
        ("Quel est le prix pour Angré ?", "Quel est le prix pour Bingerville ?", guard.GUARD_PLACE),
        ("Le colis est arrivé à Korhogo", "Le colis n'est pas arrivé à Korhogo", guard.GUARD_POLARITY),
        ("Comment activer le roaming ?", "Comment désactiver le roaming ?", guard.GUARD_POLARITY),
        ("Où ouvre la pharmacie ?", "Quand ouvre la pharmacie ?", guard.GUARD_QUESTION_WORD),
        ("Comment annuler ma commande ?", "Comment suivre ma commande ?", guard.GUARD_CONTENT),
        ("Quel délai de livraison ?", "Quel délai de remboursement ?", guard.GUARD_CONTENT),
    ],
)
def test_the_rule_that_refused_is_named(a: str, b: str, rule: str) -> None:
    assert rule_for(a, b) == rule


def test_places_of_the_tenant_are_compared_by_official_name_and_not_by_case() -> None:
    places = Places({"Cocody": ["cocodi"], "Yopougon": ["yop"]})
    assert rule_for("prix livraison cocodi", "Prix livraison Cocody ?", places=places) == ""
    assert rule_for("prix livraison cocody", "prix livraison yop", places=places) == guard.GUARD_PLACE


def test_questions_without_content_never_pass() -> None:
    assert rule_for("est-ce que vous pouvez ?", "est-ce que vous pouvez ?") == guard.GUARD_CONTENT


def test_other_languages_are_guarded_too() -> None:
    assert rule_for("Quanto custa a entrega em Luanda?", "Quanto custa a entrega em Benguela?", "pt")
    assert rule_for("Wie viel kosten 6 Pakete?", "Wie viel kosten 12 Pakete?", "de") == guard.GUARD_NUMBER
