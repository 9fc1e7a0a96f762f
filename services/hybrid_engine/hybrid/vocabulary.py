"""Everyday words of an order, French and English: what a wording may say beyond its template's own words.

Left out on purpose is what could change a deal: other people and accounts, ways to pay, refusals, multiples, refunds,
gifts, links. A model that needs such a word has left the template.
"""

from functools import lru_cache

from libs.common.text_fold import STOPWORDS, stems, tokens
from services.hybrid_engine.flow.lexicon import word_set
from services.hybrid_engine.number_words import is_number_word

_WORDS = {
    "fr": (
        "bonjour bonsoir salut coucou merci svp stp plaît plait cordialement bientôt bienvenue parfait super génial "
        "excellent top ok okay accord entendu noté note notée compris volontiers plaisir avec bravo formidable bien "
        "sûr bon bonne journée soirée remercie remercions gentil gentille aimable aimablement simplement juste tout "
        "tous toute toutes très beaucoup toujours oui voilà alors donc ainsi enfin maintenant ensuite puis après "
        "avant d'abord dès quand lorsque une fois ici là presque déjà vite rapidement facilement tranquillement "
        "vraiment seulement directement envoyer envoyez envoi envoie envoyé envoyée enverrez transmettre "
        "transmettez transmise transmis partager partagez partage joindre joignez jointe ajoutez ajouter déposer "
        "déposez donner donnez donne indiquer indiquez préciser précisez dire dites dites-moi communiquer "
        "communiquez fournir fournissez laisser laissez écrire écrivez montrer montrez faire faites prendre prenez "
        "effectuer effectuez réaliser réalisez procéder procédez régler réglez règlement verser versez payer payez "
        "paiement transférer transférez dépôt acompte virement confirmer confirmez confirmation valider validez "
        "validation vérifier vérifiez finaliser finalisez finalisation terminer terminez compléter complétez "
        "continuer continuons continuez poursuivre poursuivons avancer avançons commencer commençons démarrer "
        "lancer préparer préparons préparation traiter traitement organiser organisons planifier appeler appelle "
        "contacter contactez contact joignable joindra appellera livrer livrez livre livrons livré livrée livrés "
        "livraison expédier expédition acheminer récupérer récupérions remettre commander commande commandes "
        "demande demander besoin faut faudra falloir suffit pouvoir pouvez pourriez pourrez puissions puisse peut "
        "pouvons vouloir voulez voudriez veuillez souhaiter souhaitez souhaitée aimeriez aimerais désirez devoir "
        "devez doit savoir connaître aider aide aident attendre attendons attends attend manque reste restant "
        "manquante passer passons passez sera serez serait soit seront être avoir auriez avez avons reçu reçue "
        "réception recevons voir clair claire visible lisible nette entière complète cadrée photo photos image "
        "images cliché colis paquet paquets article articles produit carton marchandise capture captures écran "
        "preuve justificatif transaction transfert numéro numéros téléphone tel mobile portable chiffre chiffres "
        "zone commune communes quartier quartiers adresse lieu endroit ville secteur livreur coursier livreuse "
        "étape étapes dernier dernière première premier suivant suivante prochaine information informations détail "
        "détails dossier montant somme suite message réponse correct correcte correctement exact exacte valide "
        "complet incomplet disponible facile précis précise question modèle série référence panne problème souci "
        "ticket appareil machine symptôme facture nom prénom date achat service équipe conseiller moment instant "
        "temps minute nouvelle petite petit afin aussitôt tranquille simple gentiment heureux ravi va vas vais "
        "allons aller ira irons vont viens venez vient venir vienne devons dois doivent peux peuvent voulons veux "
        "veulent faisons fais font ferons fera prend prenons prends prendra lançons lance lancez commence recevrons "
        "notons noter transmets transmet transmettra finir finissons fini finie fin termine terminons répond "
        "réponds répondra répondre répondons écoute écoutons écoutez trouve trouver situe situé appelez joins joint "
        "photographier photographiez concerné concernée lequel laquelle lesquels dont chez vers lors pendant durant "
        "car comme si même peu près reçois reçoit mettre mettez mets passe main quelqu'un membre équipes rendre "
        "rend rendez destination arrivée arrive arriver départ part partir proche voiture moto route pied porte "
        "habitez habiter résidez réside domicile vis vivez coordonnées ligne ici-même patienter patientez patience "
        "avance appuyer prêt prête lieu-dit côté sommes êtes suis ont est-ce puis-je pourrais pourrait puissiez "
        "sachez sache validons validée enregistrée enregistré enregistrer prise charge suivi suivez rappel rappelle "
        "rappelons souvenir nécessaire obligatoire indispensable possible suffisant suffisante désormais "
        "immédiatement actuellement tôt tard demain aujourd'hui ensemble tenir tient tenez informé informer "
        "informés informons courant donnée"
    ),
    "en": (
        "hello hi hey thanks thank welcome please kindly great perfect awesome super good nice lovely excellent "
        "sure okay ok alright right got noted understood pleasure happy glad just simply now then next after before "
        "once when first finally also here there soon quickly easily directly almost already only well very really "
        "day evening yes let us let's so send sending sent share sharing attach attaching forward upload give "
        "giving tell provide type write show take make do complete completing finish finalise finalize confirm "
        "confirming confirmation validate check verify proceed continue keep go move start begin prepare preparing "
        "process processing arrange organise organize plan call reach contact deliver delivering delivered delivery "
        "ship shipping drop order orders ordering need needs needed require required want wish would could can may "
        "might should must will shall like know help wait waiting remaining missing left receive received get "
        "getting pay paying payment deposit transfer settle see clear visible readable sharp follow following photo "
        "photos picture pictures image shot parcel parcels package packages item items box product goods screenshot "
        "screenshots proof receipt transaction number numbers phone telephone mobile digits digit zone area areas "
        "district neighbourhood neighborhood address place location city town driver courier rider step steps last "
        "latest information info detail details amount sum message answer reply correct exact valid full available "
        "easy question model serial reference fault problem issue ticket device machine symptom invoice name date "
        "purchase service team colleague person moment instant time minute which where what who how best everything "
        "ready back care rest taken follows followed forwarding come coming comes going gone started starting "
        "begins any some more about around up down over out off through near nearby home house street live living "
        "based stay track update updated keeps certain necessary possible useful helpful today tomorrow later early "
        "late always both together someone somebody member wonderful fantastic cool appreciated appreciate grateful "
        "kind record recorded register registered placed made done finished arrive arrives arriving arrival "
        "destination bring brings pick picked hand ll re ve"
    ),
}
# Of them, and of grammar, what a request for money does without: to whom else, when else, whether at all, what else.
_NOT_BESIDE_MONEY = word_set(
    "livreur livreuse coursier driver courier rider deja already fait faite faites done finished made nom prenom name "
    "date membre member equipe team colleague conseiller quelqu someone somebody seulement only demain aujourd today "
    "tomorrow tot tard later early livrer livre livree livrons livrez deliver delivered complet complete entiere full "
    "reste rest somme sum chiffre digit appeler appelez appelle call arrivee domicile home house si if ou or both "
    "ensemble together facture invoice serie ticket change another moto voiture passez main hand"
)


