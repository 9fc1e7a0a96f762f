"""What customers write at each step of an order, as they type it: what the bot does, and which slots it fills."""

import csv
from pathlib import Path

import pytest

from services.hybrid_engine.flow.fold import replay
from services.hybrid_engine.flow.state import Event
from services.hybrid_engine.hybrid.answering import decide_turn
from tests.fakes.engine_parts import example_rules, says, turn_of

RULES = example_rules()
CORPUS = Path(__file__).parent / "flow_corpus"
ORDER = (says("je veux commander"), says(image="a"), says(image="b"), says("Cocody"), says("0708080808"), says("oui"))
STAGES = ("start", "photo", "payment", "zone", "phone", "confirm", "done")


def cases(language: str) -> list[dict[str, str]]:
    with (CORPUS / f"order_{language}.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


ALL = [pytest.param(case, id=f"{case['at']}: {case['message']}") for name in ("fr", "en") for case in cases(name)]


def before(stage: str) -> tuple[Event, ...]:
    return ORDER[: STAGES.index(stage)]


@pytest.mark.parametrize("case", ALL)
def test_a_message_is_understood_as_it_was_meant(case: dict[str, str]) -> None:
    state = replay(before(case["at"]), RULES)
    decided = decide_turn(turn_of(says(case["message"]), state), RULES)
    assert decided.decision.action == case["action"]
    given = {name: held.value for name, held in decided.state.slots.items()}
    known = {name: held.value for name, held in state.slots.items()} if decided.state.order_id == state.order_id else {}
    expected = dict(pair.split("=", 1) for pair in case["slots"].split(" ") if pair)
    if decided.state.phase not in {"done", "cancelled", "handed_off"}:
        assert {name: value for name, value in given.items() if known.get(name) != value} == expected


def test_the_corpus_is_large_enough() -> None:
    assert len(cases("fr")) >= 60
    assert len(cases("en")) >= 20
