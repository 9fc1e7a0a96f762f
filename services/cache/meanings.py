"""What customers ask to do and about what: words that say the same united, and words that oppose, accents stripped.

The words of plain customer service in any trade. Two questions that differ in one of them ask for two answers, however
common the words are at a tenant.
"""

import functools

from services.cache.stems import stem

# Each line is one meaning, French before the bar and English after it, because a location is a rental in French alone.
# The first word names it; a verb stands with its noun.
_ACTIONS = """
annuler annulation decommander | cancel cancellation cancelling
resilier resiliation | terminate termination
suivre suivi | track tracking
modifier modification changer changement | change modify
deplacer decaler reporter | postpone reschedule
confirmer confirmation | confirm confirmation
commander commande | order
livrer livraison livrez | delivery deliver ship shipping shipment
expedier expedition | dispatch
envoyer envoi | send
recevoir | receive
rembourser remboursement | refund
payer paiement paie | payment pay
retourner retour renvoyer renvoi | return
echanger echange | exchange
acheter achat | buy purchase
vendre vente | sell
louer location | rent rental hire
emprunter emprunt | borrow
reserver reservation | book booking reservation
ouvrir ouvert ouverte ouverture ouvrez ouvre | open opening
fermer ferme fermeture cloturer cloture | close closing
activer activation | activate activation
desactiver desactivation | deactivate
bloquer blocage | block
debloquer deblocage | unblock
verrouiller verrouillage | lock
deverrouiller deverrouillage | unlock
ajouter ajout | add
supprimer suppression | delete deletion remove removal
retirer retrait | withdraw withdrawal
creer creation | create
installer installation | install installation
desinstaller desinstallation | uninstall
inscrire inscription | enrol enroll enrolment enrollment
desinscrire desinscription | unenrol
abonner abonnement | subscribe subscription
desabonner desabonnement | unsubscribe
souscrire souscription | sign
renouveler renouvellement | renew renewal
prolonger prolongation | extend
raccourcir | shorten
recharger recharge | recharge topup
transferer transfert | transfer
virement
prelever prelevement debiter | debit
consulter consultation | check
verifier verification | verify verification
telecharger telechargement | download
exporter export | export
importer import | import
reparer reparation | repair
remplacer remplacement | replace replacement
nettoyer nettoyage | clean cleaning
reinitialiser reinitialisation | reset
redemarrer redemarrage | restart reboot
contester contestation | dispute
autoriser autorisation | authorise authorize authorization
refuser refus | decline refuse reject
accepter acceptation | accept
garder conserver | keep
perdre perdu | lose lost
oublier oublie | forget forgot
casser casse | break broken
marcher marche fonctionner fonctionne | work working works
commencer commence commencent debuter debut | start begin
finir fin terminer | end finish
contacter contact joindre | contact reach
appeler appel | call
parler | speak talk
acceder acces | access
garantir garantie garanti | warranty guarantee
augmenter augmentation | increase
diminuer baisser reduire | decrease reduce
passer | switch
essayer essai | try trial
migrer migration | migrate
partager partage | share
"""
_OBJECTS = """
colis paquet | parcel package
article produit | item product
magasin boutique | store shop
facture | invoice bill
rdv creneau | appointment slot
telephone tel | phone telephone
email mail courriel | email mail
password | password
adresse | address
compte | account
carte | card
cb | cb
contrat | contract
forfait | plan
devis | quote
solde | balance
numero | number
frais
vehicule voiture automobile | car vehicle
bagage valise | luggage baggage suitcase
medicament | medicine medication
application appli | app application
agence succursale | branch
horaires | horaires hours
horaire | schedule
taux | rate
dossier | file
document | document
billet ticket | ticket
chambre | room
menu | menu
ordonnance | prescription
coloration teinture
"""
# Here the noun is as good as the verb, or one word as another: they unite and mark nothing.
_PLAIN = """
inclus compris incluse comprise inclure inclut | include included
gratuit offert offerte | free
disponible dispo stock | available stock
probleme souci | problem issue
docteur medecin | doctor
professeur prof enseignant | teacher
enfant | child children kid
"""
# Of these, how it is done is not whether it can be.
_NOT_ORDERED = """
passer | switch
commencer | start
finir | end
marcher | work
perdre | lose
oublier | forget
casser | break
"""
# Says only that a thing is there to be had, as "do you have" does.
_WEIGHTLESS = "disponible | available"

