"""The flow of a bundle: what an order, or a support case, asks for and in which order."""

from typing import Annotated, Literal

from pydantic import Field

from libs.common.tenants.part import Identifier, Part, Word

SlotKind = Literal["image", "payment_proof", "place", "phone", "text"]


class Slot(Part):
    """One thing that an order needs."""

    name: Identifier
    kind: SlotKind
    # The action that asks for it; its template has the same name.
    action: Identifier
    # After so many asks a person takes over.
    max_asks: Annotated[int, Field(ge=1, le=10)] = 3


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
    # Without `+`.
    country_prefix: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}$")]


class Flow(Part):
    """An order, slot by slot."""

    id: Identifier
    # Any of them in a message begins the flow.
    trigger_words: Annotated[tuple[Word, ...], Field(min_length=1, max_length=50)]
    cancel_words: Annotated[tuple[Word, ...], Field(max_length=50)] = ("annuler", "annule", "cancel")
    handoff_words: Annotated[tuple[Word, ...], Field(max_length=50)] = ("conseiller", "un humain", "parler à quelqu'un")
    slots: Annotated[tuple[Slot, ...], Field(min_length=1, max_length=12)]
    payment: Payment | None = None
    zones: Annotated[tuple[Zone, ...], Field(max_length=500)] = ()
    phone: Phone | None = None
