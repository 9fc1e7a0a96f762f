"""What a tenant's flow asks for, in the form that the fold reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from libs.common.facts import Places


class SlotKind(StrEnum):
    """How a slot is read out of a message."""

    IMAGE = "image"
    PAYMENT_PROOF = "payment_proof"
    PLACE = "place"
    PHONE = "phone"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class SlotRule:
    """One slot: its name, how it is read, the action that asks for it, and after how many asks a person takes over."""

    name: str
    kind: SlotKind
    action: str
    max_asks: int = 3


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
    customer may quote without meaning theirs.
    """

    flow_id: str = ""
    slots: tuple[SlotRule, ...] = ()
    trigger_words: tuple[str, ...] = ()
    cancel_words: tuple[str, ...] = ("annule", "annuler", "annulez", "cancel")
    handoff_words: tuple[str, ...] = ()
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    phone: PhoneRule = PhoneRule()
    pay_number: str = ""
    order_namespace: str = ""

    # The gazetteer of `zones`, where one is made already.
    gazetteer: Places | None = field(default=None, compare=False)

    @cached_property
    def places(self) -> Places:
        """The gazetteer of `zones`."""
        return self.gazetteer or Places(self.zones)

    def first_missing(self, filled: Mapping[str, object]) -> SlotRule | None:
        """The first slot, in declared order, that `filled` lacks."""
        return next((slot for slot in self.slots if slot.name not in filled), None)

    def slot(self, name: str) -> SlotRule | None:
        """The slot of that name."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def of_kind(self, kind: SlotKind) -> SlotRule | None:
        """The first slot of that kind."""
        return next((slot for slot in self.slots if slot.kind is kind), None)

    def index(self, name: str) -> int:
        """The place of a slot, from 1; 0 for none of them."""
        return next((at for at, slot in enumerate(self.slots, start=1) if slot.name == name), 0)
