"""Which agent of a tenant answers a text: a classifier without a model, over what the bundle says of each agent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from libs.common.tenants.bundle import Agent
from libs.common.text_fold import stems, tokens
from services.hybrid_engine.agent_calibration import calibrated
from services.hybrid_engine.flow.lexicon import FUNCTION_WORDS, INTERROGATIVES
from services.hybrid_engine.llm.chat import Attempt
from services.hybrid_engine.turn import NO_TOKENS, Tokens

# Strictly below, the question is escalated; a tenant may choose another threshold.
ESCALATE_BELOW = 0.7
# A product's name says more of an agent's field than a word of its description.
_TOOL_WEIGHT, _EXAMPLE_WEIGHT, _DESCRIPTION_WEIGHT = 3.0, 2.0, 1.0
# Added to each agent's evidence: one word of a description is not enough, one of an example is.
_PRIOR = 1.0


@dataclass(frozen=True, slots=True)
class Routing:
    """The agent, how sure the choice is (0 to 1), and why, for operators; `escalates` when it is too unsure."""

    agent: str
    confidence: float
    reasoning: str
    # False when no agent's texts share a word with the question.
    known: bool = True
    escalate_below: float = ESCALATE_BELOW
    # What a model was paid and which were tried, where one chose.
    tokens: Tokens = NO_TOKENS
    attempts: tuple[Attempt, ...] = ()

    @property
    def escalates(self) -> bool:
        """Whether the choice is too unsure to be acted on."""
        return self.confidence < self.escalate_below


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the agents' texts say of a question: each agent's `points`, and how many of its stems any of them knows."""

    points: tuple[float, ...]
    known: int
    asked: int

    @property
    def best(self) -> int:
        """Index of the agent with the most points; the first of equals."""
        return max(range(len(self.points)), key=lambda at: (self.points[at], -at))

    @property
    def share(self) -> float:
        """The best agent's part of all points, the prior counted, 0 to 1."""
        return (_PRIOR + self.points[self.best]) / (len(self.points) * _PRIOR + sum(self.points))


def weigh(text: str, agents: Sequence[Agent]) -> Evidence:
    """Returns the evidence of `text` for each of `agents`.

    A word counts for an agent by how often the agent's texts hold it, and less the more agents know it.
    """
    asked = _stems(text)
    profiles = [_profile(agent.description, agent.examples, agent.tools) for agent in agents]
    holders = {stem: sum(stem in profile for profile in profiles) for stem in asked}
    idf = {stem: math.log((1 + len(agents)) / count) for stem, count in holders.items() if count}
    points = tuple(sum(idf[stem] * math.sqrt(profile[stem]) for stem in idf if stem in profile) for profile in profiles)
    return Evidence(points, len(idf), len(asked))


def choose_agent(text: str, agents: Sequence[Agent], *, wanted: str = "", below: float = ESCALATE_BELOW) -> Routing:
    """Returns the agent for `text`; the one `wanted` when there is such an agent. Deterministic, no I/O.

    Confidence is the calibrated chance that the choice is right (`agent_calibration`); under `below` it escalates.
    """
    if not agents:
        return Routing("", 1.0, "the tenant has no agents")
    if any(agent.id == wanted for agent in agents):
        return Routing(wanted, 1.0, "named in the request")
    if len(agents) == 1:
        return Routing(agents[0].id, 1.0, "the only agent")
    evidence = weigh(text, agents)
    chance = calibrated(evidence.share, evidence.points[evidence.best], len(agents))
    reasoning = f"{evidence.known} of {evidence.asked} stems are known, {evidence.share:.0%} of the evidence is its"
    return Routing(agents[evidence.best].id, chance, reasoning, known=evidence.known > 0, escalate_below=below)


def default_agent(agents: Sequence[Agent], *, wanted: str = "") -> Routing:
    """Returns who speaks where nothing is asked: the agent `wanted`, else the tenant's first."""
    if any(agent.id == wanted for agent in agents):
        return Routing(wanted, 1.0, "named in the request")
    return Routing(agents[0].id if agents else "", 1.0, "decided by the flow")


@lru_cache(maxsize=1024)
def _profile(description: str, examples: tuple[str, ...], tools: tuple[str, ...]) -> dict[str, float]:
    """How much each stem says of an agent."""
    profile: dict[str, float] = {}
    weighted = [(description, _DESCRIPTION_WEIGHT)]
    weighted += [(example, _EXAMPLE_WEIGHT) for example in examples]
    weighted += [(tool, _TOOL_WEIGHT) for tool in tools]
    for text, weight in weighted:
        for stem in _stems(text):
            profile[stem] = profile.get(stem, 0.0) + weight
    return profile


def _stems(text: str) -> frozenset[str]:
    """The stems of what carries meaning, by the rules of both languages: a short question does not show its own."""
    content = " ".join(token for token in tokens(text) if token not in FUNCTION_WORDS | INTERROGATIVES)
    return frozenset(stems(content, "fr")) | frozenset(stems(content, "en"))
