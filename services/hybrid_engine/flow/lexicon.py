"""Words, French and English, by which a message shows what it is for.

Single words are spelt as `libs.common.text_fold.tokens` gives them; phrases as people write them.
"""

from collections.abc import Iterable
from functools import lru_cache

from libs.common.text_fold import tokens


def word_set(spaced: str) -> frozenset[str]:
    """Returns the words of a text that parts them by spaces."""
    return frozenset(spaced.split())


GREETINGS = word_set(
    "bonjour bonsoir salut coucou hello hi hey allo bjr bsr slt cc yo wesh salam bnjr bjour good morning evening"
)
# Whom one speaks to, and sounds of a talk: «bonsoir chef», «hein ?».
ADDRESSES = word_set(
    "madame monsieur mme mr mademoiselle mlle chef patron boss tantie tonton vieux go sir madam "
    "hein deh dja ah oh eh euh heu hum hmm"
)
ACKNOWLEDGEMENTS = word_set(
    "ok okay oui non merci thanks thank you accord daccord super parfait bien recu yes no cool top good beaucoup much"
)
YES = word_set(
    "oui yes ouais ui ouep yep ok okay dac daccord accord parfait exact correct valide valider confirme confirmer "
    "confirm go"
)
NO = word_set("non nan no nope pas not")
# At the beginning of a message, after a recap.
YES_PHRASES = ("c'est bon", "c'est ça", "c'est correct", "c'est exact", "tout est bon", "bien sûr", "vas-y", "allez-y")
YES_SIGNS = ("👍", "👌", "✅", "✔", "🆗")
NO_SIGNS = ("👎", "❌")
WELLBEING_PHRASES = (
    "ça va",
    "comment allez-vous",
    "comment vas-tu",
    "comment tu vas",
    "vous allez bien",
    "on dit quoi",
    "ça dit quoi",
    "c'est comment",
    "how are you",
)
CLOSINGS = (
    "merci", "thanks", "thank you", "au revoir", "bye", "à bientôt", "à demain", "à plus", "à plus tard",
    "à tout à l'heure", "bonne journée", "bonne soirée", "bonne nuit", "bon courage", "bon travail",
    "dieu vous bénisse", "dieu vous garde", "je vous reviens", "je reviens vers vous", "je vais réfléchir",
    "good night", "see you",
)  # fmt: skip
CANCEL_PHRASES = (
    "laisse tomber", "laissez tomber", "je ne veux plus", "j'abandonne", "j'ai changé d'avis", "never mind",
    "forget it",
)  # fmt: skip
HANDOFF_PHRASES = (
    "parler à quelqu'un", "parler à une personne", "parler à un humain", "parler à un agent", "parler à un conseiller",
    "parler avec quelqu'un", "parler avec un humain", "parler avec un agent", "parler avec un conseiller",
    "un vrai humain", "une vraie personne", "joindre un conseiller", "joindre un responsable",
    "talk to someone", "talk to a person", "talk to a human", "talk to an agent", "speak to someone",
    "speak to a human", "speak to an agent", "real person", "human agent", "speak to the manager",
    "parler au patron", "parler au responsable", "parler au gérant", "parler au chef", "passez-moi le patron",
    "passez-moi le responsable", "passez-moi le gérant", "passez-moi quelqu'un",
    # Whoever is this angry is not told that a text was not understood.
    "me plaindre", "porter plainte", "c'est une arnaque", "arnaqueur", "arnaqueurs", "voleurs", "escrocs",
    "rendez mon argent", "rendez-moi mon argent", "give me my money back", "file a complaint", "scammers",
)  # fmt: skip
INTERROGATIVES = word_set(
    "combien comment pourquoi quand ou quel quelle quels quelles qui que quoi qu lequel laquelle how what when "
    "where why which who whose does do can could is are"
)
QUESTION_OPENINGS = (
    "est-ce que", "est-ce qu'", "c'est combien", "c'est quoi", "y a-t-il", "avez-vous", "acceptez-vous", "livrez-vous",
    "faites-vous", "pouvez-vous", "peut-on", "puis-je", "faut-il", "dois-je", "je voudrais savoir", "j'aimerais savoir",
    "à quelle", "à quel", "de quel", "de quelle", "en combien", "pour quel", "pour quelle", "jusqu'à quelle",
)  # fmt: skip
# A caption with one of these names a payment, or a parcel; `photo` says nothing, every picture is one.
PAYMENT_WORDS = word_set(
    "paiement paiements paye payer payee depot capture recu preuve transfert transaction wave momo moov orange "
    "payment paid receipt screenshot transfer proof"
)
PARCEL_WORDS = word_set("colis paquet paquets article articles produit produits carton parcel package item box")
# A place after one of these is not where to deliver.
NOT_THERE = word_set("pas plus not instead depuis from jamais")
NOT_THERE_PHRASES = ("au lieu de", "plutot que", "et non", "instead of", "rather than")
FUNCTION_WORDS = word_set(
    "a au aux avec c ce ces cet cette d dans de des du elle en est et etes eu il ils j je l la le les leur lui m "
    "ma mais me mes moi mon n ne nos notre nous on ont ou par pas pour qu que qui s sa sans se ses si son sont "
    "sur t ta te tes toi ton tu un une vos votre vous y ete etre avoir ai as avez avons suis sommes fait faire "
    "svp stp plait voici voila cela ca an and are at be by do for from has have he her his i in is it its me my "
    "of on or our she that the their them there they this to us was we were with you your please"
)
_WITHOUT_MEANING = FUNCTION_WORDS | GREETINGS | ADDRESSES | ACKNOWLEDGEMENTS


@lru_cache(maxsize=4096)
def phrase_words(phrase: str) -> tuple[str, ...]:
    """Returns the folded words of a phrase of the lexicon or of a tenant; kept, so never for a customer's text."""
    return tuple(tokens(phrase))


def has_phrase(said: list[str], phrase: str) -> bool:
    """Whether the words of `phrase` stand in the tokens `said` one after the other."""
    wanted = phrase_words(phrase)
    if not wanted or wanted[0] not in said:
        return False
    size = len(wanted)
    return size == 1 or any(tuple(said[at : at + size]) == wanted for at in range(len(said) - size + 1))


def has_any(said: list[str], phrases: Iterable[str]) -> bool:
    """Whether one of `phrases` stands in the tokens `said`."""
    return any(has_phrase(said, phrase) for phrase in phrases)


def ends_with(said: list[str], phrase: str) -> bool:
    """Whether the tokens `said` end with the words of `phrase`."""
    wanted = phrase_words(phrase)
    return len(wanted) > 0 and tuple(said[-len(wanted) :]) == wanted


def content_words(said: list[str]) -> list[str]:
    """The tokens of `said` that carry meaning, in order: neither grammar, greeting nor mere assent."""
    return [token for token in said if token not in _WITHOUT_MEANING]
