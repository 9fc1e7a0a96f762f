"""What a step of the flow means for the reply: which text is said, for which slot, and with what else."""

from dataclasses import dataclass

from services.hybrid_engine.flow.lexicon import PAYMENT_WORDS, word_set
from services.hybrid_engine.flow.reading import Reading
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule
from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.flow.step import Step
from services.hybrid_engine.flow.table import Kind

# What a message without a picture says of a payment that was made.
_PAID = word_set("depose envoye paye verse transfere vire regle effectue capture recu sent paid transferred done")
_INVALID = {SlotKind.PLACE: "zone_unknown", SlotKind.PHONE: "phone_invalid"}


@dataclass(frozen=True, slots=True)
class Decision:
    """The action, and the rule that chose it.

    `slot` is the slot asked for, empty when none is; `index` its place from 1 and `count` the slots of the flow.
    `follow_up` is the action that a digression comes back to. `correction` names a text that is said in place of the
    action's: what was wrong with the value just given (`zone_unknown`, `phone_invalid`, `value_invalid`), or what else
    the moment asks for. `notice` names a sentence that is said before it: what a picture was taken for, or that
    one is missing.
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


def decide(before: FlowState, step: Step, reading: Reading, rules: FlowRules) -> Decision:
    """Returns what to say about `step`, taken from `before` by the message read as `reading`. Pure."""
    asked = step.asked
    # A value that is said back is not asked for: its wording is held to the template, not to the slot's words.
    asks = asked is not None and asked.action in (step.action, step.then.action if step.then else "")
    is_invalid = Kind.INVALID_VALUE in step.rule.when.kinds and asked is not None and step.action == asked.action
    return Decision(
        action=str(step.action),
        rule=step.rule.name,
        slot=asked.name if asked and asks else "",
        index=rules.index(asked.name) if asked else 0,
        count=len(rules.slots),
        follow_up=str(step.then.action) if step.then else "",
        correction=_INVALID.get(asked.kind, "value_invalid") if is_invalid and asked else step.rule.say,
        suggestions=reading.suggestions if is_invalid else (),
        notice=_notice(before, step.state, reading, rules),
    )


def _notice(before: FlowState, after: FlowState, reading: Reading, rules: FlowRules) -> str:
    """Returns what a customer should know of the picture that this message gave as a proof of payment, or did not."""
    slot: SlotRule | None = rules.of_kind(SlotKind.PAYMENT_PROOF)
    if slot is None or after.phase not in rules.parts:
        return ""
    if slot.name not in after.slots:
        # Who says to have paid is not simply asked to pay once more.
        told = before.awaiting_slot == after.awaiting_slot == slot.name and bool(reading.caption_words & _PAID)
        return "proof_missing" if told else ""
    now, earlier = after.slots[slot.name], before.slots.get(slot.name)
    if now == earlier:
        return ""
    if now.needs_review:
        return "proof_reused"
    return "proof_assumed" if len(reading.images) > 1 and not reading.caption_words & PAYMENT_WORDS else ""
