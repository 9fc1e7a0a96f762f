"""Who answers: a model that may choose, and the local classifier behind it."""

import asyncio
import json
from dataclasses import replace

import pytest

from benchmarks.agent_routing import calibration_error, handled_rightly, questions
from libs.common.tenants.bundle import Routing as RoutingRules
from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.agent_routing import AgentRouting, read_choice
from services.hybrid_engine.agents import Routing, choose_agent
from services.hybrid_engine.llm.tiers import Cascade, LlmMode
from tests.fakes.engine_parts import FakeModel, example_bundle, says, turn_of
from tests.fakes.scripted_model import FOREVER, ScriptedModel
from tests.fakes.virtual_time import run_in_virtual_time

EMAILS, REEL = "Comment automatiser mes emails?", "Aide-moi à créer un reel Instagram"
IDS = ["audrey", "carole", "none"]


def bundle(**rules: object) -> TenantBundle:
    return example_bundle("escopines").model_copy(
        update={"routing": RoutingRules.model_validate({"use_llm": True} | rules)}
    )


def says_choice(agent: str, confidence: float = 0.95) -> str:
    return json.dumps({"agent": agent, "confidence": confidence, "reasoning": "C'est son domaine."})


async def choose(
    text: str, *replies: str, model: FakeModel | None = None, tenant: TenantBundle | None = None
) -> Routing:
    cascade = Cascade([model or FakeModel(*replies)], mode=LlmMode.ENABLED)
    return await AgentRouting(variant="hybrid").choose(turn_of(says(text)), tenant or bundle(), cascade, language="fr")


@pytest.mark.parametrize(("text", "agent"), [(EMAILS, "audrey"), (REEL, "carole")])
async def test_the_right_agent_with_a_model_and_without(text: str, agent: str) -> None:
    assert choose_agent(text, bundle().agents).agent == agent
    routing = await choose(text, says_choice(agent))
    assert (routing.agent, routing.escalates, routing.reasoning) == (agent, False, "C'est son domaine.")
    assert routing.tokens.prompt == 10


async def test_a_broken_choice_is_repaired_once() -> None:
    model = FakeModel("C'est pour Carole !", says_choice("carole"))
    routing = await choose(REEL, model=model)
    assert (routing.agent, len(model.prompts)) == ("carole", 2)
    assert routing.tokens.wasted == 15
    assert model.prompts[1].history[1] == ("assistant", "C'est pour Carole !")


async def test_after_two_broken_choices_the_local_classifier_decides() -> None:
    model = FakeModel("carole", "{}", says_choice("audrey"))
    routing = await choose(REEL, model=model)
    assert (routing.agent, len(model.prompts)) == ("carole", 2)


async def test_a_model_that_fails_costs_nothing_but_its_choice() -> None:
    assert (await choose(REEL, model=FakeModel())).agent == "carole"


def test_a_model_that_takes_longer_than_a_second_is_not_waited_for() -> None:
    async def slow() -> tuple[Routing, float]:
        cascade = Cascade([ScriptedModel("slow", (FOREVER,))], mode=LlmMode.ENABLED)
        began = asyncio.get_running_loop().time()
        routing = await AgentRouting(variant="hybrid").choose(turn_of(says(REEL)), bundle(), cascade, language="fr")
        return routing, asyncio.get_running_loop().time() - began

    routing, seconds = run_in_virtual_time(slow())
    assert routing.agent == "carole"
    assert seconds <= 1.0


async def test_no_model_is_asked_unless_the_tenant_wants_it() -> None:
    model = FakeModel(says_choice("audrey"))
    assert (await choose(REEL, model=model, tenant=bundle(use_llm=False))).agent == "carole"
    assert model.prompts == []


@pytest.mark.parametrize(
    "text",
    [
        "", "carole", "[]", "{}", '{"agent": "carole"}',
        '{"agent": "bob", "confidence": 0.9, "reasoning": ""}',
        '{"agent": "carole", "confidence": "0.9", "reasoning": ""}',
        '{"agent": "carole", "confidence": 1.2, "reasoning": ""}',
        '{"agent": "carole", "confidence": NaN, "reasoning": ""}',
        '{"agent": "carole", "confidence": true, "reasoning": ""}',
        '{"agent": "carole", "confidence": 0.9, "reasoning": "", "more": 1}',
        '```json\n{"agent": "carole", "confidence": 0.9, "reasoning": ""}\n```',
        '{"agent": ["carole"], "confidence": 0.9, "reasoning": ""}',
    ],
)  # fmt: skip
def test_anything_but_the_object_is_no_choice(text: str) -> None:
    assert read_choice(text, IDS) is None


async def test_a_model_s_own_number_is_not_the_confidence() -> None:
    """It says 1.0 for the wrong agent; the words of the question say otherwise, so the customer is asked."""
    routing = await choose(REEL, says_choice("audrey", 1.0))
    assert routing.agent == "audrey"
    assert routing.escalates


async def test_nobody_s_question_escalates() -> None:
    assert (await choose("Quel temps fait-il ?", says_choice("none"))).escalates


def test_only_below_the_threshold_is_escalated() -> None:
    assert not Routing("a", 0.70, "").escalates
    assert Routing("a", 0.6999, "").escalates
    assert not replace(Routing("a", 0.5, ""), escalate_below=0.5).escalates


async def test_the_tenant_may_send_unclear_questions_to_one_agent() -> None:
    tenant = bundle(use_llm=False, escalation="shared_agent", shared_agent="audrey")
    routing = await choose("Quel temps fait-il ?", tenant=tenant)
    assert (routing.agent, routing.escalates) == ("audrey", False)


def test_nine_of_ten_questions_nobody_tuned_for_go_right() -> None:
    _, held_out = questions()
    assert sum(map(handled_rightly, held_out)) >= 0.9 * len(held_out)


def test_the_confidence_is_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    fitted, held_out = questions()
    assert len(fitted) + len(held_out) >= 120
    agents = bundle().agents
    choices = [(choose_agent(row.text, agents), row) for row in held_out]
    assert calibration_error([(routing.confidence, routing.agent == row.label) for routing, row in choices]) <= 0.1
    assert "confidence" in capsys.readouterr().out
