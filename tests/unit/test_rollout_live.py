"""One replica's rollout: what it does while the store is away, when it comes back, and by file, plan and watch."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from libs.common.errors import Conflict, InvalidRequest, PreconditionFailed, Unavailable
from services.router.assignment import Pin
from services.router.rollout import Rollout, RolloutState, Step, SwitchFile, SwitchPolicy, Wish, rollout_from
from services.router.rollout.memory_store import MemoryRolloutStore
from services.router.rollout.plans import Progress
from services.router.turn import Variant
from tests.fakes.rollout_store import FragileRolloutStore

WHO = {"actor": "ana", "reason": "test"}


async def soon(_seconds: float) -> None:
    """Waiting that takes no time."""
    await asyncio.sleep(0.001)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def until(rollout: Rollout, holds: Callable[[RolloutState], bool], tenant: str = "") -> RolloutState:
    """Waits for a state."""
    async with asyncio.timeout(10), aclosing(rollout.watch(tenant)) as states:
        async for state in states:
            if holds(state):
                return state
    raise AssertionError("the watch ended")


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits for what nothing announces."""
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.001)


async def all_told(rollout: Rollout) -> None:
    """Waits until the store has been told everything."""

    async def told() -> bool:
        return not rollout.waiting

    await eventually(told)


async def newest_action(rollout: Rollout) -> str:
    return (await rollout.audit()).entries[0].action


@pytest.fixture
def store() -> FragileRolloutStore:
    return FragileRolloutStore()


@pytest.fixture
async def rollout(store: FragileRolloutStore) -> AsyncIterator[Rollout]:
    async with Rollout(store=store, replica="one", wait=soon) as running:
        yield running


async def test_disable_holds_here_at_once_with_the_store_away_and_is_told_later(
    rollout: Rollout, store: FragileRolloutStore
) -> None:
    await rollout.enable(**WHO)
    store.is_down = True
    change = await rollout.disable(emergency=True, **WHO)
    assert (change.changed, change.propagated_to, change.pending) == (True, ("one",), ("fragile",))
    assert (change.state.source, change.state.percent, change.state.version) == ("kill_switch", 0.0, 2)
    assert rollout.assignment("shop", "c1").decided_by == "kill_switch"
    store.is_down = False
    state = await until(rollout, lambda each: each.version == 3)
    assert (state.emergency, state.actor) == (True, "ana")
    await all_told(rollout)
    page = await rollout.audit()
    assert [each.action for each in page.entries] == ["DisableHybrid", "EnableHybrid"]


async def test_disable_holds_before_its_first_wait(rollout: Rollout, store: FragileRolloutStore) -> None:
    """Even a caller that hangs up at once has switched this replica, and the store is told all the same."""
    await rollout.enable(**WHO)
    store.hangs = True
    call = asyncio.create_task(rollout.disable(**WHO))
    await asyncio.sleep(0)
    assert not rollout.state().hybrid_enabled
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert not rollout.state().hybrid_enabled
    assert rollout.waiting == 1


async def test_a_store_that_hangs_holds_disable_up_for_a_moment_only(store: FragileRolloutStore) -> None:
    async with Rollout(store=store, replica="one", wait=soon) as rollout:
        await rollout.enable(**WHO)
        store.hangs = True
        async with asyncio.timeout(5):
            assert (await rollout.disable(**WHO)).pending == ("fragile",)


async def test_a_pending_stop_wins_over_what_the_store_says_until_it_is_written(store: FragileRolloutStore) -> None:
    other_side = FragileRolloutStore(store.kept)
    async with (
        Rollout(store=store, replica="one", wait=soon) as one,
        Rollout(store=other_side, replica="two", wait=soon) as two,
    ):
        await one.enable(**WHO)
        await until(two, lambda each: each.hybrid_enabled)
        store.is_down = True
        await one.disable(**WHO)
        await two.set_rollout("", Wish(percent=30.0), **WHO)
        assert not one.state().hybrid_enabled
        store.is_down = False
        assert (await until(two, lambda each: each.version == 4)).stopped
        assert not one.state().hybrid_enabled


