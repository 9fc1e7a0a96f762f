"""What every store of metrics must do, in memory and in a real Redis, seen through those that use it."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.adapters.redis_metrics import RedisMetrics
from services.router.judging.counts import read_counts, read_events
from services.router.judging.guarding import Guard, Outcome
from services.router.judging.rounds import Rounds
from services.router.judging.store import DEALT, EVERYBODY, Additions, Mark, Stamp
from services.router.judging.verdict import Recommendation
from services.router.judging.windows import Window
from services.router.turn import Rung, Usage, Variant
from tests.fakes.metrics_world import NOON, SHOP, State, World, record_example, turn

pytest_plugins = ("tests.redis_fixture",)
OTHER = TenantId("other")


@pytest.fixture(params=["memory", "redis"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        yield World(MemoryMetrics())
        return
    store = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=2.0)
    try:
        yield World(RedisMetrics(store))
    finally:
        await store.aclose()


async def test_counts_add_up_over_replicas_tenants_and_windows(world: World) -> None:
    recorders = [world.recorder(f"r{number}") for number in range(4)]
    for number in range(200):
        tenant = SHOP if number % 4 else OTHER
        recorders[number % 3].record(turn(f"c{number // 2}", tenant=tenant, seconds=0.5, failed=number % 10 == 0))
    await asyncio.gather(*(recorder.flush() for recorder in recorders))
    judge = world.judge()
    for window in Window:
        everybody = (await judge.report(EVERYBODY, window)).counts.hybrid
        assert (everybody.count, everybody.errors, everybody.mean_seconds) == (200, 20, 0.5)
        shop = (await judge.report(SHOP, window)).counts.hybrid
        assert shop.count == 150
    report = await judge.report(EVERYBODY, Window.DAY, conversations=True)
    # The two turns of a conversation name the same one where they are of the same tenant.
    assert report.conversations == {Variant.CLASSIC: 0, Variant.HYBRID: pytest.approx(150, abs=2)}
    assert await judge.samples(SHOP, world.standing(SHOP).step_at) == {Variant.CLASSIC: 0, Variant.HYBRID: 150}
    assert await judge.samples(SHOP, 0.0) == {Variant.CLASSIC: 0, Variant.HYBRID: 0}


async def test_a_rescue_is_the_assigned_systems_failure_and_not_the_rescuers_turn(world: World) -> None:
    recorder = world.recorder()
    recorder.record(turn("c1", Variant.HYBRID, rung=Rung.OTHER_ENGINE, failed=True))
    recorder.record(turn("c2", Variant.HYBRID, rung=Rung.TEMPLATE, template=True, escalated=True, asked_again=True))
    recorder.record(turn("c3", Variant.HYBRID, cache_hit=True))
    await recorder.flush()
    counts = (await world.judge().report(SHOP, Window.HOUR)).counts
    assert counts.old.count == counts.old.errors == 0
    hybrid = counts.hybrid
    assert (hybrid.count, hybrid.errors, hybrid.rescued, hybrid.cache_hits) == (2, 1, 1, 1)
    assert hybrid.levels == (0, 1, 1, 0)
    assert (hybrid.templates, hybrid.escalations, hybrid.asked_again) == (1, 1, 1)


async def test_windows_see_only_their_time(world: World) -> None:
    recorder = world.recorder()
    for hours in (0, 2, 30, 200):
        recorder.record(turn(f"c{hours}", at=NOON - hours * 3600))
    await recorder.flush()
    judge = world.judge()
    counts = {window: (await judge.report(SHOP, window)).counts.hybrid.count for window in Window}
    assert counts == {Window.HOUR: 1, Window.DAY: 2, Window.WEEK: 3, Window.STEP: 4}


async def test_a_step_counts_from_its_beginning(world: World) -> None:
    recorder = world.recorder()
    recorder.record(turn("c1"))
    world.states[SHOP] = State(step_at=NOON)
    recorder.record(turn("c2"))
    await recorder.flush()
    assert (await world.judge().report(SHOP, Window.STEP)).counts.hybrid.count == 1
    # All tenants together are still in their first step.
    assert (await world.judge().report(EVERYBODY, Window.STEP)).counts.hybrid.count == 2


async def test_a_conversation_is_bad_once_however_many_replicas_saw_it(world: World) -> None:
    recorders = [world.recorder(f"r{number}") for number in range(3)]
    for recorder in recorders:
        for _ in range(5):
            recorder.record(turn("stuck", failed=True, template=True))
        recorder.record(turn("fine", Variant.CLASSIC))
        await recorder.flush()
    for scope in (SHOP, EVERYBODY):
        fields = (await world.store.journal(scope)).fields
        assert (read_events(fields, "error").hybrid, read_events(fields, "soft").hybrid) == (1, 1)
        assert fields["dealt.h"] == fields["dealt.c"] == 1
    assert (await world.judge().report(SHOP, Window.DAY)).counts.hybrid.errors == 15


async def test_turns_that_chance_did_not_deal_prove_nothing(world: World) -> None:
    recorder = world.recorder()
    for percent in (0.0, 100.0):
        world.states[SHOP] = State(percent=percent)
        recorder.record(turn(f"c{percent}", failed=True))
    await recorder.flush()
    assert (await world.store.journal(SHOP)).fields == {}
    assert (await world.judge().report(SHOP, Window.DAY)).counts.hybrid.errors == 2


async def test_slow_is_slower_than_nearly_all_of_classic(world: World) -> None:
    recorder = world.recorder()
    for number in range(100):
        recorder.record(turn(f"o{number}", Variant.CLASSIC, seconds=1.0 + number / 100))
    await recorder.flush()
    world.now += 61
    recorder.record(turn("h1", seconds=2.5, at=world.now))
    recorder.record(turn("h2", seconds=1.5, at=world.now))
    await recorder.flush()
    slow = read_events((await world.store.journal(SHOP)).fields, "slow")
    assert (slow.old, slow.hybrid) == (0, 1)


async def test_reset_empties_one_scope_and_what_comes_late_stays_out(world: World) -> None:
    recorder, late = world.recorder(), world.recorder("late")
    record_example(recorder)
    late.record(turn("late", failed=True))
    await recorder.flush()
    world.now += 1
    judge = world.judge()
    await judge.reset(SHOP, actor="ama", reason="a new prompt")
    assert world.audit == [(SHOP, "ama", "ResetMetrics", "a new prompt")]
    await late.flush()
    for window in Window:
        assert (await judge.report(SHOP, window)).counts.hybrid.count == 0
        assert (await judge.report(EVERYBODY, window)).counts.hybrid.count == 201
    assert (await world.store.journal(SHOP)).fields == {}
    late.record(turn("late", failed=True, at=world.now + 1))
    await late.flush()
    assert (await judge.report(SHOP, Window.DAY)).counts.events["error"].hybrid == 1


async def test_the_same_stamp_counts_once_and_claims_the_same(world: World) -> None:
    marks = [Mark("error", "aa", NOON), Mark("error", "aa", NOON), Mark(DEALT, "aa", NOON)]
    first = await world.store.claim(SHOP, Stamp("r", 1), marks)
    assert list(first) == [True, False, True]
    assert list(await world.store.claim(SHOP, Stamp("r", 1), marks)) == list(first)
    assert list(await world.store.claim(SHOP, Stamp("r", 2), marks)) == [False, False, False]
    much_later = [Mark("error", "aa", NOON + 8 * 86_400), Mark(DEALT, "bb", NOON + 8 * 86_400)]
    assert list(await world.store.claim(SHOP, Stamp("r", 3), much_later)) == [False, True]
    assert list(await world.store.claim(SHOP, Stamp("r", 4), much_later[:1])) == [True]


async def test_adding_twice_under_one_stamp_adds_once(world: World) -> None:
    for number in (1, 1, 2):
        await world.store.add(EVERYBODY, Stamp("r", number), Additions((), recent="01", suspects=[SHOP]))
    journal = await world.store.journal(EVERYBODY)
    assert (journal.recent, journal.suspects) == ("0101", {SHOP})
    await world.store.add(EVERYBODY, Stamp("r", 3), Additions((), recent="1" * 30))
    assert (await world.store.journal(EVERYBODY)).recent == "1" * 20


class Interrupted:
    """A store whose answers get lost: each call may fail before or after it took effect."""

    def __init__(self, store: object, generator: random.Random) -> None:
        self._store = store
        self._generator = generator

    def __getattr__(self, name: str) -> object:
        method = getattr(self._store, name)

        async def call(*arguments: object, **named: object) -> object:
            chance = self._generator.random()
            if chance < 0.3:
                raise Unavailable("STORE_UNAVAILABLE", "before")
            answer = await method(*arguments, **named)
            if chance < 0.6:
                raise Unavailable("STORE_UNAVAILABLE", "after")
            return answer

        return call


async def test_nothing_is_lost_or_doubled_while_the_store_comes_and_goes(world: World) -> None:
    steady = world.store
    world.store = Interrupted(steady, random.Random(11))  # type: ignore[assignment]
    recorder = world.recorder(batch_turns=60)
    record_example(recorder)
    tries = 0
    while not await recorder.flush():
        tries += 1
    assert tries > 5
    assert (recorder.waiting, recorder.dropped) == (0, 0)
    world.store = steady
    for scope in (SHOP, EVERYBODY):
        counts = (await world.judge().report(scope, Window.DAY)).counts
        assert (counts.old.count, counts.old.errors, counts.hybrid.count, counts.hybrid.errors) == (150, 12, 200, 3)
        assert (counts.events["error"].old, counts.events["error"].hybrid) == (12, 3)
        assert (counts.dealt_old, counts.dealt_hybrid) == (150, 200)


async def test_what_does_not_fit_into_the_waiting_room_is_counted_as_dropped(world: World) -> None:
    recorder = world.recorder(max_waiting=10)
    for number in range(15):
        recorder.record(turn(f"c{number}"))
    assert (recorder.waiting, recorder.dropped) == (10, 5)
    assert await recorder.flush()
    assert (await world.judge().report(SHOP, Window.HOUR)).counts.hybrid.count == 10


async def test_the_known_example_recommends_hybrid(world: World) -> None:
    world.states[""] = State(percent=100 * 200 / 350)
    recorder = world.recorder()
    record_example(recorder)
    await recorder.flush()
    verdict = (await world.judge().report(SHOP, Window.DAY)).verdict
    assert verdict.recommendation is Recommendation.HYBRID
    assert verdict.evidence.better == pytest.approx(40.7, abs=0.05)
    assert verdict.evidence.is_dealt


# The guard.


def harm(world: World, *, tenants: Sequence[TenantId] = (SHOP,), replicas: int = 4) -> list[Rounds]:
    """Replicas that noted 144 conversations per tenant: a third of hybrid's failed, never five in a row; no others."""
    rounds: list[Rounds] = []
    for replica in range(replicas):
        recorder = world.recorder(f"r{replica}")
        for tenant in tenants:
            for number in range(replica, 144, replicas):
                variant = Variant.HYBRID if number % 2 else Variant.CLASSIC
                at = NOON + number / 10
                recorder.record(turn(f"c{number}", variant, tenant=tenant, failed=number % 6 == 1, at=at))
        rounds.append(Rounds(recorder, world.guard()))
    return rounds


