"""One step of a conversation: what a message fills, which rule that makes hold, and where it leaves the state.

No clock, no randomness, no I/O, no model: the same message on the same state gives the same step.
"""

from dataclasses import dataclass, replace

from services.hybrid_engine.flow.default_table import FLOW_TABLE, OPEN, TALK_TABLE
from services.hybrid_engine.flow.ending import ended
from services.hybrid_engine.flow.filling import filled
from services.hybrid_engine.flow.reading import Reading
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule
from services.hybrid_engine.flow.state import CONFIRMATION, ENDS, Event, FlowState, Phase
from services.hybrid_engine.flow.table import ANSWERS, Do, Kind, Rule, Situation, first_that_holds

_MAX_CONFIRM_ASKS = 3
# Where an action leads by itself.
_LEADS_TO: dict[str, str] = {
    Do.CONFIRM: Phase.CONFIRMING,
    Do.DONE: Phase.DONE,
    Do.HANDOFF: Phase.HANDED_OFF,
    Do.CANCEL: Phase.CANCELLED,
}
_ACTION_AT = {phase: action for action, phase in _LEADS_TO.items()}


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a message, and the rule that led there.

    `action` names what is said; `asked` is the slot that it asks for, or whose value it says back. A step whose action
    is an answer has `then`, what comes back to the flow afterwards.
    """

    state: FlowState
    rule: Rule
    action: str
    asked: SlotRule | None = None
    then: "Step | None" = None


def take_step(before: FlowState, event: Event, reading: Reading, rules: FlowRules) -> Step:
    """Returns the step from `before` by `event`, read as `reading` on it. Raises nothing; under a millisecond."""
    here = replace(before, flow_id=rules.flow_id, event_count=before.event_count + 1)
    kinds = _kinds(reading, here, rules)
    if not rules.slots:
        situation = Situation(frozenset({here.phase}), kinds, {})
        return _Turn(event, reading, rules).obey(first_that_holds(TALK_TABLE, situation), here, kinds)
    if here.phase not in ENDS and here.phase not in rules.parts:
        # The tenant's flow changed under the conversation.
        here = replace(here, phase=rules.first_phase)
    if _begins(here, reading, rules) and Kind.ORDER_CHANGE not in kinds:
        here = replace(here, phase=rules.first_phase, slots={}, asks={}, awaiting_slot="", order_id="")
    progressed = False
    if here.phase in rules.parts and not kinds & {Kind.CANCEL, Kind.HANDOFF}:
        given = filled(here, event, reading, rules)
        progressed = dict(given.slots) != dict(here.slots)
        here = replace(given, phase=_phase_to_resume(here, given, rules))
    if progressed:
        kinds |= {Kind.NEW_VALUE}
    return _Turn(event, reading, rules, progressed=progressed).decide(here, kinds)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One message, and whether it brought the flow on."""

    event: Event
    reading: Reading
    rules: FlowRules
    progressed: bool = False

    def decide(self, here: FlowState, kinds: frozenset[Kind]) -> Step:
        """Returns the step by the first rule that holds where the message led to."""
        part = self.rules.parts.get(here.phase)
        need = _need(here, self.rules)
        situation = Situation(
            phases=frozenset({here.phase, OPEN} if part else {here.phase}),
            kinds=kinds if need and need.name == here.awaiting_slot else kinds - {Kind.INVALID_VALUE},
            values=_agreed(here, self.rules),
            complete=part is not None and need is None,
            asked_out=part is not None and self._asked_out(here, need),
            unconfirmed=need is not None and need.is_unconfirmed(here.slots),
        )
        table = (*(part.rules if part else ()), *self.rules.own_rules, *FLOW_TABLE)
        return self.obey(first_that_holds(table, situation), here, kinds)

    def obey(self, rule: Rule, here: FlowState, kinds: frozenset[Kind]) -> Step:
        """Returns the step that `rule` prescribes."""
        is_open = bool(self.rules.slots) and here.phase in self.rules.parts
        if rule.do == Do.ANSWER and is_open:
            then = self.decide(here, kinds - {Kind.QUESTION})
            return Step(then.state, rule, Do.ANSWER, then.asked, then)
        if rule.do == Do.PROCEED:
            return self._proceed(rule, here, kinds)
        if rule.forget:
            here = _without(here, rule.forget)
        goto = rule.goto or _LEADS_TO.get(rule.do, here.phase)
        if self.rules.slots and goto in self.rules.parts:
            return self._stay(rule, replace(here, phase=goto))
        return Step(ended(here, goto, self.event, self.rules), rule, rule.do)

    def _proceed(self, rule: Rule, here: FlowState, kinds: frozenset[Kind]) -> Step:
        """Goes to the next phase: with the words of the phase that is left, else with those of the next one."""
        part = self.rules.parts.get(here.phase)
        goto = rule.goto or (part.goto if part else "") or Phase.CONFIRMING
        if part and part.action and not rule.goto:
            return self.obey(replace(rule, do=part.action, goto=goto), here, kinds)
        if goto in ENDS:
            return self.obey(replace(rule, do=_ACTION_AT[goto]), here, kinds)
        return self.decide(replace(_without(here, rule.forget), phase=goto), kinds - ANSWERS - rule.when.kinds)

    def _stay(self, rule: Rule, here: FlowState) -> Step:
        """Returns a step within the flow, which awaits the next slot, or agreement to them all."""
        need = _need(here, self.rules)
        name = need.name if need else CONFIRMATION
        if need and here.phase == Phase.CONFIRMING:
            here = replace(here, phase=self.rules.home(need.name))
        asks = here.asks
        if here.awaiting_slot != name or not (self.progressed or self.reading.question):
            asks = {**asks, name: asks.get(name, 0) + 1}
        state = replace(here, awaiting_slot=name, asks=asks)
        if rule.do != Do.ASK or need is None:
            return Step(state, rule, rule.do)
        says_back = need.is_unconfirmed(here.slots) and Kind.INVALID_VALUE not in rule.when.kinds
        return Step(state, rule, f"confirm_{need.name}" if says_back else need.action, need)

    def _asked_out(self, here: FlowState, need: SlotRule | None) -> bool:
        name, limit = (need.name, need.max_asks) if need else (CONFIRMATION, _MAX_CONFIRM_ASKS)
        in_vain = here.awaiting_slot == name and not self.progressed and not self.reading.question
        return in_vain and here.asks.get(name, 0) >= limit