async def test_what_was_decided_here_comes_first_in_the_store_too(rollout: Rollout, store: FragileRolloutStore) -> None:
    store.is_down = True
    await rollout.disable(**WHO)
    with pytest.raises(Unavailable):
        await rollout.enable(**WHO)
    store.is_down = False
    await rollout.enable(**WHO)
    assert rollout.state().percent == 100.0
    assert [each.action for each in (await rollout.audit()).entries] == ["EnableHybrid", "DisableHybrid"]


async def test_the_last_known_state_stays_while_the_store_is_away(rollout: Rollout, store: FragileRolloutStore) -> None:
    await rollout.set_rollout("shop", Wish(percent=40.0), **WHO)
    store.is_down = True
    with pytest.raises(Unavailable):
        await rollout.toggle("shop", **WHO)
    for _ in range(20):
        await soon(0)
    assert rollout.state("shop").percent == 40.0


async def test_a_replica_that_never_reached_its_store_serves_classic(store: FragileRolloutStore) -> None:
    """The store may hold a stop that a restart must not undo."""
    async with Rollout(store=store, wait=soon) as first:
        await first.disable(emergency=True, **WHO)
    store.is_down = True
    async with Rollout(100.0, "environment", store=store, wait=soon) as rollout:
        state = rollout.state()
        assert (state.percent, state.source, "not answered yet" in state.reason) == (0.0, "default", True)
        store.is_down = False
        assert (await until(rollout, lambda each: each.version == 2)).emergency


async def test_environment_counts_once_the_store_is_known_to_hold_nothing(store: FragileRolloutStore) -> None:
    store.is_down = True
    async with Rollout(100.0, "environment", store=store, wait=soon) as rollout:
        store.is_down = False
        assert (await until(rollout, lambda each: each.hybrid_enabled)).source == "environment"


async def test_a_store_that_lost_everything_is_written_again(rollout: Rollout, store: FragileRolloutStore) -> None:
    await rollout.enable(**WHO)
    await rollout.disable(emergency=True, **WHO)
    await rollout.set_rollout("shop", Wish(percent=10.0), **WHO)
    await until(rollout, lambda each: each.version == 2, "shop")
    for _ in range(20):
        await soon(0)
    store.kept = MemoryRolloutStore()
    state = await until(rollout, lambda each: each.version == 4)
    assert (state.emergency, state.actor) == (True, "ana")

    async def is_written() -> bool:
        return (await store.kept.read("shop")).record is not None

    await eventually(is_written)
    assert {each.action for each in (await rollout.audit()).entries} == {"restore"}
    assert (await rollout.enable(**WHO)).state.version == 5


async def test_a_stop_that_waited_outlives_a_store_that_comes_back_empty(
    rollout: Rollout, store: FragileRolloutStore
) -> None:
    """The replica knows of newer versions than the new store: what it writes has to be above them."""
    for percent in (10.0, 20.0, 100.0):
        await rollout.set_rollout("", Wish(percent=percent), **WHO)
    for _ in range(20):
        await soon(0)
    store.is_down = True
    await rollout.disable(**WHO)
    store.kept, store.is_down = MemoryRolloutStore(), False
    state = await until(rollout, lambda each: each.version == 5)
    await all_told(rollout)
    for _ in range(50):
        await soon(0)
    assert (state.stopped, rollout.state().stopped, rollout.state().version) == (True, True, 5)


async def test_rollback_holds_here_with_the_store_away(rollout: Rollout, store: FragileRolloutStore) -> None:
    await rollout.enable(**WHO)
    store.is_down = True
    assert await rollout.roll_back("shop", reason="errors", evidence={})
    assert not await rollout.roll_back("shop", reason="errors", evidence={})
    assert (rollout.state("shop").needs_acknowledgement, rollout.state("shop").percent) == (True, 0.0)
    assert rollout.state().percent == 100.0
    store.is_down = False
    await until(rollout, lambda each: each.version == 2, "shop")


async def test_a_rollback_that_waited_is_dropped_when_a_person_decided_since(store: FragileRolloutStore) -> None:
    other_side = FragileRolloutStore(store.kept)
    async with (
        Rollout(store=store, replica="one", wait=soon) as one,
        Rollout(store=other_side, replica="two", wait=soon) as two,
    ):
        await one.enable(**WHO)
        await until(two, lambda each: each.version == 2)
        store.is_down = True
        assert await one.roll_back("", reason="errors", evidence={})
        await two.set_rollout("", Wish(percent=5.0), **WHO)
        store.is_down = False
        assert (await until(one, lambda each: each.version == 3)).percent in (0.0, 5.0)
        await all_told(one)
        assert one.state().percent == 5.0


