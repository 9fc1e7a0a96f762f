"""The text of last resort: what to ask when no engine answers, from the router's memory alone."""

from libs.common.tenants.bundle import TenantBundle
from services.router.turn import FlowState

FIRST_REQUEST = "Envoyez photo du paquet 📦"
_LATER_FR = "Un instant, nous revenons vers vous très vite."
_LATER_EN = "One moment, we will get back to you very soon."


def next_missing_slot(bundle: TenantBundle, state: FlowState) -> str:
    """Returns the first slot of the flow that `state` does not hold; empty when it holds all, or there is no flow."""
    slots = bundle.flow.slots if bundle.flow else ()
    return next((slot.name for slot in slots if slot.name not in state.slots), "")


def emergency_text(bundle: TenantBundle | None, state: FlowState) -> str:
    """Returns what to say: a request for the next missing slot, never for one that the customer gave. Never empty.

    Without a bundle, as when the tenant was never loaded, it is the first request of the order bot.
    """
    if bundle is None:
        return FIRST_REQUEST
    missing = next_missing_slot(bundle, state)
    if missing or bundle.flow is None:
        return bundle.emergency_text(missing).strip() or FIRST_REQUEST
    # Everything is given, and the default would ask for the first of it again.
    return _LATER_EN if bundle.locale.startswith("en") else _LATER_FR
