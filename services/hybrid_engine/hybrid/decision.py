"""What to do next: a table of rules over the state, the first that holds decides. No model is asked."""

from dataclasses import dataclass

from services.hybrid_engine.flow.reading import Reading
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule
from services.hybrid_engine.flow.state import CONFIRMATION, FlowState, Phase


@dataclass(frozen=True, slots=True)
class Decision:
    """The action, and the rule that chose it.

    `slot` is the slot asked for, empty when none is; `index` its place from 1 and `count` the slots of the flow.
    `follow_up` is the action that a digression comes back to. `correction` names what was wrong with the value just
    given: `zone_unknown` or `phone_invalid`.
    """

    action: str
    rule: str
    slot: str = ""
    index: int = 0
    count: int = 0
    follow_up: str = ""
    correction: str = ""
    suggestions: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """`(2/4)` with a space before it, or nothing when no slot is asked for."""
        return f" ({self.index}/{self.count})" if self.index else ""


def decide(before: FlowState, after: FlowState, reading: Reading, rules: FlowRules) -> Decision:
    """Returns what to do about a message that led from `before` to `after`. Pure; well under a millisecond."""
    count = len(rules.slots)
    if reading.cancel and after.phase is Phase.CANCELLED:
        return Decision("cancel", "cancel_words", count=count)
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
    if after.phase in (Phase.COLLECTING, Phase.CONFIRMING):
        return _ask(asking, before, reading, rules)
    if after.phase is Phase.DONE and not _wants_knowledge(reading, rules):
        return Decision("done", "already_done", count=count)
    if _wants_knowledge(reading, rules):
        return Decision("answer_question", "question", count=count)
    return Decision("greet", "greeting" if reading.greeting else "nothing_asked", count=count)


def _wants_knowledge(reading: Reading, rules: FlowRules) -> bool:
    """Two words that carry meaning are a question; one is, where there is no order to begin with it."""
    return reading.content_word_count >= (2 if rules.slots else 1)


def _digress(after: FlowState, asking: SlotRule | None, rules: FlowRules) -> Decision:
    count = len(rules.slots)
    if asking is not None:
        at = rules.index(asking.name)
        return Decision("answer_question", "digression", asking.name, at, count, follow_up=asking.action)
    if after.awaiting_slot == CONFIRMATION:
        return Decision("answer_question", "digression", count=count, follow_up="confirm")
    return Decision("answer_question", "question", count=count)


def _ask(asking: SlotRule | None, before: FlowState, reading: Reading, rules: FlowRules) -> Decision:
    count = len(rules.slots)
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
