"""What a tenant's flow asks for, in the form that the fold reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from libs.common.facts import Places
from libs.common.linear_pattern import Pattern
from services.hybrid_engine.flow.state import Phase, SlotValue
from services.hybrid_engine.flow.table import Rule


class SlotKind(StrEnum):
    """How a slot is read out of a message."""

    IMAGE = "image"
    PAYMENT_PROOF = "payment_proof"
    PLACE = "place"
    PHONE = "phone"
    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Validator:
    """What a value must be: bounds of a number, characters of a text, an expression that all of it matches."""

    minimum: float | None = None
    maximum: float | None = None
    min_length: int = 0
    max_length: int | None = None
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class SlotRule:
    """One slot: its name, how it is read, the action that asks for it, and after how many asks a person takes over.

    `only_when_asked` keeps it from being read out of anything but the answer to its question.
    `options` maps each value of a choice to all the ways of saying it; `pattern` finds a value of kind `pattern`. A
    slot with `when` is asked for only if each slot named there has one of the values.
    """

    name: str
    kind: SlotKind
    action: str
    max_asks: int = 3
    confirm: bool = False
    only_when_asked: bool = False
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    pattern: Pattern | None = None
    validator: Validator | None = None

    def applies(self, values: Mapping[str, str]) -> bool:
        """Whether the slot is asked for at all, given the `values` of the others."""
        return all(values.get(name) in wanted for name, wanted in self.when.items())

    def is_unconfirmed(self, slots: Mapping[str, SlotValue]) -> bool:
        """Whether the slot holds a value that the customer has yet to agree to."""
        return self.confirm and self.name in slots and slots[self.name].needs_review


@dataclass(frozen=True, slots=True)
class PhaseRule:
    """A part of a flow: its slots, its own rules, and what follows once its slots are filled."""

    name: str
    slots: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    action: str = ""
    goto: str = ""


@dataclass(frozen=True, slots=True)
class PhoneRule:
    """What counts as a phone number: `digits` national digits once `country_prefix` (such as `225`) is stripped.

    With `at_least`, more digits than `digits` are good too.
    """

    digits: int = 10
    country_prefix: str = ""
    at_least: bool = False


@dataclass(frozen=True)
class FlowRules:
    """A tenant's flow. Without slots there is none, and every message is a question.

    `zones` maps a zone's official name to its other spellings; `pay_number` is the tenant's own number, which a
    customer may quote without meaning theirs. `own_rules` come after those of the phase and before the default ones.
    """

    flow_id: str = ""
    slots: tuple[SlotRule, ...] = ()
    trigger_words: tuple[str, ...] = ()
    begins_with_any_message: bool = False
    cancel_words: tuple[str, ...] = ("annule", "annuler", "annulez", "cancel")
    handoff_words: tuple[str, ...] = ()
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    phone: PhoneRule = PhoneRule()
    pay_number: str = ""
    order_namespace: str = ""
    phases: tuple[PhaseRule, ...] = ()
    own_rules: tuple[Rule, ...] = ()

    # The gazetteer of `zones`, where one is made already.
    gazetteer: Places | None = field(default=None, compare=False)

    @cached_property
    def places(self) -> Places:
        """The gazetteer of `zones`."""
        return self.gazetteer or Places(self.zones)

    @cached_property
    def parts(self) -> Mapping[str, PhaseRule]:
        """The phases in which something is asked for, by name, in order; the recap is the last of them."""
        every = tuple(slot.name for slot in self.slots)
        declared = self.phases or (PhaseRule(Phase.COLLECTING, every, goto=Phase.CONFIRMING),)
        return {phase.name: phase for phase in (*declared, PhaseRule(Phase.CONFIRMING, every))}

    @property
    def first_phase(self) -> str:
        """The phase in which the flow begins."""
        return next(iter(self.parts))

    def home(self, slot: str) -> str:
        """The phase that asks for a slot."""
        return next(name for name, phase in self.parts.items() if slot in phase.slots)

    def first_missing(self, filled: Mapping[str, str]) -> SlotRule | None:
        """The first slot, in declared order, that applies and that `filled` lacks."""
        return next((slot for slot in self.slots if slot.name not in filled and slot.applies(filled)), None)

    def slot(self, name: str) -> SlotRule | None:
        """The slot of that name."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def of_kind(self, kind: SlotKind) -> SlotRule | None:
        """The first slot of that kind."""
        return next((slot for slot in self.slots if slot.kind is kind), None)

    def index(self, name: str) -> int:
        """The place of a slot, from 1; 0 for none of them."""
        return next((at for at, slot in enumerate(self.slots, start=1) if slot.name == name), 0)
