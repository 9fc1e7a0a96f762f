"""What a conversation's flow knows: its state, and the events that change it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """The phases that the engine knows by itself: a tenant's flow may have others between the first and the recap."""

    IDLE = "idle"
    COLLECTING = "collecting"
    CONFIRMING = "confirming"
    DONE = "done"
    CANCELLED = "cancelled"
    HANDED_OFF = "handed_off"


# Outside of the flow: before its beginning, and after its end.
ENDS = (Phase.IDLE, Phase.DONE, Phase.CANCELLED, Phase.HANDED_OFF)
# What `awaiting_slot` holds while the recap waits for a yes: not a slot, but the next message is its answer.
CONFIRMATION = "confirm"


@dataclass(frozen=True, slots=True)
class SlotValue:
    """What one slot holds, which turn filled it, and whether it needs a look: the customer's own, or a person's."""

    value: str
    turn_id: str = ""
    needs_review: bool = False


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a conversation stands. Only `services.hybrid_engine.flow.fold` makes a new one from an old one."""

    flow_id: str = ""
    # One of `Phase`, or of the flow's own.
    phase: str = Phase.IDLE
    slots: Mapping[str, SlotValue] = field(default_factory=dict[str, SlotValue])
    asks: Mapping[str, int] = field(default_factory=dict[str, int])
    awaiting_slot: str = ""
    event_count: int = 0
    proof_digests: tuple[str, ...] = ()
    order_id: str = ""

    def holds(self, slot: str) -> bool:
        """Whether `slot` has a value."""
        return slot in self.slots


@dataclass(frozen=True, slots=True)
class Attached:
    """One attachment; `kind` is `image`, `audio`, `document` or `location`, `digest` a SHA-256 or empty."""

    kind: str
    uri: str = ""
    digest: str = ""
    caption: str = ""

    @property
    def reference(self) -> str:
        """What a slot keeps of it: the digest, else the address, else the kind."""
        return self.digest or self.uri or self.kind


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the customer."""

    turn_id: str
    conversation_id: str
    text: str = ""
    attachments: tuple[Attached, ...] = ()