async def test_nothing_is_rolled_back_twice_or_without_traffic(rollout: Rollout) -> None:
    assert not await rollout.roll_back("shop", reason="errors", evidence={})
    await rollout.enable("shop", **WHO)
    assert await rollout.roll_back("shop", reason="errors", evidence={})
    assert not await rollout.roll_back("shop", reason="errors", evidence={})
    with pytest.raises(PreconditionFailed, match="NEEDS_ACKNOWLEDGEMENT"):
        await rollout.enable("shop", **WHO)
    assert (await rollout.enable("shop", acknowledge=True, **WHO)).state.percent == 100.0


async def test_second_call_changes_nothing(rollout: Rollout) -> None:
    assert [(await rollout.enable(**WHO)).changed for _ in range(2)] == [True, False]
    assert [(await rollout.disable(**WHO)).changed for _ in range(2)] == [True, False]
    assert (rollout.state().version, len((await rollout.audit()).entries)) == (3, 2)


async def test_refused_changes_leave_nothing_behind(rollout: Rollout) -> None:
    for attempt in (
        rollout.set_rollout("", Wish(percent=12.3456), **WHO),
        rollout.set_rollout("", Wish(percent=5.0), actor="ana", reason=" "),
        rollout.set_rollout("", Wish(percent=5.0), expected_version=7, **WHO),
        rollout.toggle(expected_version=2, **WHO),
        rollout.advance(**WHO),
    ):
        with pytest.raises((InvalidRequest, Conflict, PreconditionFailed)):
            await attempt
    assert (rollout.state(), list((await rollout.audit()).entries)) == (RolloutState(), [])


async def test_pins_and_forced_variants_reach_the_hot_path() -> None:
    clock = Clock()
    rollout = Rollout(clock=clock)
    await rollout.set_rollout("shop", Wish(percent=0.0, policy=SwitchPolicy.PIN_CONVERSATION), **WHO)
    assert rollout.assignment("shop", "c", pin=Pin(Variant.HYBRID, clock.now)).decided_by == "pin"
    assert rollout.assignment("shop", "c", forced=Variant.HYBRID).decided_by == "forced"
    await rollout.disable(emergency=True, **WHO)
    assert rollout.assignment("shop", "c", forced=Variant.HYBRID).variant is Variant.CLASSIC


async def test_watchers_get_the_state_at_once_then_each_change_and_cost_no_reads(
    rollout: Rollout, store: FragileRolloutStore
) -> None:
    watches = [rollout.watch("shop") for _ in range(50)]
    assert {(await anext(each)).percent for each in watches} == {0.0}
    reads = store.reads
    await rollout.set_rollout("", Wish(percent=20.0), **WHO)
    async with asyncio.timeout(10):
        assert {(await anext(each)).percent for each in watches} == {20.0}
        assert store.reads == reads + 1
        rollout.end_watches()
        for each in watches:
            with pytest.raises(StopAsyncIteration):
                await anext(each)


async def test_the_file_is_followed_and_every_change_of_it_is_in_the_audit(tmp_path: Path) -> None:
    path = tmp_path / "switch"
    path.write_text("false")
    async with Rollout(100.0, "environment", share=25.0, file=SwitchFile(path), replica="one", wait=soon) as rollout:
        assert (rollout.state().percent, rollout.state().source) == (0.0, "file")
        path.write_text("true")
        assert (await until(rollout, lambda each: each.hybrid_enabled)).percent == 25.0
        path.write_text("USE_HYBRID_BOTLIVE=\n")
        assert (await until(rollout, lambda each: each.percent == 100.0)).source == "environment"

        async def is_noted() -> bool:
            return len((await rollout.audit()).entries) == 2

        await eventually(is_noted)
        newest = (await rollout.audit()).entries[0]
        assert (newest.action, newest.reason) == (
            "file",
            "USE_HYBRID_BOTLIVE says nothing to one; what holds comes from environment",
        )
        assert RolloutState.from_json(newest.before).source == "file"
        assert RolloutState.from_json(newest.after).source == "environment"


