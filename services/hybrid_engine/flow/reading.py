"""What one message says: its intention, and what it gives for each slot. Pure, and the same for both engines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from libs.common.text_fold import tokens
from services.hybrid_engine.flow import lexicon
from services.hybrid_engine.flow.phones import PhoneGiven, read_phone
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule
from services.hybrid_engine.flow.spelling import spelled_out, squeezed
from services.hybrid_engine.flow.state import Attached, Event, FlowState
from services.hybrid_engine.flow.values import is_valid, own_values
from services.hybrid_engine.flow.zones import guess_zone, nearest_zones, place_words, read_zone

_CLAUSES = re.compile(r"[^.!?\n;…]*(?:[?!;\n…]|\.(?:\s|$)|\.|$)")
_MAX_PLACE_WORDS = 5
_LINKS = frozenset({"et", "mais", "alors", "svp", "and", "but", "so"})
_ASKING_ENDS = frozenset({"combien", "quand", "comment", "quoi", "ou"})
_POLITE_OPENINGS = ("puis-je", "est-ce que", "can i", "could i", "peut-on")


@dataclass(frozen=True, slots=True)
class Reading:
    """A message, understood.

    `given` holds values of slots that the tenant describes itself. `invalid_value` tells that the awaited slot was
    given something that it cannot have; `suggestions` are set when that is a place like a zone.
    """

    greeting: bool = False
    closing: bool = False
    trigger: bool = False
    question: bool = False
    cancel: bool = False
    handoff: bool = False
    yes: bool = False
    no: bool = False
    content_word_count: int = 0
    images: tuple[Attached, ...] = ()
    phone: PhoneGiven | None = None
    zone: str = ""
    unknown_zone: bool = False
    suggestions: tuple[str, ...] = ()
    free_text: str = ""
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    invalid_value: bool = False
    caption_words: frozenset[str] = field(default_factory=frozenset[str])


def read(event: Event, state: FlowState, rules: FlowRules) -> Reading:
    """Reads `event` in the light of what `state` awaits. Takes well under a millisecond; raises nothing."""
    captions = " \n".join(attachment.caption for attachment in event.attachments if attachment.caption)
    text = spelled_out(f"{event.text}\n{captions}".strip() if captions else event.text.strip())
    said = tokens(text)
    statements, question = _split_questions(text, rules)
    small_talk = _asks_how_one_is(said)
    question = question and not small_talk
    awaited = rules.slot(state.awaiting_slot)
    awaits_place = awaited is not None and awaited.kind is SlotKind.PLACE
    awaits_phone = awaited is not None and awaited.kind is SlotKind.PHONE
    phone = _phone(text, rules, ignore="" if awaits_phone else rules.pay_number) if text else None
    zone = read_zone(statements, rules.places) if rules.zones and statements else ""
    content = lexicon.content_words(said)
    is_said_back = awaited is not None and awaited.is_unconfirmed(state.slots)
    gives_something = _could_be_number(content, said) and not is_said_back
    if awaits_phone and phone is None and not zone and not question and gives_something:
        phone = PhoneGiven("", sum(character.isdigit() for character in text))
    unknown = False
    if awaits_place and not zone and not question and phone is None:
        zone = guess_zone(statements, rules.zones)
        unknown = not zone and _could_be_place(statements, rules)
    yes = not question and _agrees(text, said)
    no = not question and (_says(said, lexicon.NO) or _shows(text, said, lexicon.NO_SIGNS))
    given = own_values(statements, rules, awaited, says="yes" if yes else "no" if no else "")
    free_text = event.text.strip() if _gives_text(event, awaited, question) else ""
    fits = not free_text or awaited is None or is_valid(free_text, awaited.validator)
    return Reading(
        greeting=small_talk or (not content and any(token in lexicon.GREETINGS for token in said)),
        closing=not question and _closes(said),
        trigger=lexicon.has_any(said, rules.trigger_words),
        question=question,
        cancel=not question and _cancels(said, rules),
        handoff=lexicon.has_any(said, (*rules.handoff_words, *lexicon.HANDOFF_PHRASES)),
        yes=yes,
        no=no,
        content_word_count=len(content),
        images=tuple(attachment for attachment in event.attachments if attachment.kind == "image"),
        phone=phone,
        zone=zone,
        unknown_zone=unknown,
        suggestions=nearest_zones(statements, rules.zones) if unknown else (),
        free_text=free_text if fits else "",
        given=given,
        invalid_value=_is_invalid(awaited, given, question=question, gave_something=gives_something)
        or unknown
        or not fits
        or (awaits_phone and phone is not None and not phone.value),
        caption_words=frozenset(tokens(statements)),
    )


def _phone(text: str, rules: FlowRules, *, ignore: str) -> PhoneGiven | None:
    """A phone number of the message; one that the slot's own validator refuses counts as incomplete."""
    phone, slot = read_phone(text, rules.phone, ignore=ignore), rules.of_kind(SlotKind.PHONE)
    if phone and phone.value and slot and not is_valid(phone.value, slot.validator):
        return PhoneGiven("", phone.digit_count)
    return phone


