"""What one message says: its intention, and what it gives for each slot. Pure, and the same for both engines."""

import re
from dataclasses import dataclass, field

from libs.common.text_fold import tokens
from services.hybrid_engine.flow import lexicon
from services.hybrid_engine.flow.phones import PhoneGiven, read_phone
from services.hybrid_engine.flow.rules import FlowRules, SlotKind
from services.hybrid_engine.flow.spelling import spelled_out, squeezed
from services.hybrid_engine.flow.state import CONFIRMATION, Attached, Event, FlowState, Phase
from services.hybrid_engine.flow.zones import guess_zone, nearest_zones, place_words, read_zone

_CLAUSES = re.compile(r"[^.!?\n;…]*(?:[?!;\n…]|\.(?:\s|$)|\.|$)")
_MAX_PLACE_WORDS = 5
_LINKS = frozenset({"et", "mais", "alors", "svp", "and", "but", "so"})
_ASKING_ENDS = frozenset({"combien", "quand", "comment", "quoi"})
_POLITE_OPENINGS = ("puis-je", "est-ce que", "can i", "could i", "peut-on")


@dataclass(frozen=True, slots=True)
class Reading:
    """A message, understood. `suggestions` are set when it names a place that is no zone."""

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
    caption_words: frozenset[str] = field(default_factory=frozenset[str])


def read(event: Event, state: FlowState, rules: FlowRules) -> Reading:
    """Reads `event` in the light of what `state` awaits. Takes well under a millisecond; raises nothing."""
    captions = " \n".join(attachment.caption for attachment in event.attachments if attachment.caption)
    text = spelled_out(f"{event.text}\n{captions}".strip() if captions else event.text.strip())
    said = tokens(text)
    statements, question = _split_questions(text, rules)
    small_talk = _asks_how_one_is(said)
    question = question and not small_talk
    awaiting = rules.slot(state.awaiting_slot)
    awaits_place = awaiting is not None and awaiting.kind is SlotKind.PLACE
    awaits_phone = awaiting is not None and awaiting.kind is SlotKind.PHONE
    phone = read_phone(text, rules.phone, ignore="" if awaits_phone else rules.pay_number) if text else None
    zone = read_zone(statements, rules.places) if rules.zones and statements else ""
    content = lexicon.content_words(said)
    if awaits_phone and phone is None and not zone and not question and _could_be_number(content, said):
        phone = PhoneGiven("", sum(character.isdigit() for character in text))
    unknown = False
    if awaits_place and not zone and not question and phone is None:
        zone = guess_zone(statements, rules.zones)
        unknown = not zone and _could_be_place(statements, rules)
    images = tuple(attachment for attachment in event.attachments if attachment.kind == "image")
    return Reading(
        greeting=small_talk or (not content and any(token in lexicon.GREETINGS for token in said)),
        closing=not question and _closes(said),
        trigger=lexicon.has_any(said, rules.trigger_words),
        question=question,
        cancel=not question and _cancels(said, rules),
        handoff=lexicon.has_any(said, (*rules.handoff_words, *lexicon.HANDOFF_PHRASES)),
        yes=not question and _agrees(text, said),
        no=not question and (_says(said, lexicon.NO) or _shows(text, said, lexicon.NO_SIGNS)),
        content_word_count=len(content),
        images=images,
        phone=phone,
        zone=zone,
        unknown_zone=unknown,
        suggestions=nearest_zones(statements, rules.zones) if unknown else (),
        free_text=event.text.strip() if _gives_text(event, state, awaiting is not None, question) else "",
        caption_words=frozenset(tokens(statements)),
    )


def starts_order(reading: Reading, phase: Phase) -> bool:
    """Whether the message begins an order: a picture or a trigger word; only the word once an order is behind it.

    A question that holds a trigger word («comment commander ?») stays a question.
    """
    if reading.trigger and not reading.question:
        return True
    return bool(reading.images) and phase in (Phase.IDLE, Phase.CANCELLED)


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
        and len(lexicon.content_words(opening)) <= len(lexicon.content_words(tokens(trigger))) + 1
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
    return said[:1] != [] and squeezed(said[0]) in {squeezed(word) for word in vocabulary}


def _agrees(text: str, said: list[str]) -> bool:
    opens = any(said[: len(tokens(phrase))] == tokens(phrase) for phrase in lexicon.YES_PHRASES)
    return opens or _says(said, lexicon.YES) or _shows(text, said, lexicon.YES_SIGNS)


def _shows(text: str, said: list[str], signs: tuple[str, ...]) -> bool:
    """Whether a message without words shows one of `signs`."""
    return not said and any(sign in text for sign in signs)


def _asks_how_one_is(said: list[str]) -> bool:
    """«Bonsoir, comment ça va ?»: a greeting in the form of a question, and nothing else."""
    if not lexicon.has_any(said, lexicon.WELLBEING_PHRASES):
        return False
    polite = {token for phrase in lexicon.WELLBEING_PHRASES for token in tokens(phrase)} | lexicon.INTERROGATIVES
    return all(token in polite for token in lexicon.content_words(said))


def _closes(said: list[str]) -> bool:
    """Whether a message thanks, or takes leave, and says nothing else."""
    if not lexicon.has_any(said, lexicon.CLOSINGS):
        return False
    polite = {token for phrase in lexicon.CLOSINGS for token in tokens(phrase)}
    return all(token in polite for token in lexicon.content_words(said))


def _could_be_number(content: list[str], said: list[str]) -> bool:
    """Whether a message without a number was meant as one: it says something beyond assent."""
    return bool(content) or any(token.isdigit() for token in said)


def _could_be_place(statements: str, rules: FlowRules) -> bool:
    name = place_words(statements)
    if not name or not rules.zones or not lexicon.content_words(name.split()):
        return False
    return len(tokens(statements)) <= _MAX_PLACE_WORDS


def _gives_text(event: Event, state: FlowState, awaits_slot: bool, question: bool) -> bool:
    return awaits_slot and state.awaiting_slot != CONFIRMATION and not question and bool(event.text.strip())
