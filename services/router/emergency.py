"""The text of last resort: what to ask when no engine answers, from the router's memory alone."""

from libs.common.tenants.bundle import TenantBundle
from services.router.turn import FlowState

FIRST_REQUEST = "Envoyez photo du paquet 📦"
_HANDED_OFF = "handed_off"
_LATER_FR = "Un instant, nous revenons vers vous très vite."
_LATER_EN = "One moment, we will get back to you very soon."


def next_missing_slot(bundle: TenantBundle, state: FlowState) -> str:
    """Returns the first slot that this customer still has to give; empty when there is none, or no flow."""
    if bundle.flow is None:
        return ""
    return bundle.flow.next_missing({name: slot.value for name, slot in state.slots.items()})


def emergency_text(bundle: TenantBundle | None, state: FlowState) -> str:
    """Returns what to say: a request for the next missing slot, never for one that the customer gave. Never empty.

    Without a bundle, as when the tenant was never loaded, it is the first request of the order bot. Nothing is asked
    for while a person has the conversation.
    """
    if bundle is None:
        return FIRST_REQUEST
    missing = "" if state.phase == _HANDED_OFF else next_missing_slot(bundle, state)
    if missing or bundle.flow is None:
        return bundle.emergency_text(missing).strip() or FIRST_REQUEST
    # Nothing is left to ask for, and the default would ask for the first of it again.
    return _LATER_EN if bundle.locale.startswith("en") else _LATER_FR
