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
    ("fr", "Dois-je prendre rendez-vous pour une coupe ?", "Puis-je prendre rendez-vous pour une coupe ?"),
    ("fr", "Faut-il un visa pour le Canada ?", "Comment obtenir un visa pour le Canada ?"),
    ("fr", "À quelle heure arrive le bus ?", "Quel jour arrive le bus ?"),
    ("fr", "Quand arrive le train de Dakar ?", "Quand arrive le train à Dakar ?"),
    ("fr", "Jusqu'à quand êtes-vous ouverts ?", "À partir de quand êtes-vous ouverts ?"),
    ("fr", "Combien d'heures de cours par semaine ?", "Combien de jours de cours par semaine ?"),
    ("fr", "Puis-je venir demain à l'hôtel ?", "Comment venir demain à l'hôtel ?"),
    ("fr", "Quelle est l'adresse de livraison ?", "Où est la livraison ?"),
    ("fr", "Quelle est mon adresse de facturation ?", "Quelle est son adresse de facturation ?"),
    ("fr", "Combien pour vingt-cinq personnes ?", "Combien pour 20 personnes ?"),
    ("fr", "Le menu vingt-quatre coûte combien ?", "Le menu quatre-vingt coûte combien ?"),
    ("fr", "Vendez-vous du poisson ?", "Vendez-vous du poison ?"),
    ("fr", "Je vous ai envoyé un mail", "Vous m'avez envoyé un mail"),
    ("fr", "J'ai perdu mon colis", "Vous avez perdu mon colis"),
    ("fr", "Impossible d'ouvrir mon compte", "Comment ouvrir mon compte ?"),
    ("fr", "Puis-je payer avant de réserver ?", "Puis-je réserver avant de payer ?"),
    ("en", "Is the store open until 9?", "Is the store open from 9?"),
    ("en", "Flights from Paris in May", "Flights to Paris in May"),
    ("en", "Do I need to book?", "Can I book?"),
    ("en", "What is your rental location?", "What is your rental price?"),
    ("en", "You sent me an email", "I sent you an email"),
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
    ("fr", "Comment annuler mon vol ?", "Quelle est la procédure d'annulation de mon vol ?"),
    ("fr", "Puis-je annuler mon vol ?", "Bonjour, pouvez-vous me dire comment annuler mon vol s'il vous plaît ?"),
    ("fr", "Avez-vous une table pour 4 personnes ?", "Y a-t-il une table pour quatre personnes ?"),
    ("fr", "Ma voiture est en panne", "Mon véhicule ne marche plus"),
    ("fr", "Quand reprend la classe après les vacances ?", "La classe reprend quand après les vacances ?"),
    ("en", "How do I cancel my order?", "Could you tell me how to cancel my order?"),
    ("en", "I'd like to make an appointment", "How can I book an appointment?"),
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
        ("Comment annuler ma commande ?", "Comment suivre ma commande ?", guard.GUARD_INTENT),
        ("Quel délai de livraison ?", "Quel délai de remboursement ?", guard.GUARD_INTENT),
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


def test_other_languages_are_guarded_by_their_words_alone() -> None:
    assert rule_for("Quanto custa a entrega em Luanda?", "Quanto custa a entrega em Benguela?", "pt")
    assert rule_for("Wie viel kosten 6 Pakete?", "Wie viel kosten 12 Pakete?", "de") == guard.GUARD_NUMBER
    assert rule_for("¿Cuánto cuesta el envío?", "¿Cuánto cuesta un envío?", "es") == guard.GUARD_CONTENT
    assert rule_for("¿Cuánto cuesta el envío?", "cuanto cuesta el envio", "es") == ""
    assert rule_for("Bạn bán má không?", "Bạn bán mà không?", "vi") == guard.GUARD_CONTENT
    assert rule_for("कीमत क्या है", "कीमत क्या था", "hi") == guard.GUARD_CONTENT
    assert rule_for("???", "!!!", "es") == guard.GUARD_CONTENT


def test_what_the_tenant_hears_all_the_time_may_be_said_by_one_alone() -> None:
    asked, stored = (
        read("Le petit-déjeuner est servi au restaurant de l'hôtel ?"),
        read("Le petit-déjeuner est servi ?"),
    )
    assert guard.refuse(asked, stored, language="fr")
    short, long = read("prix chambre vue mer hotel"), read("prix chambre vue mer")
    assert guard.refuse(short, long, language="fr")
    common = {"hotel": 1.5}
    assert guard.refuse(short, long, language="fr", rarity=lambda word: common.get(word, 9.0)) is None
    assert guard.refuse(long, short, language="fr", rarity=lambda word: common.get(word, 9.0)) is None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("prix chambre vue mer avant", "prix chambre vue mer"),  # a word with an opposite
        ("prix chambre vue mer Bassam", "prix chambre vue mer"),  # a name
        ("prix annulation chambre vue mer", "prix chambre vue mer"),  # an action
        ("prix chambre vue mer samedi", "prix chambre vue mer"),  # a day
        ("prix chambre vue mer jardin", "prix chambre vue mer piscine"),  # one thing for another
    ],
)
def test_no_word_is_too_common_to_be_protected(a: str, b: str) -> None:
    assert guard.refuse(read(a), read(b), language="fr", rarity=lambda _: 0.0)