@lru_cache(maxsize=4)
def everyday_stems(language: str) -> frozenset[str]:
    """Returns the stems of the everyday words of `fr` or `en`."""
    return frozenset(stems(_WORDS[language], language))


@lru_cache(maxsize=8192)
def stems_of(text: str, language: str) -> frozenset[str]:
    """Returns the stems of the words of `text`, and the folded words themselves."""
    return frozenset(stems(text, language)) | frozenset(tokens(text))


@lru_cache(maxsize=4)
def _not_beside_money(language: str) -> frozenset[str]:
    return frozenset(_stem(word, language) for word in _NOT_BESIDE_MONEY) | _NOT_BESIDE_MONEY


def foreign_words(text: str, language: str, own: frozenset[str], *, asks_money: bool = False) -> list[str]:
    """Returns the words of `text` that are neither everyday words of `language` nor, by stem, in `own`; in order.

    Fewer words are everyday ones where the text `asks_money`.
    """
    known = everyday_stems(language)
    if asks_money:
        refused = _not_beside_money(language) - own
        risky = [token for token in tokens(text) if token in refused or _stem(token, language) in refused]
        if risky:
            return risky
    return [
        token
        for token in tokens(text)
        if token not in own
        and (is_number_word(token) or (token not in STOPWORDS[language] and not _known(token, language, known, own)))
    ]


@lru_cache(maxsize=16384)
def _stem(token: str, language: str) -> str:
    found = stems(token, language)
    return found[0] if found else token


def _known(token: str, language: str, known: frozenset[str], own: frozenset[str]) -> bool:
    stem = _stem(token, language)
    return stem in known or stem in own
