"""Words that anchor a meaning, folded: what learning starts from, the same for every tenant."""

from collections.abc import Mapping

from libs.common.linear_pattern import linear_pattern


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What stands before a price. Learning adds the words that stand before money in the tenant's own documents.
PRICE_LEADS = frozenset(
    _words("prix tarif tarifs cout montant price prices cost total forfait promo acompte caution frais fee fees only ")
)
# What follows a price that has no currency.
PRICE_TRAILS = (
    r"(?:/|la |par |le |l'|per |a |an )(?:piece|unite|u|kg|litre|l|m2|m²|mois|jour|nuit|heure|h|an|personne|pers|lot"
    r"|sac|paquet|carton|month|mo|hour|hr|day|night|person|item|box|dozen|lb|unit)\b|each\b|ea\b|ttc\b|ht\b|l'unite\b"
)
PHONE_LEADS = (
    r"\b(?:tel|telephones?|phone|call|text|appel|appelez|appeler|mobile|cell|portable|fixe|whatsapp|wa"
    r"|contacts?|infoline|standard|joindre|sms|fax|hotline|office|numero vert)\b"
)
PAYMENT_LEADS = _words(
    "wave orange mtn moov momo om djamo paypal zelle cashapp venmo lydia paylib wero virement depot payment paiement "
)
REFERENCE_LEADS = _words(
    "commande commandes cde order orders ref reference references facture invoice dossier ticket "
    "devis quote siret siren rccm ncc cc ifu ein upc ean sku code article art lot batch compte "
    "account contrat tracking suivi colis model modele item serie serial naf iban "
)
DELIVERY = linear_pattern(
    r"\b(?:livraisons?|livrons|livrer|livre|livree?s?|deliver|delivers|delivery|deliveries|delivering|ship|ships"
    r"|shipping|expeditions?|zones?|communes?|quartiers?|secteurs?|villes?|areas?|neighborhoods?|boroughs?|desservi\w?"
    r"|desservons|serves?|serving|tournees?|coursier|service area)\b"
)
# Capitalised words that are no place.
NOT_PLACES = frozenset(
    _words(
        "call lundi mardi mercredi jeudi vendredi samedi dimanche monday tuesday wednesday thursday friday "
        "saturday sunday lun mar mer jeu ven sam dim mon tue wed thu fri sat sun janvier fevrier mars "
        "avril mai juin juillet aout septembre octobre novembre decembre january february march april may "
        "june july august september october november december livraison livraisons delivery shipping zone "
        "zones commune communes quartier quartiers ville villes tarif tarifs prix price prices frais fee "
        "fees gratuit gratuite free tel telephone phone whatsapp commande order wave orange mtn moov "
        "mobile money fcfa cfa eur usd euro euros client clients service express standard autres other "
        "others retrait pickup horaires hours ouvert open ferme closed nous notre votre vos nos our your "
        "the les des une un pour avec sans paiement payment cash carte card note nota bene attention "
        "delai delais minimum total interieur sms email site web reference article produit produits item "
        "items gratuitement supplement jour jours nuit bonjour hello merci thanks question reponse faq "
        "contact promo stock le la oui non yes no si if we on du de au aux et and or ou to from in at by "
        "for forfait fournisseur atelier boutique magasin store shop "
    )
)

# What a place may stand behind with `de` or `of`; behind anything else it is the name of a thing.
HEADS_OF_PLACES = frozenset(
    _words(
        "marche mairie avenue rue boulevard carrefour gare centre port pharmacie agence region city town part parts "
        "sud nord est ouest south north east west downtown commune quartier ville"
    )
)
COUNTRY_CURRENCY: Mapping[str, str] = {"CI": "XOF", "FR": "EUR", "US": "USD"}
GAZETTEER: Mapping[str, tuple[str, ...]] = {
    "CI": (
        *_words(
            "abidjan abobo adjame anyama attecoube bingerville bouake cocody daloa gagnoa grand-bassam bassam "
            "koumassi korhogo marcory plateau port-bouet riviera san-pedro songon treichville "
            "yamoussoukro yopougon "
        ),
    ),
    "FR": (
        *_words(
            "paris lyon marseille lille bordeaux toulouse nantes strasbourg rennes montpellier grenoble "
            "dijon angers reims toulon villeurbanne versailles montreuil saint-denis nanterre rouen "
        ),
    ),
    "US": (
        *_words(
            "manhattan brooklyn queens bronx chicago houston dallas austin phoenix seattle boston denver miami atlanta "
        ),
        *("new york", "los angeles", "san francisco", "san diego", "staten island", "santa monica", "long beach"),
        *("hollywood", "pasadena", "philadelphia", "jersey city", "portland", "oakland"),
    ),
}