def _is_invalid(awaited: SlotRule | None, given: Mapping[str, str], *, question: bool, gave_something: bool) -> bool:
    """Whether a message that was to give a choice, a number or what a pattern finds gave something else."""
    own = (SlotKind.CHOICE, SlotKind.NUMBER, SlotKind.PATTERN)
    if awaited is None or awaited.kind not in own or awaited.name in given:
        return False
    return gave_something and not question


def _split_questions(text: str, rules: FlowRules) -> tuple[str, bool]:
    """Returns the clauses that state something, and whether any other asks something."""
    statements: list[str] = []
    asks = False
    for match in _CLAUSES.finditer(text):
        clause = match.group().strip()
        if not clause:
            continue
        if _is_question(clause, rules):
            asks = True
        else:
            statements.append(clause)
    return " ".join(statements), asks


def _is_question(clause: str, rules: FlowRules) -> bool:
    said = tokens(clause)
    opening = said[1:] if said[:1] and said[0] in lexicon.GREETINGS | _LINKS else said
    if not opening:
        return False
    asks = opening[0] in lexicon.INTERROGATIVES or said[-1] in _ASKING_ENDS
    if asks or lexicon.has_any(opening[:5], lexicon.QUESTION_OPENINGS):
        return not _orders_politely(opening, rules)
    if not clause.endswith("?") or lexicon.has_any(said, rules.trigger_words):
        return False
    zone = read_zone(clause, rules.places) if rules.zones else ""
    known = {part for name in (zone, *rules.zones.get(zone, ())) for part in tokens(name)}
    return any(token not in known and not token.isdigit() for token in lexicon.content_words(said))


def _orders_politely(opening: list[str], rules: FlowRules) -> bool:
    """«Puis-je commander ?», «can I order?»: an order in the form of a question."""
    if not lexicon.has_any(opening[:3], _POLITE_OPENINGS):
        return False
    return any(
        lexicon.has_phrase(opening, trigger)
        and len(lexicon.content_words(opening)) <= len(lexicon.content_words(list(lexicon.phrase_words(trigger)))) + 1
        for trigger in rules.trigger_words
    )


def _cancels(said: list[str], rules: FlowRules) -> bool:
    if said[:1] == ["stop"] and len(said) <= 2:
        return True
    if lexicon.has_any(said, lexicon.CANCEL_PHRASES):
        return True
    if not lexicon.has_any(said, rules.cancel_words):
        return False
    # «n'annulez pas» asks for the opposite.
    return not {"pas", "jamais", "not", "don"} & set(said)


def _says(said: list[str], vocabulary: frozenset[str]) -> bool:
    """Whether the message begins with a word of `vocabulary`, however long its letters are drawn («ouiii»)."""
    return said[:1] != [] and squeezed(said[0]) in _squeezed(vocabulary)


@lru_cache(maxsize=8)
def _squeezed(vocabulary: frozenset[str]) -> frozenset[str]:
    return frozenset(map(squeezed, vocabulary))


def _agrees(text: str, said: list[str]) -> bool:
    opens = any(tuple(said[: len(words)]) == words for words in map(lexicon.phrase_words, lexicon.YES_PHRASES))
    return opens or _says(said, lexicon.YES) or _shows(text, said, lexicon.YES_SIGNS)


def _shows(text: str, said: list[str], signs: tuple[str, ...]) -> bool:
    """Whether a message without words shows one of `signs`."""
    return not said and any(sign in text for sign in signs)


def _asks_how_one_is(said: list[str]) -> bool:
    """«Bonsoir, comment ça va ?»: a greeting in the form of a question, and nothing else."""
    if not lexicon.has_any(said, lexicon.WELLBEING_PHRASES):
        return False
    polite = {
        token for phrase in lexicon.WELLBEING_PHRASES for token in lexicon.phrase_words(phrase)
    } | lexicon.INTERROGATIVES
    return all(token in polite for token in lexicon.content_words(said))


def _closes(said: list[str]) -> bool:
    """Whether a message thanks, or takes leave, and says nothing else."""
    if not lexicon.has_any(said, lexicon.CLOSINGS):
        return False
    polite = {token for phrase in lexicon.CLOSINGS for token in lexicon.phrase_words(phrase)}
    return all(token in polite for token in lexicon.content_words(said))


def _could_be_number(content: list[str], said: list[str]) -> bool:
    """Whether a message without a number was meant as one: it says something beyond assent."""
    return bool(content) or any(token.isdigit() for token in said)


def _could_be_place(statements: str, rules: FlowRules) -> bool:
    name = place_words(statements)
    if not name or not rules.zones or not lexicon.content_words(name.split()):
        return False
    return len(tokens(statements)) <= _MAX_PLACE_WORDS


def _gives_text(event: Event, awaited: SlotRule | None, question: bool) -> bool:
    return awaited is not None and awaited.kind is SlotKind.TEXT and not question and bool(event.text.strip())
