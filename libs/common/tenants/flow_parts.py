"""The flow of a bundle: what an order, or a support case, asks for and in which order."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from libs.common.tenants.part import Identifier, Part, Word
from libs.common.tenants.rule_parts import BUILT_IN_ACTIONS, FlowPhase, FlowRule, Names

SlotKind = Literal["image", "payment_proof", "place", "phone", "text", "choice", "number", "pattern"]
Expression = Annotated[str, Field(min_length=1, max_length=300)]


class Option(Part):
    """One of the values that a slot of kind `choice` may have."""

    name: Identifier
    # Other ways in which customers say it; case, accents and hyphens do not matter.
    aliases: Annotated[tuple[Word, ...], Field(max_length=50)] = ()


class Validator(Part):
    """What a value must be to be taken. Which keys a slot may use depends on its kind."""

    # Of kind `number`.
    min: Annotated[float | None, Field(ge=-1e12, le=1e12)] = None
    max: Annotated[float | None, Field(ge=-1e12, le=1e12)] = None
    # Of kinds `text`, `pattern` and `phone`, in RE2's syntax: the whole value must match.
    pattern: Expression | None = None
    # Characters, of kinds `text` and `pattern`.
    min_length: Annotated[int | None, Field(ge=1, le=500)] = None
    max_length: Annotated[int | None, Field(ge=1, le=500)] = None


class Slot(Part):
    """One thing that a flow needs to know."""

    name: Identifier
    kind: SlotKind
    # The action that asks for it; its template has the same name.
    action: Identifier
    # After so many asks a person takes over.
    max_asks: Annotated[int, Field(ge=1, le=10)] = 3
    # Whether the value is said back (`confirm_SLOT`) and has to be agreed to before the flow goes on.
    confirm: bool = False
    # Whether a value is taken only from the answer to this slot's own question; a yes or a no always is.
    only_when_asked: bool = False
    # Asked only if each of these earlier slots has one of these values.
    when: dict[Identifier, Names] = Field(default_factory=dict)
    # Of kind `choice`.
    options: Annotated[tuple[Option, ...], Field(max_length=30)] = ()
    # Of kind `pattern`, in RE2's syntax: its first group is the value, or all that it matches.
    pattern: Expression | None = None
    validator: Validator | None = None

    def applies(self, values: Mapping[str, str]) -> bool:
        """Whether the slot is asked for at all, given the `values` of the others."""
        return all(values.get(name) in wanted for name, wanted in self.when.items())


class Payment(Part):
    """The deposit: how much, and to whom."""

    # Whole units of the currency.
    amount: Annotated[int, Field(gt=0, le=1_000_000_000)]
    currency_label: Annotated[str, Field(min_length=1, max_length=8)] = "F"
    # As it is shown to customers.
    number: Annotated[str, Field(min_length=6, max_length=32)]


class Zone(Part):
    """A place that is delivered to."""

    name: Word
    # Whole units of the payment's currency.
    fee: Annotated[int, Field(ge=0, le=1_000_000_000)]
    aliases: Annotated[tuple[Word, ...], Field(max_length=50)] = ()


class Phone(Part):
    """What a customer's phone number looks like."""

    digits: Annotated[int, Field(ge=6, le=15)] = 10
    # More digits than `digits` are good too.
    at_least: bool = False
    # Without `+`.
    country_prefix: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}$")]


class Flow(Part):
    """A conversation with an aim, slot by slot."""

    id: Identifier
    # Any of them in a message begins the flow.
    trigger_words: Annotated[tuple[Word, ...], Field(min_length=1, max_length=50)]
    # What begins the first flow of a conversation: a trigger word (or a picture), or whatever is said first.
    begins_with: Literal["trigger", "message"] = "trigger"
    cancel_words: Annotated[tuple[Word, ...], Field(max_length=50)] = ("annuler", "annule", "cancel")
    handoff_words: Annotated[tuple[Word, ...], Field(max_length=50)] = ("conseiller", "un humain", "parler à quelqu'un")
    slots: Annotated[tuple[Slot, ...], Field(min_length=1, max_length=12)]
    # Parts of the flow, in order; without them there is one that asks for every slot, and then the recap.
    phases: Annotated[tuple[FlowPhase, ...], Field(max_length=12)] = ()
    # Tried before the default rules, after those of the phase; the first that holds decides.
    rules: Annotated[tuple[FlowRule, ...], Field(max_length=60)] = ()
    payment: Payment | None = None
    zones: Annotated[tuple[Zone, ...], Field(max_length=500)] = ()
    phone: Phone | None = None

    def next_missing(self, values: Mapping[str, str]) -> str:
        """Returns the first slot that applies and that `values` lacks; empty when there is none."""
        return next((slot.name for slot in self.slots if slot.name not in values and slot.applies(values)), "")

    def says_back(self) -> tuple[str, ...]:
        """Returns the actions that say a slot's value back: `confirm_` and its name."""
        return tuple(f"confirm_{slot.name}" for slot in self.slots if slot.confirm)

    def own_actions(self) -> tuple[str, ...]:
        """Returns the actions of rules and phases that are the flow's own, each once."""
        done = (*(rule.do for rule in self.all_rules()), *(phase.do for phase in self.phases if phase.do))
        return tuple(dict.fromkeys(action for action in done if action not in BUILT_IN_ACTIONS))

    def all_rules(self) -> tuple[FlowRule, ...]:
        """Returns the rules of all phases, then those of the flow."""
        return (*(rule for phase in self.phases for rule in phase.rules), *self.rules)
