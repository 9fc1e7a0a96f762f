"""By which words a text asks for a slot, and whether it asks for the right one only."""

from collections.abc import Sequence

from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold, tokens
from services.hybrid_engine.flow.lexicon import PARCEL_WORDS, PAYMENT_WORDS, word_set
from services.hybrid_engine.flow.rules import SlotKind

_SLOT_WORDS: dict[SlotKind, frozenset[str]] = {
    SlotKind.IMAGE: frozenset({"photo", "photos", "picture", "image", "images", "pictures", "cliche"}) | PARCEL_WORDS,
    SlotKind.PAYMENT_PROOF: PAYMENT_WORDS
    | word_set("payez reglez envoyez send pay versez transferez deposez acompte reglement deposit pays"),
    SlotKind.PLACE: word_set(
        "zone quartier commune communes quartiers adresse ou livrer livre livree livraison lieu endroit ville where "
        "area address district place location neighbourhood city town deliver delivered delivery"
    ),
    SlotKind.PHONE: word_set(
        "numero telephone tel joindre joint joignable contact contacter appeler appelle phone number call reach"
    ),
}
# Of these, what asks for a slot when another one is asked for: «merci de livrer» and «votre colis» ask for nothing.
_OTHER_SLOT_WORDS: dict[SlotKind, frozenset[str]] = {
    SlotKind.IMAGE: word_set("photo photos picture pictures image images cliche"),
    SlotKind.PAYMENT_PROOF: word_set(
        "paiement paiements payer payez paye reglez reglement versez verser acompte depot deposez capture "
        "captures recu "
        "preuve transfert transferez virement wave momo moov pay payment deposit transfer receipt screenshot proof"
    ),
    SlotKind.PLACE: word_set("zone commune communes quartier adresse area address district neighbourhood city town"),
    SlotKind.PHONE: word_set("numero numeros telephone tel phone number contact"),
}
# A sentence that only says what came already: «Photo reçue !», «Merci pour le paiement.»
_THANKS = linear_pattern(
    r"\b(?:merci pour|recue?s?|bien note|notee?s?|j'ai bien|nous avons bien"
    r"|thanks for|thank you for|received|got your|got it)\b"
)
_ASKING = word_set(
    "envoyez envoyer envoie envoi joignez joindre partagez transmettez donnez faites versez payez reglez "
    "deposez il faut "
    "send share pay give attach transfer deposit need"
)
_SENTENCES = linear_pattern(r"[^.!?;]+[.!?;]*")
_NONE: frozenset[str] = frozenset()


def asks_only_for(
    text: str,
    asked: SlotKind | None,
    *,
    not_asked: Sequence[SlotKind] = (),
    received: Sequence[SlotKind] = (),
    template: str = "",
) -> bool:
    """Whether `text` names what is `asked` for, and of the slots `not_asked` only what the `template` names too.

    A sentence that only thanks may name what was `received`.
    """
    wanted = _SLOT_WORDS.get(asked, _NONE) if asked else _NONE
    if wanted and not wanted & frozenset(tokens(text)):
        return False
    permitted = wanted | frozenset(tokens(template))
    thanked = permitted.union(*(_OTHER_SLOT_WORDS.get(kind, _NONE) for kind in received))
    others = _NONE.union(*(_OTHER_SLOT_WORDS.get(kind, _NONE) for kind in not_asked))
    return not any(
        frozenset(tokens(sentence)) & (others - (thanked if wanted and _only_thanks(sentence) else permitted))
        for sentence in (match.group() for match in _SENTENCES.finditer(text))
    )


def _only_thanks(sentence: str) -> bool:
    return _THANKS.search(fold(sentence)) is not None and not _ASKING & frozenset(tokens(sentence))
