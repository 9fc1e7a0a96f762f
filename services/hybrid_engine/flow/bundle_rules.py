"""A tenant's bundle, read as the rules of its flow."""

from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.flow.rules import FlowRules, PhoneRule, SlotKind, SlotRule


def rules_of(bundle: TenantBundle) -> FlowRules:
    """Returns the rules of the bundle's flow; rules without slots when it has none."""
    flow = bundle.flow
    if flow is None:
        return FlowRules(order_namespace=bundle.id)
    phone = PhoneRule(flow.phone.digits, flow.phone.country_prefix) if flow.phone else PhoneRule()
    return FlowRules(
        flow_id=flow.id,
        slots=tuple(SlotRule(slot.name, SlotKind(slot.kind), slot.action, slot.max_asks) for slot in flow.slots),
        trigger_words=flow.trigger_words,
        cancel_words=flow.cancel_words,
        handoff_words=flow.handoff_words,
        zones={zone.name: zone.aliases for zone in flow.zones},
        phone=phone,
        pay_number=flow.payment.number if flow.payment else "",
        order_namespace=bundle.id,
        gazetteer=bundle.places(),
    )
