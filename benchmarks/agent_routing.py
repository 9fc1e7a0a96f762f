"""How often the local classifier sends a question to the right agent, and whether its confidence is what it says.

`python -m benchmarks.agent_routing` prints the reliability table; with `--fit` the coefficients of `agent_calibration`,
fitted on every second question; the others are what the figures are of.
"""

import argparse
import asyncio
import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure
from libs.common.tenants.bundle import Agent
from libs.common.tenants.validation import parse_bundle
from services.hybrid_engine.agent_calibration import features
from services.hybrid_engine.agents import choose_agent, weigh

_ROOT = Path(__file__).parent
_BINS = ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01))
_SEEDS = {"Comment automatiser mes emails?": "audrey", "Aide-moi à créer un reel Instagram": "carole"}
# Gradient descent on two weights and an intercept; the loss is convex, so this many steps end at the same place.
_STEPS, _RATE, _RIDGE = 20_000, 0.05, 0.01


@dataclass(frozen=True)
class Asked:
    """A question, and who should answer it: an agent, or `neither`."""

    text: str
    label: str


def questions() -> tuple[list[Asked], list[Asked]]:
    """Returns the questions to fit on and those to measure on: they take turns."""
    with (_ROOT / "data" / "agent_questions.tsv").open(encoding="utf-8", newline="") as lines:
        rows = [Asked(text, label) for label, text in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return rows[::2], rows[1::2]


def agents() -> tuple[Agent, ...]:
    """The two agents of the example."""
    path = _ROOT.parent / "examples" / "tenants" / "escopines" / "tenant.yaml"
    return parse_bundle(path.read_text(encoding="utf-8")).agents


def fit(rows: Sequence[Asked]) -> tuple[float, float, float]:
    """Returns intercept and weights under which the choices of `rows` are most likely, a little pulled to 0."""
    seen: list[tuple[float, float, float]] = []
    for row in rows:
        evidence = weigh(row.text, agents())
        odds, strength = features(evidence.share, evidence.points[evidence.best], len(evidence.points))
        seen.append((odds, strength, float(agents()[evidence.best].id == row.label)))
    bias = slope = scale = 0.0
    for _ in range(_STEPS):
        wrong = [
            (right - 1 / (1 + math.exp(-(bias + slope * odds + scale * size))), odds, size)
            for odds, size, right in seen
        ]
        bias += _RATE * sum(error for error, _, _ in wrong) / len(seen)
        slope += _RATE * (sum(error * odds for error, odds, _ in wrong) / len(seen) - _RIDGE * slope / len(seen))
        scale += _RATE * (sum(error * size for error, _, size in wrong) / len(seen) - _RIDGE * scale / len(seen))
    return bias, slope, scale


def calibration_error(outcomes: Sequence[tuple[float, bool]]) -> float:
    """Returns the expected calibration error: the mean gap between confidence and share of right choices, by bin."""
    gaps = 0.0
    print(f"  {'confidence':>12} {'questions':>10} {'said':>6} {'right':>6}")
    for low, high in _BINS:
        inside = [(chance, right) for chance, right in outcomes if low <= chance < high]
        if not inside:
            continue
        said = sum(chance for chance, _ in inside) / len(inside)
        right = sum(right for _, right in inside) / len(inside)
        print(f"  {low:.2f} to {min(high, 1):.2f} {len(inside):10} {said:6.2f} {right:6.2f}")
        gaps += abs(said - right) * len(inside)
    return gaps / len(outcomes)


def handled_rightly(row: Asked) -> bool:
    """Whether a question goes to its agent, or is escalated when it is nobody's."""
    routing = choose_agent(row.text, agents())
    return routing.escalates if row.label == "neither" else not routing.escalates and routing.agent == row.label


async def measure() -> list[Figure]:
    """Measures on the questions that nothing was fitted on."""
    fitted, held_out = questions()
    right = [handled_rightly(row) for row in held_out]
    for row, good in zip(held_out, right, strict=True):
        if not good:
            routing = choose_agent(row.text, agents())
            print(f"  {row.label} -> {routing.agent} {routing.confidence:.2f}: {row.text}")
    choices = [(choose_agent(row.text, agents()), row) for row in held_out]
    error = calibration_error([(routing.confidence, routing.agent == row.label) for routing, row in choices])
    print(f"  handled rightly: {sum(map(handled_rightly, fitted)) / len(fitted):.3f} of the {len(fitted)} fitted on")
    seeds = all(choose_agent(text, agents()).agent == label for text, label in _SEEDS.items())
    return [
        Figure("routing_accuracy", sum(right) / len(right), "share", (">=", 0.9)),
        Figure("routing_calibration_error", error, "share", ("<=", 0.1)),
        Figure("routing_seed_questions_right", float(seeds), "share", ("==", 1)),
    ]


def main() -> None:
    """Prints every figure, or the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="print coefficients for agent_calibration")
    if parser.parse_args().fit:
        print("intercept {:.2f}, log-odds {:.2f}, strength {:.2f}".format(*fit(questions()[0])))
    for figure in asyncio.run(measure()):
        print(figure)


if __name__ == "__main__":
    main()