async def test_four_guards_on_one_store_roll_back_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    rounds = harm(world)
    for _ in range(3):
        await asyncio.gather(*(each.once() for each in rounds))
        for each in rounds:
            # Another reason to look again.
            each._recorder.record(turn("later", Variant.CLASSIC, at=NOON + 60))  # pyright: ignore[reportPrivateUsage]
    ((tenant, reason, evidence),) = world.rollbacks
    assert tenant == SHOP
    assert reason.startswith("harm_error ")
    assert evidence["cause"] == "harm_error"
    assert [record.getMessage() for record in caplog.records] == [
        f"[ROUTER] RETOUR AUTOMATIQUE vers ancien système: {reason}"
    ]


async def test_harm_that_no_tenant_shows_alone_rolls_everybody_back(world: World) -> None:
    recorder = world.recorder()
    for number in range(24):
        tenant = TenantId(f"shop-{number}")
        recorder.record(turn("c1", tenant=tenant, failed=True, at=NOON + number))
        # Failures never come five in a row, nor are they half of all.
        for other in range(2):
            recorder.record(turn(f"d{other}", tenant=tenant, at=NOON + number + 0.1 + other / 10))
    await Rounds(recorder, world.guard()).once()
    ((tenant, reason, _),) = world.rollbacks
    assert tenant == EVERYBODY
    assert reason.startswith("harm_error")