def _begins(here: FlowState, reading: Reading, rules: FlowRules) -> bool:
    """Whether the message begins the flow: a trigger word, a picture where one is asked for, or any first message.

    A question that holds a trigger word («comment commander ?») stays a question.
    """
    if here.phase in rules.parts or reading.cancel or reading.handoff:
        return False
    if reading.trigger and not reading.question:
        return True
    if here.phase == Phase.IDLE and rules.begins_with_any_message:
        return True
    takes_pictures = rules.of_kind(SlotKind.IMAGE) or rules.of_kind(SlotKind.PAYMENT_PROOF)
    return bool(reading.images and takes_pictures) and here.phase in (Phase.IDLE, Phase.CANCELLED)


def _kinds(reading: Reading, here: FlowState, rules: FlowRules) -> frozenset[Kind]:
    is_placed = here.phase == Phase.DONE and bool(rules.slots)
    facts = {
        Kind.CANCEL: reading.cancel,
        Kind.HANDOFF: reading.handoff,
        Kind.QUESTION: reading.question,
        Kind.GREETING: reading.greeting,
        Kind.CLOSING: reading.closing,
        Kind.YES: reading.yes,
        Kind.NO: reading.no,
        Kind.INVALID_VALUE: reading.invalid_value,
        Kind.ORDER_CHANGE: is_placed and _changes_order(here, reading, rules),
        Kind.IMAGE: bool(reading.images),
        Kind.TRIGGER: reading.trigger,
        Kind.TOPIC: reading.content_word_count >= (2 if is_placed else 1),
        Kind.FIRST: here.event_count == 1,
    }
    return frozenset(kind for kind, is_so in facts.items() if is_so)


def _changes_order(state: FlowState, reading: Reading, rules: FlowRules) -> bool:
    """Whether a message gives an order that is placed another value: a person sees to that."""
    if reading.question or reading.trigger:
        return False
    place, phone = rules.of_kind(SlotKind.PLACE), rules.of_kind(SlotKind.PHONE)
    given = dict(reading.given)
    if place and reading.zone:
        given[place.name] = reading.zone
    if phone and reading.phone and reading.phone.value:
        given[phone.name] = reading.phone.value
    return any(name in state.slots and state.slots[name].value != value for name, value in given.items())


def _phase_to_resume(before: FlowState, after: FlowState, rules: FlowRules) -> str:
    """The phase of the first slot that was corrected, so that what followed from it is decided anew."""
    order = list(rules.parts)
    changed = [
        name for name, held in after.slots.items() if name in before.slots and before.slots[name].value != held.value
    ]
    return min((before.phase, *map(rules.home, changed)), key=order.index)


def _need(here: FlowState, rules: FlowRules) -> SlotRule | None:
    """The first slot of the phase that applies and has no value, or one that is not agreed to."""
    part = rules.parts.get(here.phase)
    values = _agreed(here, rules)
    named = set(part.slots if part else ())
    return next(
        (slot for slot in rules.slots if slot.name in named and slot.name not in values and slot.applies(values)), None
    )


def _agreed(here: FlowState, rules: FlowRules) -> dict[str, str]:
    pending = {slot.name for slot in rules.slots if slot.is_unconfirmed(here.slots)}
    return {name: held.value for name, held in here.slots.items() if name not in pending}


def _without(here: FlowState, forgotten: tuple[str, ...]) -> FlowState:
    return replace(
        here,
        slots={name: held for name, held in here.slots.items() if name not in forgotten},
        asks={name: count for name, count in here.asks.items() if name not in forgotten},
    )