_ANTONYMS = """
ouvrir fermer|acheter vendre|avant apres|augmenter diminuer|ajouter retirer|ajouter supprimer|creer supprimer
|allumer eteindre|entrer sortir|monter descendre|envoyer recevoir|accepter refuser|commencer finir|premier dernier
|minimum maximum|plus moins|enable disable|before after|increase decrease|add remove|buy sell|more less|on off
|first last|accept refuse|gratuit payant|prochain dernier|next last|arrivee depart|arrival departure|haut bas
|interieur exterieur|majeur mineur|entree sortie|import export|importer exporter|exporter importer
"""
# `desactiver` is the opposite of `activer`, `disable` of `able`.
_OPPOSITE_PREFIXES = ("des", "de", "in", "im", "non", "dis", "un")


def _groups(text: str, language: str) -> list[list[str]]:
    """Returns the lines of one language's side."""
    sides = (line.partition("|")[::2][language == "en"].split() for line in text.strip().splitlines())
    return [side for side in sides if side]


@functools.lru_cache(maxsize=4)
def _concepts(language: str) -> dict[str, str]:
    groups = [group for text in (_PLAIN, _OBJECTS, _ACTIONS) for group in _groups(text, language)]
    return {stem(form, language): stem(group[0], language) for group in groups for form in group}


def _thin(word: str) -> str:
    """Returns `word` with doubled letters written once: people write `comande` and `adrese`."""
    return "".join(letter for at, letter in enumerate(word) if at == 0 or letter != word[at - 1])


@functools.lru_cache(maxsize=4)
def _misspelt(language: str) -> dict[str, str]:
    return {_thin(form): meant for form, meant in _concepts(language).items() if len(form) > 4 and _thin(form) != form}


def united(stemmed: str, language: str) -> str:
    """Returns the stem that names the meaning of `stemmed`, which is itself when the lists do not have it."""
    return _concepts(language).get(stemmed) or _misspelt(language).get(stemmed) or stemmed


def _named(text: str, language: str) -> frozenset[str]:
    return frozenset(united(stem(group[0], language), language) for group in _groups(text, language))


@functools.lru_cache(maxsize=4)
def actions(language: str) -> frozenset[str]:
    """Returns the concepts of what one can ask to do."""
    return _named(_ACTIONS, language)


@functools.lru_cache(maxsize=4)
def orders(language: str) -> frozenset[str]:
    """Returns the actions that a customer asks for alike by "can I" and by "how do I"."""
    return actions(language) - _named(_NOT_ORDERED, language)


@functools.lru_cache(maxsize=4)
def bare_verbs(language: str) -> frozenset[str]:
    """Returns the words, unstemmed, with which an English request opens: "cancel my order"."""
    return frozenset(group[0] for group in _groups(_ACTIONS, language) if group) if language == "en" else frozenset()


@functools.lru_cache(maxsize=4)
def objects(language: str) -> frozenset[str]:
    """Returns the concepts of what a request can be about."""
    return _named(_OBJECTS, language)


@functools.lru_cache(maxsize=4)
def weightless(language: str) -> frozenset[str]:
    """Returns the concepts that add nothing to a question that asks whether a thing is there."""
    return _named(_WEIGHTLESS, language)


@functools.lru_cache(maxsize=4)
def _opposites(language: str) -> frozenset[frozenset[str]]:
    pairs = (pair.split() for pair in _ANTONYMS.replace("\n", " ").split("|"))
    return frozenset(frozenset(united(stem(word, language), language) for word in pair) for pair in pairs)


@functools.lru_cache(maxsize=4)
def oppositional(language: str) -> frozenset[str]:
    """Returns the concepts that have an opposite."""
    return frozenset[str]().union(*_opposites(language))


def are_opposite(a: str, b: str, language: str) -> bool:
    """Says whether two concepts oppose, by the list or by a prefix that turns one round."""
    if frozenset((a, b)) in _opposites(language):
        return True
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return len(shorter) > 3 and any(longer == prefix + shorter for prefix in _OPPOSITE_PREFIXES)