async def test_two_guilty_tenants_do_not_take_the_others_along(world: World) -> None:
    for each in harm(world, tenants=(SHOP, OTHER), replicas=1):
        await each.once()
    assert sorted(tenant for tenant, _, _ in world.rollbacks) == [OTHER, SHOP]
    assert world.standing("innocent").percent == 50


async def test_five_failures_in_a_row_trip_without_any_statistics(world: World) -> None:
    world.states[SHOP] = State(percent=100.0)
    recorder = world.recorder()
    for number in range(5):
        recorder.record(turn(f"c{number}", failed=True, at=NOON + number))
    await recorder.flush()
    assert await world.guard().check(SHOP) is Outcome.ROLLED_BACK
    assert world.rollbacks[0][1] == "consecutive_failures 5 (limit 5)"


async def test_two_slow_minutes_trip(world: World) -> None:
    world.states[SHOP] = State(percent=100.0)
    recorder = world.recorder()
    for number in range(100):
        recorder.record(turn(f"o{number}", Variant.CLASSIC, at=NOON - 3600))
    guard = world.guard()
    for minute in range(3):
        for number in range(20):
            recorder.record(turn(f"h{minute}-{number}", seconds=4.0, at=NOON + 60 * minute))
    await recorder.flush()
    outcomes: list[Outcome] = []
    for _ in range(3):
        outcomes.append(await guard.check(SHOP))
        world.now += 60
    assert outcomes == [Outcome.CLEAR, Outcome.CLEAR, Outcome.ROLLED_BACK]
    assert world.rollbacks[0][1].startswith("slowness ")


