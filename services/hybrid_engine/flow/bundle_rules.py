"""A tenant's bundle, read as the rules of its flow."""

from libs.common.linear_pattern import Pattern, linear_pattern
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.flow_parts import Flow, Slot
from libs.common.tenants.rule_parts import FlowPhase, FlowRule
from services.hybrid_engine.flow.rules import FlowRules, PhaseRule, PhoneRule, SlotKind, SlotRule, Validator
from services.hybrid_engine.flow.state import Phase
from services.hybrid_engine.flow.table import Kind, Rule, When

# A rule decides such a message only if it names its kind: nobody who asks for a person is overheard.
_ONLY_IF_NAMED = frozenset({Kind.CANCEL, Kind.HANDOFF, Kind.QUESTION})


def rules_of(bundle: TenantBundle) -> FlowRules:
    """Returns the rules of the bundle's flow; rules without slots when it has none."""
    flow = bundle.flow
    if flow is None:
        return FlowRules(order_namespace=bundle.id)
    phone = flow.phone
    return FlowRules(
        flow_id=flow.id,
        slots=tuple(map(_slot, flow.slots)),
        trigger_words=flow.trigger_words,
        begins_with_any_message=flow.begins_with == "message",
        cancel_words=flow.cancel_words,
        handoff_words=flow.handoff_words,
        zones={zone.name: zone.aliases for zone in flow.zones},
        phone=PhoneRule(phone.digits, phone.country_prefix, phone.at_least) if phone else PhoneRule(),
        pay_number=flow.payment.number if flow.payment else "",
        order_namespace=bundle.id,
        phases=_phases(flow),
        own_rules=tuple(map(_rule, flow.rules)),
        gazetteer=bundle.places(),
    )


def _slot(slot: Slot) -> SlotRule:
    found = slot.validator
    validator = found and Validator(
        found.min, found.max, found.min_length or 0, found.max_length, _compiled(found.pattern)
    )
    return SlotRule(
        slot.name,
        SlotKind(slot.kind),
        slot.action,
        slot.max_asks,
        slot.confirm,
        slot.only_when_asked,
        slot.when,
        {option.name: (option.name.replace("_", " "), *option.aliases) for option in slot.options},
        _compiled(slot.pattern),
        validator,
    )


def _compiled(source: str | None) -> Pattern | None:
    return linear_pattern(source) if source else None


def _phases(flow: Flow) -> tuple[PhaseRule, ...]:
    """The declared phases; one that does not say what follows it is followed by the next, and the last by the recap."""
    following = [*(phase.name for phase in flow.phases[1:]), Phase.CONFIRMING]
    return tuple(map(_phase, flow.phases, following))


def _phase(phase: FlowPhase, following: str) -> PhaseRule:
    rules = tuple(map(_rule, phase.rules))
    return PhaseRule(phase.name, phase.slots, rules, phase.do or "", phase.goto or following)


def _rule(rule: FlowRule) -> Rule:
    when = rule.when
    kinds = frozenset(map(Kind, when.message or ()))
    unnamed = frozenset[Kind]() if kinds & _ONLY_IF_NAMED else _ONLY_IF_NAMED
    return Rule(
        rule.name,
        When(
            frozenset(when.phase or ()),
            kinds,
            frozenset(map(Kind, when.not_message or ())) | unnamed,
            frozenset(when.filled or ()),
            frozenset(when.missing or ()),
            when.equals,
            when.complete,
            when.asked_out,
        ),
        rule.do,
        rule.goto or "",
        forget=rule.forget,
    )
