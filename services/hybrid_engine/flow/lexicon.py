"""Words, French and English, by which a message shows what it is for. All are accent-folded and lower-case."""

from libs.common.text_fold import words

GREETINGS = frozenset("bonjour bonsoir salut coucou hello hi hey allo bjr slt cc yo good morning evening".split())
ACKNOWLEDGEMENTS = frozenset(
    "ok okay oui non merci thanks thank you d accord daccord super parfait bien recu yes no cool top good".split()
)
YES = frozenset("oui yes ouais yep ok okay daccord parfait exact correct valide valider confirme confirmer confirm go".split())
NO = frozenset("non no nope pas not".split())
CANCEL = frozenset("annule annuler annulez annulation cancel".split())
CANCEL_PHRASES = ("laisse tomber", "laissez tomber", "je ne veux plus", "j abandonne", "never mind", "forget it")
HANDOFF_PHRASES = (
    "parler a quelqu un", "parler a une personne", "parler a un humain", "parler a un agent", "parler a un conseiller",
    "parler avec quelqu un", "parler avec un humain", "parler avec un agent", "parler avec un conseiller",
    "un vrai humain", "une vraie personne", "un humain", "un conseiller", "un responsable", "service client",
    "talk to someone", "talk to a person", "talk to a human", "talk to an agent", "speak to someone",
    "speak to a human", "speak to an agent", "real person", "human agent",
)  # fmt: skip
INTERROGATIVES = frozenset(
    "combien comment pourquoi quand ou quel quelle quels quelles qui que quoi qu lequel laquelle "
    "how what when where why which who whose does do can could is are".split()
)
QUESTION_OPENINGS = (
    "est ce que", "est ce qu", "c est combien", "c est quoi", "y a t il", "avez vous", "acceptez vous", "livrez vous",
    "faites vous", "pouvez vous", "peut on", "puis je", "faut il", "dois je", "je voudrais savoir", "j aimerais savoir",
    "a quelle", "a quel", "de quel", "de quelle", "en combien", "d ou", "pour quel", "pour quelle", "jusqu a quelle",
)  # fmt: skip
# A caption with one of these names a payment, or a parcel; `photo` says nothing, every picture is one.
PAYMENT_WORDS = frozenset(
    "paiement paiements paye payer payee depot capture recu preuve transfert transaction wave momo moov orange "
    "payment paid receipt screenshot transfer proof".split()
)
PARCEL_WORDS = frozenset("colis paquet paquets article articles produit produits carton parcel package item box".split())
# A place after one of these is not where to deliver.
NOT_THERE = frozenset("pas plus non not instead depuis from jamais".split())
NOT_THERE_PHRASES = ("au lieu de", "plutot que", "et non", "instead of", "rather than")
FUNCTION_WORDS = frozenset(
    "a au aux avec c ce ces cet cette d dans de des du elle en est et etes eu il ils j je l la le les leur lui m ma mais "
    "me mes moi mon n ne nos notre nous on ont ou par pas pour qu que qui s sa sans se ses si son sont sur t ta te tes toi "
    "ton tu un une vos votre vous y ete etre avoir ai as avez avons suis sommes fait faire svp stp plait voici voila cela ca "
    "an and are at be by do for from has have he her his i in is it its me my of on or our she that the their them they "
    "this to us was we were with you your please".split()
)


def has_phrase(tokens: list[str], phrase: str) -> bool:
    """Whether the words of `phrase` stand in `tokens` one after the other."""
    wanted = words(phrase)
    return any(tokens[at : at + len(wanted)] == wanted for at in range(len(tokens) - len(wanted) + 1)) if wanted else False


def content_words(tokens: list[str]) -> list[str]:
    """The words of `tokens` that carry meaning, in order."""
    return [token for token in tokens if token not in FUNCTION_WORDS and token not in GREETINGS]