async def test_evidence_begins_anew_once_a_person_has_acknowledged(world: World) -> None:
    (rounds,) = harm(world, replicas=1)
    await rounds.once()
    assert len(world.rollbacks) == 1
    guard: Guard = world.guard()
    world.now += 3600
    assert await guard.check(SHOP) is Outcome.SETTLED
    before = (await world.store.journal(SHOP)).fields
    assert before["error.h"] > 0
    world.states[SHOP] = State(percent=50.0)
    assert await guard.check(SHOP) is Outcome.CLEAR
    assert (await world.store.journal(SHOP)).fields == {}
    assert len(world.rollbacks) == 1
    world.now += 3600
    recorder = world.recorder("fresh")
    for number in range(5):
        recorder.record(turn(f"c{number}", failed=True, at=world.now + number))
    await Rounds(recorder, world.guard()).once()
    assert len(world.rollbacks) == 2


async def test_a_replica_that_has_not_heard_yet_leaves_a_fresh_rollback_alone(world: World) -> None:
    (rounds,) = harm(world, replicas=1)
    await rounds.once()
    world.states[SHOP] = State(percent=50.0)
    assert await world.guard().check(SHOP) is Outcome.SETTLED
    assert (await world.store.journal(SHOP)).fields != {}
    assert len(world.rollbacks) == 1


async def test_without_hybrid_traffic_nothing_is_rolled_back(world: World) -> None:
    rounds = harm(world)
    world.states[""] = State(percent=0.0)
    for each in rounds:
        await each.once()
    assert world.rollbacks == []


async def test_rounds_outlive_a_store_that_is_away(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        def __getattr__(self, name: str) -> object:
            async def call(*arguments: object, **named: object) -> object:
                raise Unavailable("STORE_UNAVAILABLE", "away")

            return call

    world.store = Away()  # type: ignore[assignment]
    recorder = world.recorder()
    recorder.record(turn("c1"))
    rounds = Rounds(recorder, world.guard())
    await rounds.once()
    await rounds.once()
    assert recorder.waiting == 1
    assert [record.getMessage() for record in caplog.records] == ["metrics wait in memory: STORE_UNAVAILABLE"]


# What only Redis can get wrong.


async def test_a_hash_that_is_another_tenants_is_not_read(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        world = World(RedisMetrics(store))
        recorder = world.recorder()
        recorder.record(turn("c1", failed=True))
        await recorder.flush()
        for key in await store.platform.connections.run(("KEYS", "metrics:{shop}:[mhs]:*")):
            if key.endswith((b":classic", b":hybrid")):
                continue
            await store.platform.connections.run(("COPY", key, key.replace(b"{shop}", b"{other}")))
        assert (await world.judge().report(SHOP, Window.DAY)).counts.hybrid.count == 1
        assert (await world.judge().report(OTHER, Window.DAY)).counts.hybrid.count == 0
        assert store.seal_failures == 1
    finally:
        await store.aclose()


async def test_every_key_in_redis_ends_some_day(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        world = World(RedisMetrics(store))
        recorder = world.recorder()
        record_example(recorder)
        await recorder.flush()
        await world.judge().reset(SHOP, actor="ama", reason="test")
        run = store.platform.connections.run
        keys = await run(("KEYS", "*"))
        assert len(keys) > 10
        assert [key for key in keys if await run(("TTL", key)) < 0] == []
    finally:
        await store.aclose()


async def test_cost_of_models_adds_up(world: World) -> None:
    recorder = world.recorder()
    for number in range(3):
        recorder.record(replace(turn(f"c{number}"), usage=Usage(cost_micro_usd=20 + number)))
    await recorder.flush()
    assert read_counts((await world.store.counts(SHOP, Window.DAY.buckets(NOON, 0))).fields).hybrid.cost_micro_usd == 63