async def test_the_file_works_with_the_store_away_and_gives_way_to_what_the_api_set(
    store: FragileRolloutStore, tmp_path: Path
) -> None:
    path = tmp_path / "switch"
    async with Rollout(store=store, file=SwitchFile(path), wait=soon) as rollout:
        store.is_down = True
        path.write_text("true")
        assert (await until(rollout, lambda each: each.hybrid_enabled)).source == "file"
        store.is_down = False
        await rollout.set_rollout("", Wish(percent=5.0), **WHO)
        path.write_text("false")

        async def is_noted() -> bool:
            return await newest_action(rollout) == "file"

        await eventually(is_noted)
        assert (rollout.state().percent, rollout.state().source) == (5.0, "api")


async def test_an_unclear_file_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "switch").write_text("perhaps")
    with pytest.raises(InvalidRequest, match="switch, line 1"):
        async with rollout_from("true", percent=100.0, file=tmp_path / "switch"):
            pass


class Counted:
    """Turns by variant, and what was asked for."""

    def __init__(self) -> None:
        self.samples: Mapping[Variant, int] = {}
        self.asked: set[tuple[str, float]] = set()

    async def __call__(self, tenant: str, since: float) -> Mapping[Variant, int]:
        self.asked.add((tenant, since))
        return self.samples


PLAN = Wish(steps=(Step(10.0, 60, 100), Step(50.0, 60, 100), Step(100.0)))


async def test_progress_is_shown_and_a_plan_advances_by_hand_only(store: FragileRolloutStore) -> None:
    clock, counted = Clock(), Counted()
    async with Rollout(store=store, samples=counted, clock=clock, wait=soon) as rollout:
        await rollout.set_rollout("shop", PLAN, **WHO)
        assert await rollout.progress("shop") == Progress(60, 100)
        began = clock.now
        clock.now += 59.5
        counted.samples = {Variant.HYBRID: 99, Variant.CLASSIC: 400}
        assert await rollout.progress("shop") == Progress(1, 1)
        with pytest.raises(PreconditionFailed, match="STEP_NOT_DONE"):
            await rollout.advance("shop", **WHO)
        clock.now += 0.5
        counted.samples = {Variant.HYBRID: 100, Variant.CLASSIC: 400}
        for _ in range(20):
            await soon(0)
        assert rollout.state("shop").step == 0
        assert (await rollout.advance("shop", **WHO)).state.percent == 50.0
        assert counted.asked == {("shop", began)}
        assert rollout.state("shop").step_at == clock.now


async def test_a_plan_that_may_advances_alone_and_one_replica_does_it(store: FragileRolloutStore) -> None:
    clock, counted = Clock(), Counted()
    counted.samples = {Variant.HYBRID: 100, Variant.CLASSIC: 100}
    async with (
        Rollout(store=store, samples=counted, clock=clock, wait=soon) as one,
        Rollout(store=store, samples=counted, clock=clock, wait=soon) as two,
    ):
        alone = Wish(steps=PLAN.steps, auto_advance=True)
        await one.set_rollout("shop", alone, **WHO)
        for version, percent in ((3, 50.0), (4, 100.0)):
            clock.now += 60
            state = await until(two, lambda each, version=version: each.version == version, "shop")
            assert (state.percent, state.actor) == (percent, "plan")
        await until(one, lambda each: each.version == 4, "shop")
        actions = [each.action for each in (await one.audit()).entries]
        assert actions == ["AdvanceRollout", "AdvanceRollout", "SetRollout"]


async def test_a_note_is_in_the_audit_and_changes_nothing(rollout: Rollout) -> None:
    await rollout.note("shop", actor="ana", action="ResetMetrics", reason="new model")
    entry = (await rollout.audit("shop")).entries[0]
    assert (entry.action, entry.tenant, entry.before == entry.after) == ("ResetMetrics", "shop", True)
    assert rollout.state("shop").version == 1


async def test_a_fault_does_not_end_the_following(
    rollout: Rollout, store: FragileRolloutStore, caplog: pytest.LogCaptureFixture
) -> None:
    kept, store.kept = store.kept, None  # type: ignore[assignment]
    with caplog.at_level(logging.ERROR):

        async def has_failed() -> bool:
            return "following the rollout failed" in caplog.text

        await eventually(has_failed)
    store.kept = kept
    await rollout.enable(**WHO)
    assert (await until(rollout, lambda each: each.hybrid_enabled)).version == 2
