"""The example tenants, and the page that explains them: what somebody copies must be right."""

from itertools import pairwise
from pathlib import Path

import pytest

from libs.common.facts import extract_facts
from libs.common.tenants.bundle import TenantBundle, template_variables
from libs.common.tenants.validation import parse_bundle
from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.hybrid.answering import HybridAnswering
from services.hybrid_engine.llm.tiers import Cascade
from tests.fakes.engine_parts import FakePassages, says, turn_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "tenants"
TENANTS = ("rue-du-gros", "escopines", "serda-bot", "sav-internet", "atelier-lin", "harbor-goods")


def bundle_of(tenant: str) -> TenantBundle:
    return parse_bundle((EXAMPLES / tenant / "tenant.yaml").read_text(encoding="utf-8"))


def document(tenant: str, name: str) -> str:
    return (EXAMPLES / tenant / "documents" / "shared" / f"{name}.md").read_text(encoding="utf-8")


def test_every_example_is_tested() -> None:
    assert sorted(path.parent.name for path in EXAMPLES.glob("*/tenant.yaml")) == sorted(TENANTS)


@pytest.mark.parametrize("tenant", TENANTS)
def test_documents_belong_to_an_agent_or_to_all(tenant: str) -> None:
    owners = {folder.name for folder in (EXAMPLES / tenant / "documents").iterdir()}
    assert owners <= {"shared", *(agent.id for agent in bundle_of(tenant).agents)}
    assert all(list((EXAMPLES / tenant / "documents" / owner).glob("*.md")) for owner in owners)


def test_agents_to_choose_from_have_examples_and_documents_enough() -> None:
    for agent in bundle_of("escopines").agents:
        assert len(agent.examples) >= 10
        assert len(list((EXAMPLES / "escopines" / "documents" / agent.id).glob("*.md"))) >= 4


@pytest.mark.parametrize(
    ("name", "other"), [("horaires", "horaires"), ("retours", "remboursement"), ("tarifs", "tarifs")]
)
def test_the_tenants_answer_the_same_question_differently(name: str, other: str) -> None:
    """Otherwise a crossed answer would go unnoticed."""
    ours, theirs = document("rue-du-gros", name), document("escopines", other)
    assert not set(ours.splitlines()) & set(theirs.splitlines()) - {"", "# Horaires"}


def test_the_order_bot_s_documents_agree_with_its_bundle() -> None:
    bundle = bundle_of("rue-du-gros")
    assert bundle.flow is not None
    assert bundle.flow.payment is not None
    facts = extract_facts(document("rue-du-gros", "paiement"), country=bundle.country)
    assert ("money", str(bundle.flow.payment.amount)) in {(fact.kind, fact.value) for fact in facts}
    assert bundle.flow.payment.number in document("rue-du-gros", "paiement")
    fees: dict[str, str] = {}
    fee = ""
    for fact in extract_facts(document("rue-du-gros", "livraison"), country=bundle.country, places=bundle.places()):
        if fact.kind == "money":
            fee = fact.value
        elif fact.kind == "place" and fact.value not in fees:
            fees[fact.value] = fee
    assert fees == {zone.name: str(zone.fee) for zone in bundle.flow.zones}


@pytest.mark.parametrize(
    ("tenant", "name", "currency", "pickup"),
    [("atelier-lin", "livraison", "EUR", {"Lyon": "0"}), ("harbor-goods", "delivery", "USD", {})],
)
def test_the_shops_abroad_deliver_for_what_their_documents_say(
    tenant: str, name: str, currency: str, pickup: dict[str, str]
) -> None:
    bundle = bundle_of(tenant)
    assert bundle.flow is not None
    text = document(tenant, name).split("## ")[2]
    fees, fee = dict(pickup), ""
    for fact in extract_facts(text, country=bundle.country, places=bundle.places()):
        if fact.kind == "money":
            fee = fact.value
            assert fact.unit == currency
        elif fact.kind == "place" and fact.value not in fees:
            fees[fact.value] = fee
    assert fees == {zone.name: str(zone.fee) for zone in bundle.flow.zones}


@pytest.mark.parametrize(("tenant", "phone"), [("atelier-lin", "0465711234"), ("harbor-goods", "2075550142")])
def test_the_shops_abroad_can_be_called(tenant: str, phone: str) -> None:
    facts = extract_facts(document(tenant, "contact"), country=bundle_of(tenant).country)
    assert [fact.value for fact in facts if fact.kind == "phone"] == [phone]


@pytest.mark.parametrize(
    ("tenant", "messages", "slots", "said"),
    [
        (
            "atelier-lin",
            (
                *("je voudrais commander une nappe pour 6 personnes", "3", "à la Croix-Rousse", "+33 4 65 71 99 88"),
                *("oui", "oui"),
            ),
            {"article": "nappe", "quantite": "3", "zone": "Lyon", "tel": "0465719988"},
            "3 × nappe, livraison Lyon (0 €), rappel au 0465719988",
        ),
        (
            "harbor-goods",
            ("I want to order two fenders", "2", "So Po", "555", "+1 (207) 555-0199", "yes"),
            {"item": "fender", "quantity": "2", "zone": "South Portland", "tel": "2075550199"},
            "2 x fender, delivered to South Portland ($8), call 2075550199",
        ),
    ],
)
async def test_an_order_abroad_goes_from_its_first_word_to_its_number(
    tenant: str, messages: tuple[str, ...], slots: dict[str, str], said: str
) -> None:
    async def bundle() -> TenantBundle:
        return bundle_of(tenant)

    engine = HybridAnswering(bundles=bundle, passages=FakePassages(), cascade_of=lambda _: Cascade())
    state, answers = FlowState(), list[str]()
    for message in messages:
        answer = await engine.answer(turn_of(says(message), state))
        state = answer.state
        answers.append(answer.text)
    assert state.phase == "done"
    assert {name: held.value for name, held in state.slots.items()} == slots
    assert said in answers[-2]
    assert all(text and "{" not in text for text in answers)


def test_the_price_list_is_read_as_quantities_and_money() -> None:
    facts = extract_facts(document("rue-du-gros", "tarifs"), country="CI")
    pairs = [(one.value, two.value) for one, two in pairwise(facts) if two.kind == "money"]
    assert ("6", "25000") in pairs
    assert ("12", "48000") in pairs


def test_the_page_names_every_key_action_and_variable() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [key for key in TenantBundle.model_fields if f"`{key}`" not in page] == []
    flow = bundle_of("rue-du-gros").flow
    assert flow is not None
    slots = {slot.name for slot in flow.slots} - {"zone", "tel"}
    for action in (flow.slots[0].action, "confirm", "done", "handoff", "cancel"):
        known = template_variables(flow, action)
        assert known is not None
        assert [name for name in known - slots if f"{{{name}}}" not in page] == []
