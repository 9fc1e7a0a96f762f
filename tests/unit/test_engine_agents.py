"""Which agent answers, without a model."""

import pytest

from services.hybrid_engine.agents import choose_agent
from tests.fakes.engine_parts import example_bundle

AGENTS = example_bundle("escopines").agents


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("Comment automatiser mes emails?", "audrey"),
        ("Aide-moi à créer un reel Instagram", "carole"),
        ("Mon Zapier ne marche plus", "audrey"),
        ("une idée de story pour ma marque", "carole"),
    ],
)
def test_a_question_goes_to_the_one_who_knows(text: str, agent: str) -> None:
    routing = choose_agent(text, AGENTS)
    assert routing.agent == agent
    assert routing.confidence >= 0.7
    assert not routing.escalates


def test_a_question_that_nobody_claims_escalates() -> None:
    routing = choose_agent("Quel temps fait-il ?", AGENTS)
    assert routing.escalates
    assert not routing.known


def test_exactly_the_threshold_does_not_escalate() -> None:
    from services.hybrid_engine.agents import Routing

    assert not Routing("a", 0.7, "").escalates
    assert Routing("a", 0.6999, "").escalates


def test_the_agent_of_the_request_wins_when_the_tenant_has_it() -> None:
    assert choose_agent("un reel Instagram", AGENTS, wanted="audrey").agent == "audrey"
    assert choose_agent("un reel Instagram", AGENTS, wanted="nobody").agent == "carole"


def test_the_choice_is_the_same_each_time() -> None:
    assert len({choose_agent("créer une séquence", AGENTS) for _ in range(5)}) == 1
