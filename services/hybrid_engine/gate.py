"""The outbound gate: which money, numbers to call or pay and addresses a reply may hold, whoever wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from libs.common.facts import extract_facts
from libs.common.linear_pattern import linear_pattern
from libs.common.tenants.bundle import TenantBundle
from libs.common.text_fold import fold, tokens
from services.hybrid_engine.flow.lexicon import PAYMENT_WORDS, word_set
from services.hybrid_engine.flow.phones import national_digits
from services.hybrid_engine.flow.rules import PhoneRule
from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.plain_text import read_aloud

GATE_FACT_FOREIGN = "GATE_FACT_FOREIGN"
GATE_PAYMENT_NUMBER = "GATE_PAYMENT_NUMBER"

# A fact, as far as two texts may agree on it.
_Key = tuple[str, str]

_GATED = frozenset({"money", "phone", "url", "email"})
# Digits of another plan than the tenant's, an account or an IBAN: a number somebody could pay to, whatever its kind.
_LONG_DIGITS = 7
_NOT_DIGITS = linear_pattern(r"\D")
_BETWEEN_GROUPS = linear_pattern(r"^[ .\-/()]{1,2}$")
_PAYING = PAYMENT_WORDS | word_set(
    "payez payons payable regler reglez reglement acompte acomptes verser versez versement virement virer virez argent "
    "envoyez envoyer transferer transferez deposer deposez mobile money mtn wallet pays paying deposit deposits send "
    "sending transfers remit remittance iban rib compte account montant amount"
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may leave: money, phone numbers and addresses of the configuration, the order and the cited passages.

    A number that a text about paying names must be of the configuration or the order: `payable`. So no document and
    no prompt moves a payment to another number. Beside the number of the deposit, `deposit` must stand where any amount
    of the configuration does: a delivery fee is not what is paid there.
    """

    facts: frozenset[_Key]
    payable: frozenset[_Key]
    country: str
    # The deposit's number and its amount; both empty for a tenant that takes none.
    deposit_number: frozenset[_Key] = frozenset()
    deposit: frozenset[_Key] = frozenset()
    # True while a payment is what the order waits for: then every number is one to pay to.
    awaits_payment: bool = False

    @classmethod
    def of(cls, bundle: TenantBundle, state: FlowState, cited: tuple[str, ...] = (), *, about: str = "") -> "Allowed":
        """Returns what a reply of this tenant to the question `about` may say, resting on the texts `cited`."""
        own = _of_configuration(bundle, state)
        payment = bundle.flow.payment if bundle.flow else None
        return cls(
            facts=own.union(*(_gated(text, bundle.country) for text in cited)),
            payable=own,
            country=bundle.country,
            deposit_number=_gated(payment.number, bundle.country) if payment else frozenset(),
            deposit=frozenset({("money", str(payment.amount))}) if payment else frozenset(),
            awaits_payment=_awaits_payment(bundle, state) or _speaks_of_paying(about),
        )

    def refusal(self, text: str) -> str:
        """Returns the reason why `text` may not leave, or an empty string when it may."""
        found = _gated(text, self.country)
        if not found <= self.facts:
            return GATE_FACT_FOREIGN
        numbers = {fact for fact in found if fact[0] == "phone"}
        if not numbers <= self.payable and (self.awaits_payment or _speaks_of_paying(text)):
            return GATE_PAYMENT_NUMBER
        money = {fact for fact in found if fact[0] == "money"}
        if self.deposit_number & found and money and money <= self.payable and not money & self.deposit:
            return GATE_FACT_FOREIGN
        return ""

    def lets_pass(self, text: str) -> bool:
        """Whether `text` may leave."""
        return not self.refusal(text)


def _of_configuration(bundle: TenantBundle, state: FlowState) -> frozenset[_Key]:
    held = [held.value for held in state.slots.values()]
    texts = [*bundle.templates.values(), *bundle.emergency.values(), bundle.knowledge.not_found, state.order_id, *held]
    texts += [text for translated in bundle.translations.values() for text in translated.values()]
    texts += [reply for replies in bundle.replies.values() for reply in replies]
    facts = set[_Key]().union(*(_gated(text, bundle.country) for text in texts))
    flow = bundle.flow
    if flow:
        deposit = flow.payment.amount if flow.payment else 0
        amounts = {deposit, *(zone.fee for zone in flow.zones), *(zone.fee + deposit for zone in flow.zones)}
        facts |= {("money", str(amount)) for amount in amounts}
        prefix = PhoneRule(country_prefix=flow.phone.country_prefix) if flow.phone else PhoneRule()
        numbers = [flow.payment.number, *held] if flow.payment else held
        facts |= {("phone", national_digits(number, prefix)) for number in numbers}
        facts |= {fact for number in numbers for fact in _gated(number, bundle.country)}
    return frozenset(facts)


def _awaits_payment(bundle: TenantBundle, state: FlowState) -> bool:
    slots = bundle.flow.slots if bundle.flow else ()
    return any(slot.name == state.awaiting_slot and slot.kind == "payment_proof" for slot in slots)


def _speaks_of_paying(text: str) -> bool:
    return any(token in _PAYING for token in tokens(text))


@lru_cache(maxsize=8192)
def _gated(text: str, country: str) -> frozenset[_Key]:
    """The facts of `text` that may not leave unasked, as written and as a reader would take them."""
    plain = read_aloud(text)
    return (
        frozenset(_keys(text, country))
        if plain == fold(text)
        else frozenset({*_keys(text, country), *_keys(plain, country)})
    )


def _keys(text: str, country: str) -> Iterable[_Key]:
    digits, end = "", 0
    for fact in extract_facts(text, country=country):
        if fact.kind in ("url", "email"):
            yield fact.kind, fact.value.lower()
        elif fact.kind in _GATED:
            yield fact.kind, fact.value
        elif fact.kind in ("number", "reference", "quantity"):
            # Digits in groups that no plan knows are one number to a reader.
            joined = digits if fact.kind == "number" and not _BETWEEN_GROUPS.sub("", text[end : fact.start]) else ""
            digits, end = joined + _NOT_DIGITS.sub("", text[fact.start : fact.end]), fact.end
            if len(digits) >= _LONG_DIGITS:
                yield "phone", digits
