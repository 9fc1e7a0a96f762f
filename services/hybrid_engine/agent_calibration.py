"""How often a choice of agent is right: the classifier's evidence turned into a probability."""

import math

# Logistic regression (Platt's scaling, with a second feature) on the half `fit` of benchmarks/data/agent_questions.tsv;
# `python -m benchmarks.agent_routing --fit` makes them again. Chosen on one French tenant of two agents.
_INTERCEPT, _LOG_ODDS, _STRENGTH = -3.02, 1.76, 3.76


def calibrated(share: float, points: float, agent_count: int) -> float:
    """Returns the chance, 0 to 1, that the agent with this `share` of the evidence and so many `points` is right."""
    odds, strength = features(share, points, agent_count)
    return round(1 / (1 + math.exp(-(_INTERCEPT + _LOG_ODDS * odds + _STRENGTH * strength))), 4)


def features(share: float, points: float, agent_count: int) -> tuple[float, float]:
    """Returns what the regression is over: log-odds of `share` above that of chance, and the log of the points."""
    chance = 1 / agent_count
    share = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share)) - math.log(chance / (1 - chance)), math.log1p(points)
