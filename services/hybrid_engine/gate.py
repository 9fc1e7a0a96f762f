"""The outbound gate: which money and phone numbers a reply may hold, whoever wrote it."""

from dataclasses import dataclass

from libs.common.facts import extract_facts
from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.flow.phones import national_digits
from services.hybrid_engine.flow.rules import PhoneRule
from services.hybrid_engine.flow.state import FlowState

GATE_FACT_FOREIGN = "GATE_FACT_FOREIGN"
_GATED = frozenset({"money", "phone"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """Money and phone numbers that may leave: those of the configuration, the order and the cited passages."""

    facts: frozenset[tuple[str, str]]
    country: str

    @classmethod
    def of(cls, bundle: TenantBundle, state: FlowState, cited: tuple[str, ...] = ()) -> "Allowed":
        """Returns what a reply of this tenant may say, resting on the texts `cited`."""
        texts = [*bundle.templates.values(), *cited, bundle.knowledge.not_found]
        texts += [reply for replies in bundle.replies.values() for reply in replies]
        facts = {fact for text in texts for fact in _gated(text, bundle.country)}
        flow = bundle.flow
        if flow:
            deposit = flow.payment.amount if flow.payment else 0
            amounts = {deposit, *(zone.fee for zone in flow.zones), *(zone.fee + deposit for zone in flow.zones)}
            facts |= {("money", str(amount)) for amount in amounts}
            prefix = PhoneRule(country_prefix=flow.phone.country_prefix) if flow.phone else PhoneRule()
            numbers = [flow.payment.number] if flow.payment else []
            numbers += [held.value for held in state.slots.values()]
            facts |= {("phone", national_digits(number, prefix)) for number in numbers}
            facts |= {fact for number in numbers for fact in _gated(number, bundle.country)}
        return cls(frozenset(facts), bundle.country)

    def lets_pass(self, text: str) -> bool:
        """Whether every money and phone fact of `text` is one of these."""
        return _gated(text, self.country) <= self.facts


def _gated(text: str, country: str) -> frozenset[tuple[str, str]]:
    return frozenset((fact.kind, fact.value) for fact in extract_facts(text, country=country) if fact.kind in _GATED)
