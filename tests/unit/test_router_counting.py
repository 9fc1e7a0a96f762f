"""What is counted of a turn, and what is nobody's fault."""

from dataclasses import replace

import pytest

from libs.common.errors import Exhausted
from libs.common.tenants.bundle import Limits
from services.router.ladder import EngineAnswer
from services.router.turn import NO_STATE, Variant
from tests.fakes.router_world import RouterWorld, call


def answer(**fields: object) -> EngineAnswer:
    """An engine's answer."""
    return EngineAnswer("D'accord.", NO_STATE, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(), (False, False, False)),
        (answer(is_template=True, reasons=("LLM_TOO_LONG",)), (True, False, False)),
        (answer(is_template=True, reasons=("LLM_NOT_CONFIGURED",)), (False, False, False)),
        (answer(action="handoff"), (False, True, False)),
        (answer(reasons=("AGENT_UNSURE",)), (False, True, False)),
        (replace(answer(), state=replace(NO_STATE, awaiting_slot="zone")), (False, False, True)),
        (replace(answer(), state=replace(NO_STATE, awaiting_slot="tel")), (False, False, False)),
    ],
)
async def test_soft_events(given: EngineAnswer, expected: tuple[bool, bool, bool]) -> None:
    world = RouterWorld()
    world.hybrid.script.append(replace(answer(), state=replace(NO_STATE, awaiting_slot="zone")))
    await world.say("commander")
    world.hybrid.script.append(given)
    await world.say("hein ?")
    record = world.records[-1]
    assert (record.template, record.escalated, record.asked_again) == expected
    assert not record.failed


async def test_only_turns_that_ask_for_something_or_follow_one_say_whether_somebody_waits() -> None:
    world = RouterWorld()
    asking = replace(answer(), state=replace(NO_STATE, awaiting_slot="zone"))
    for each in (answer(), asking, answer(), answer()):
        world.hybrid.script.append(each)
        await world.say("hein ?")
    assert [record.awaits for record in world.records] == [None, True, False, None]


async def test_a_deadline_too_short_to_ask_an_engine_is_no_engines_fault() -> None:
    world = RouterWorld()
    answered = await world.say("bonjour", seconds=0.16)
    assert answered.reply.reasons[0] == "DEADLINE_TOO_SHORT"
    assert world.records == []


async def test_a_turn_above_the_limit_is_refused_and_one_that_was_answered_is_repeated() -> None:
    world = RouterWorld()
    world.tenants.bundle = world.tenants.bundle.model_copy(update={"limits": Limits(user_per_minute=2)})
    first = await world.say("un", turn_id="t1")
    await world.say("deux")
    with pytest.raises(Exhausted, match="RATE_LIMITED"):
        await world.say("trois")
    again = await world.say("un", turn_id="t1")
    assert (again.replayed, again.reply.text) == (True, first.reply.text)
    other = await world.say("quatre", conversation="c2")
    assert not other.replayed
    assert [record.assigned for record in world.records] == [Variant.HYBRID] * 3


async def test_a_turn_is_counted_once_and_a_repetition_not_at_all() -> None:
    world = RouterWorld()
    await world.say("un", turn_id="t1")
    await world.say("un", turn_id="t1")
    assert len(world.records) == 1
    assert world.records[0].tenant == call().principal.tenant
