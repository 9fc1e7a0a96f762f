"""What code spends on a turn: reading, filling, deciding, for orders and for calls; and on the template that is said.

`python -m benchmarks.decision`: random conversations of the two example flows, from a fixed seed. One turn is what an
engine does before any model is asked: the bundle's rules, the message read, the state folded, the action decided.
It is pure, so each is done three times and the fastest counts: what else the machine does is no part of it.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

from benchmarks.figure import Figure
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.flow.state import Attached, Event, FlowState
from services.hybrid_engine.hybrid.answering import decide_turn
from services.hybrid_engine.hybrid.wording import Words
from services.hybrid_engine.turn import Turn

_EXAMPLES = Path(__file__).parents[1] / "examples" / "tenants"
_SAID = {
    "rue-du-gros": (
        "bonjour", "je veux commander", "c combien 6 paquets ?", "livrez à Yopougon", "non, c'est Yopougon pas Cocody",
        "07 07 07 07 07", "mon numéro c'est le +225 01 02 03 04 05", "Yamoussoukro", "oui", "non", "annule", "merci",
        "un conseiller", "Bonjour, je voudrais savoir si vous livrez à Abobo le dimanche, et combien cela coûte ?",
    ),
    "sav-internet": (
        "allô bonjour", "je n'ai plus internet depuis ce matin", "il est rouge", "non, vert", "oui", "non",
        "voilà c'est fait",
        "ça efface mes réglages ?", "un technicien", "06 12 34 56 78", "le matin", "euh", "une panne", "annule",
    ),
}  # fmt: skip
_TURNS = 5_000
# Of each turn.
_TRIES = 3
_GOAL_MS = 1.0


async def measure() -> list[Figure]:
    """Returns p50 and p99 of a decided turn for each flow, and of its text, in milliseconds."""
    figures: list[Figure] = []
    for tenant, said in _SAID.items():
        bundle = parse_bundle((_EXAMPLES / tenant / "tenant.yaml").read_text(encoding="utf-8"))
        decided, worded = _timed(bundle, said)
        figures += _figures(f"decide_{tenant}", decided) + _figures(f"template_{tenant}", worded)
    return figures


def _timed(bundle: TenantBundle, said: tuple[str, ...]) -> tuple[list[float], list[float]]:
    dice = random.Random(20261121)
    picture = (Attached("image", "media://a", "a" * 64),)
    decided_ms, worded_ms = list[float](), list[float]()
    state = FlowState()
    for at in range(_TURNS):
        if at % 12 == 0:
            state = FlowState()
        attachments = picture if dice.random() < 0.2 else ()
        turn = Turn(Event(f"t{at}", "c", dice.choice(said), attachments), state)
        tries = [_one(bundle, turn) for _ in range(_TRIES)]
        decided_ms.append(min(took for took, _, _ in tries))
        worded_ms.append(min(took for _, took, _ in tries))
        state = tries[0][2]
    return decided_ms, worded_ms


def _one(bundle: TenantBundle, turn: Turn) -> tuple[float, float, FlowState]:
    begun = time.perf_counter()
    rules = rules_of(bundle)
    decided = decide_turn(turn, rules)
    middle = time.perf_counter()
    # The text of an answer comes from documents.
    if decided.decision.action != "answer_question":
        Words(bundle, rules, decided.state, "").template(decided.decision)
    return (middle - begun) * 1e3, (time.perf_counter() - middle) * 1e3, decided.state


def _figures(name: str, took_ms: list[float]) -> list[Figure]:
    took_ms.sort()
    return [
        Figure(f"{name}_{label}", round(took_ms[int(len(took_ms) * share)], 4), "ms", ("<=", _GOAL_MS))
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]


def main() -> int:
    """Prints the figures; fails if one falls short."""
    measured = asyncio.run(measure())
    for figure in measured:
        print(figure)
    return 0 if all(figure.met for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
