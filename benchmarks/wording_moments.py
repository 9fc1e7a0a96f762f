"""Moments of an order at which a model words what was decided, with what its words are held against."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.flow.state import Attached, Event, FlowState
from services.hybrid_engine.gate import Allowed
from services.hybrid_engine.hybrid.checks import Expectation, first_failure
from services.hybrid_engine.hybrid.deciding import decide_turn
from services.hybrid_engine.hybrid.wording import Words
from services.hybrid_engine.turn import Turn

_ROOT = Path(__file__).parent
_PAID = ("order", "image-a", "image-b")
# What leads to each moment, message by message.
_WAYS: Mapping[str, tuple[str, ...]] = {
    "ask_photo": ("order",),
    "ask_payment": _PAID[:2],
    "ask_zone": _PAID,
    "ask_phone": (*_PAID, "Cocody"),
    "done": (*_PAID, "Cocody", "0707070707", "oui"),
    "cancel": (*_PAID, "annule"),
    "handoff": (*_PAID, "je veux parler à un conseiller"),
}
# The English templates of a shop that has both languages.
_ENGLISH = {
    "ask_photo": "Please send a photo of the parcel to deliver.",
    "ask_payment": "Send {amount}F to {pay_number}, then the screenshot.",
    "ask_zone": "Which area should we deliver to?",
    "ask_phone": "At which number can the driver reach you?",
}


@dataclass(frozen=True)
class Moment:
    """One decision: its template, what a wording must keep to, and what may leave at all."""

    name: str
    language: str
    template: str
    expected: Expectation
    allowed: Allowed
    order_id: str

    def verdict(self, text: str) -> str:
        """Returns why `text` may not go out, by the checks and then by the gate; empty when it may."""
        return first_failure(text, self.expected) or self.allowed.refusal(text)


@cache
def shop() -> TenantBundle:
    """The order bot of the examples, in two languages."""
    text = (_ROOT.parent / "examples" / "tenants" / "rue-du-gros" / "tenant.yaml").read_text(encoding="utf-8")
    return parse_bundle(text).model_copy(update={"languages": ("fr", "en"), "translations": {"en": _ENGLISH}})


@cache
def moments() -> Mapping[str, Moment]:
    """Every moment, by name; English ones begin with `en:`."""
    french = {name: _moment(name, way, "fr") for name, way in _WAYS.items()}
    return french | {f"en:{name}": _moment(name, _WAYS[name], "en") for name in _ENGLISH}


def _moment(name: str, way: tuple[str, ...], language: str) -> Moment:
    bundle, rules, state = shop(), rules_of(shop()), FlowState()
    decided = None
    for at, said in enumerate(way):
        image = (Attached("image", digest=said[-1] * 64),) if said.startswith("image") else ()
        text = "" if image else "je veux commander" if said == "order" else said
        decided = decide_turn(Turn(Event(f"t{at}", "c", text, image), state), rules)
        state = decided.state
    if decided is None or decided.decision.action != name:
        raise RuntimeError(f"the way to {name!r} leads elsewhere")
    speech = Words(bundle, rules, state, language)
    template = speech.template(decided.decision)
    expected = speech.expectation(decided.decision, template)
    return Moment(name, language, template, expected, speech.allowed(), state.order_id)


@cache
def honest_wordings() -> tuple[tuple[str, str], ...]:
    """Wordings that say the same as their moment's template: (moment, text)."""
    with (_ROOT / "data" / "honest_wordings.tsv").open(encoding="utf-8", newline="") as lines:
        rows = [(name, text) for name, text in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return tuple((name, text.replace("{order_id}", moments()[name].order_id)) for name, text in rows)
