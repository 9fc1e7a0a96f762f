"""What to do next: a table of rules over the state, the first that holds decides. No model is asked."""

from dataclasses import dataclass, replace

from services.hybrid_engine.flow.lexicon import PAYMENT_WORDS
from services.hybrid_engine.flow.reading import Reading
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule
from services.hybrid_engine.flow.state import CONFIRMATION, FlowState, Phase

_OPEN = (Phase.COLLECTING, Phase.CONFIRMING)


@dataclass(frozen=True, slots=True)
class Decision:
    """The action, and the rule that chose it.

    `slot` is the slot asked for, empty when none is; `index` its place from 1 and `count` the slots of the flow.
    `follow_up` is the action that a digression comes back to. `correction` names a text that is said in place of the
    action's: what was wrong with the value just given (`zone_unknown`, `phone_invalid`), or what else the moment asks
    for. `notice` names a sentence that is said before it: what a picture was taken for.
    """

    action: str
    rule: str
    slot: str = ""
    index: int = 0
    count: int = 0
    follow_up: str = ""
    correction: str = ""
    suggestions: tuple[str, ...] = ()
    notice: str = ""

    @property
    def place(self) -> str:
        """`(2/4)` with a space before it, or nothing when no slot is asked for."""
        return f" ({self.index}/{self.count})" if self.index else ""


def decide(before: FlowState, after: FlowState, reading: Reading, rules: FlowRules) -> Decision:
    """Returns what to do about a message that led from `before` to `after`. Pure; well under a millisecond."""
    return replace(_decide(before, after, reading, rules), notice=_notice(before, after, reading, rules))


def _decide(before: FlowState, after: FlowState, reading: Reading, rules: FlowRules) -> Decision:
    count = len(rules.slots)
    if reading.cancel and after.phase is Phase.CANCELLED:
        rule = "cancel_words" if before.phase in _OPEN else "nothing_to_cancel"
        return Decision("cancel", rule, count=count, correction="" if before.phase in _OPEN else rule)
    if reading.handoff:
        return Decision("handoff", "handoff_words", count=count)
    if after.phase is Phase.HANDED_OFF:
        rule = "too_many_asks" if before.phase is not Phase.HANDED_OFF and not reading.cancel else "handed_off"
        return Decision("handoff", rule, count=count)
    if after.phase is Phase.DONE and before.phase is not Phase.DONE:
        return Decision("done", "confirmed", count=count)
    asking = rules.slot(after.awaiting_slot)
    if reading.question:
        return _digress(after, asking, rules)
    if after.phase in _OPEN:
        return _ask(asking, before, after, reading, rules)
    if reading.closing or (reading.no and not reading.content_word_count and after.phase is not Phase.DONE):
        return Decision("greet", "closing", count=count, correction="closing")
    if after.phase is Phase.DONE and not _wants_knowledge(reading, rules):
        return Decision("done", "already_done", count=count, correction="already_done")
    if reading.content_word_count and not reading.greeting:
        return Decision("answer_question", "question", count=count)
    return _small_talk(before, reading, count)


def _small_talk(before: FlowState, reading: Reading, count: int) -> Decision:
    """A greeting is returned, and so is a first sign of life; afterwards nobody is greeted for saying «ok»."""
    if reading.greeting:
        return Decision("greet", "greeting", count=count)
    if before.event_count == 0:
        return Decision("greet", "nothing_asked", count=count)
    return Decision("greet", "anything_else", count=count, correction="anything_else")


def _notice(before: FlowState, after: FlowState, reading: Reading, rules: FlowRules) -> str:
    """Returns what a customer should know of the picture that this message gave as a proof of payment."""
    slot = rules.of_kind(SlotKind.PAYMENT_PROOF)
    if slot is None or slot.name not in after.slots or after.phase not in _OPEN:
        return ""
    now, earlier = after.slots[slot.name], before.slots.get(slot.name)
    if now == earlier:
        return ""
    if now.needs_review:
        return "proof_reused"
    return "proof_assumed" if len(reading.images) > 1 and not reading.caption_words & PAYMENT_WORDS else ""


def _wants_knowledge(reading: Reading, rules: FlowRules) -> bool:
    """After an order two words that carry meaning are a question; one is, where there are no orders."""
    return reading.content_word_count >= (2 if rules.slots else 1)


def _digress(after: FlowState, asking: SlotRule | None, rules: FlowRules) -> Decision:
    count = len(rules.slots)
    if asking is not None:
        at = rules.index(asking.name)
        return Decision("answer_question", "digression", asking.name, at, count, follow_up=asking.action)
    if after.awaiting_slot == CONFIRMATION:
        return Decision("answer_question", "digression", count=count, follow_up="confirm")
    return Decision("answer_question", "question", count=count)


def _ask(asking: SlotRule | None, before: FlowState, after: FlowState, reading: Reading, rules: FlowRules) -> Decision:
    count = len(rules.slots)
    if asking is None and before.phase is Phase.CONFIRMING and reading.no and before.slots == after.slots:
        return Decision("confirm", "refused", count=count, correction="refused")
    if asking is None:
        return Decision("confirm", "all_slots_filled", count=count)
    at = rules.index(asking.name)
    if asking.kind is SlotKind.PLACE and reading.unknown_zone:
        return Decision(
            asking.action,
            "invalid_value",
            asking.name,
            at,
            count,
            correction="zone_unknown",
            suggestions=reading.suggestions,
        )
    if (
        asking.kind is SlotKind.PHONE
        and before.awaiting_slot == asking.name
        and reading.phone
        and not reading.phone.value
    ):
        return Decision(asking.action, "invalid_value", asking.name, at, count, correction="phone_invalid")
    return Decision(asking.action, "first_missing_slot", asking.name, at, count)
