"""The two systems under names of their own: what changes for who reads, and what never does."""

import logging

import pytest
from pydantic import ValidationError

from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.admin.metrics import write_metrics
from services.router.admin.rollout_messages import names_message, state_message
from services.router.judging.verdict import Recommendation
from services.router.judging.windows import Window
from services.router.rollout.state import RolloutState
from services.router.settings import RouterSettings
from services.router.turn import Variant
from services.router.variant_names import KNOWN_NAMES, variant_names
from tests.fakes.metrics_world import NOON, State, World, record_example, turn
from tests.fakes.router_world import RouterWorld
from tests.unit.test_router_ladder import DOWN
from tools.ops_view import metrics_table, state_rows, verdict_lines
from tools.ops_watch import View, line
from tools.system_names import SystemNames, names_in
from tools.weekly import advice

V1_V2 = variant_names("v1,v2")


@pytest.mark.parametrize(
    "text", ["v1", "v1,v1", "V1,v2", "v1,v2,v3", "1a,b", "a b,c", "hybrid,v1", "v2,old", "équipe,b"]
)
def test_names_that_would_confuse_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="variant_names"):
        RouterSettings(variant_names=text)


def test_no_names_are_the_known_ones_and_given_ones_are_used_everywhere() -> None:
    assert variant_names(RouterSettings().variant_names) is KNOWN_NAMES
    assert Recommendation.OLD.word(KNOWN_NAMES) == "old"
    assert [each.word(V1_V2) for each in Recommendation] == [
        "insufficient_data",
        "invalid_srm",
        "v1",
        "v2",
        "equivalent",
    ]
    assert names_message(KNOWN_NAMES) is None


async def test_the_comparison_speaks_of_them_and_keeps_its_keys() -> None:
    world = World(MemoryMetrics(), states={"": State(percent=100 * 200 / 350)})
    recorder = world.recorder()
    record_example(recorder)
    await recorder.flush()
    judge = world.judge(V1_V2)
    told = write_metrics(await judge.report("", Window.DAY), with_detail=True, names=judge.names)
    assert (told.old_system.count, told.hybrid_system.count) == (150, 200)
    assert told.comparison.recommendation == "v2"
    assert told.detail.explanation == (
        "V2 fails less (evidence 40.7, where 20 is enough); v2 fails in 1.5% of 200 turns, v1 in 8.0% of 150."
    )
    assert [column.header for column in metrics_table(told).columns] == ["", "v1", "v2"]
    assert "Recommendation: [bold]v2[/], time +65.2%" in verdict_lines(told)
    told.comparison.recommendation = "v1"
    state = state_message(RolloutState(percent=10), names=V1_V2)
    assert advice(state, "v1", names_in(told))[0] == "V2 gets 10 % of conversations."
    assert "speak for v1" in advice(state, "v1", names_in(told))[1]


def test_the_state_speaks_of_them() -> None:
    state = state_message(RolloutState(percent=12.5, plan="v1_to_v2", always_hybrid=frozenset({"awa"})), names=V1_V2)
    rows = dict(state_rows(state))
    assert rows["v2 gets"] == "[bold]12.5 %[/] of conversations"
    assert rows["always v2"] == "awa"
    assert "v2 12.5 %" in line(View(state=state))
    assert names_in(state_message(RolloutState())) == SystemNames("classic", "hybrid", "old")


async def test_the_log_speaks_of_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.router")
    world = RouterWorld()
    world.chat = world.make_chat(names=V1_V2)
    world.hybrid.script.append(DOWN)
    await world.say("bonjour")
    judged = World(MemoryMetrics())
    recorder = judged.recorder()
    for number in range(20):
        recorder.record(turn(f"c{number}", Variant.HYBRID, failed=True, at=NOON + number))
    await recorder.flush()
    await judged.guard(V1_V2).check("")
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "[ROUTER] Routage vers système v2",
        "[ROUTER] Erreur système v2: NO_TIER_AVAILABLE",
        "[ROUTER] FALLBACK automatique vers système v1",
        f"[ROUTER] RETOUR AUTOMATIQUE vers système v1: {judged.rollbacks[0][1].partition(' (')[0]}",
    ]
    assert vars(caplog.records[0])["variant"] == "hybrid"
