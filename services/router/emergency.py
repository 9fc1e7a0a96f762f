"""The text of last resort: what to ask when no engine answers, from the router's memory alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.router.turn import FlowState

FIRST_REQUEST = "Envoyez photo du paquet 📦"
_LATER_FR = "Un instant, nous revenons vers vous très vite."
_LATER_EN = "One moment, we will get back to you very soon."


@dataclass(frozen=True, slots=True)
class EmergencyTexts:
    """A tenant's slots in the order they are asked for, and its texts by slot name, or `default`."""

    slots: Sequence[str]
    texts: Mapping[str, str]
    locale: str = ""


NO_TEXTS = EmergencyTexts((), {"default": FIRST_REQUEST})


def next_missing_slot(slots: Sequence[str], state: FlowState) -> str:
    """Returns the first slot that `state` does not hold; empty when it holds all, or there is none."""
    return next((name for name in slots if name not in state.slots), "")


def emergency_text(tenant: EmergencyTexts, state: FlowState) -> str:
    """Returns what to say: a request for the next missing slot, never for one that the customer gave. Never empty."""
    missing = next_missing_slot(tenant.slots, state)
    if missing and (text := tenant.texts.get(missing)):
        return text
    later = _LATER_EN if tenant.locale.startswith("en") else _LATER_FR
    if tenant.slots and missing != tenant.slots[0]:
        return later
    if text := tenant.texts.get("default"):
        return text
    return FIRST_REQUEST if tenant.slots else later
