"""What becomes known of a turn after its reply, in memory and in a real Redis: ratings, and who never came back."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from libs.common.spending.memory_ledger import MemoryLedger
from services.router.adapters.memory_afterwards import MemoryLastTurns, MemoryRatings
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.adapters.memory_usage import MemoryUsage
from services.router.adapters.redis_afterwards import RedisLastTurns, RedisRatings
from services.router.afterwards.abandonment import Abandonments, LastTurn, LastTurns
from services.router.afterwards.rating import Rated, Rating, Ratings
from services.router.afterwards.sequel import Sequel, SequelKind
from services.router.judging.recording import MetricsRecorder
from services.router.judging.windows import Window
from services.router.turn import Rung, Variant
from services.router.turn_record import TurnRecord
from services.router.usage.query import UsageQuery, UsageQuestion
from services.router.usage.recording import UsageRecorder
from tests.fakes.metrics_world import NOON, State, World
from tests.fakes.router_world import RouterWorld

pytest_plugins = ("tests.redis_fixture",)

SHOP, OTHER = TenantId("shop"), TenantId("other")
SILENCE = 1800.0


class Sequels(list[Sequel]):
    """A `SequelRecorder` that keeps everything."""

    def record_sequel(self, sequel: Sequel) -> None:
        self.append(sequel)


@pytest.fixture(params=["memory", "redis"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[RedisStore | None]:
    if request.param == "memory":
        yield None
        return
    store = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=5.0)
    yield store
    await store.aclose()


@pytest.fixture
def ratings(redis: RedisStore | None) -> Ratings:
    return MemoryRatings() if redis is None else RedisRatings(redis)


@pytest.fixture
def last_turns(redis: RedisStore | None) -> LastTurns:
    return MemoryLastTurns() if redis is None else RedisLastTurns(redis)


async def test_first_rating_of_a_turn_stands(ratings: Ratings) -> None:
    shop, other = Principal("a", SHOP), Principal("a", OTHER)
    assert await ratings.standing(shop, "c1", "t1") is None
    assert await ratings.first(shop, "c1", "t1", is_good=False) == Rated(counted=True, is_good=False)
    assert await ratings.standing(shop, "c1", "t1") is False
    assert await ratings.first(shop, "c1", "t1", is_good=False) == Rated(counted=False, is_good=False)
    assert await ratings.first(shop, "c1", "t1", is_good=True) == Rated(counted=False, is_good=False)
    assert await ratings.first(shop, "c1", "t2", is_good=True) == Rated(counted=True, is_good=True)
    assert (await ratings.first(other, "c1", "t1", is_good=True)).counted


async def taken(last_turns: LastTurns, until: float) -> list[tuple[str, LastTurn]]:
    return sorted([pair async for pair in last_turns.take_silent(until)], key=lambda pair: pair[1].at)


async def test_a_conversation_is_taken_once_when_its_last_turn_asked_and_is_old(last_turns: LastTurns) -> None:
    asked = LastTurn("a", NOON, True, Variant.HYBRID, "awa", "groq")
    await last_turns.note(SHOP, [asked, LastTurn("b", NOON + 10, True, Variant.CLASSIC)])
    await last_turns.note(OTHER, [LastTurn("a", NOON + 20, True, Variant.CLASSIC)])
    assert await taken(last_turns, NOON - 1) == []
    assert await taken(last_turns, NOON + 5) == [(SHOP, asked)]
    assert await taken(last_turns, NOON + 5) == []
    assert [(tenant, turn.conversation) for tenant, turn in await taken(last_turns, NOON + 99)] == [
        (SHOP, "b"),
        (OTHER, "a"),
    ]
    assert await taken(last_turns, NOON + 99) == []


async def test_a_later_turn_wins_in_whatever_order_replicas_tell(last_turns: LastTurns) -> None:
    asked, answered = LastTurn("a", NOON, True, Variant.HYBRID), LastTurn("a", NOON + 1, False, Variant.HYBRID)
    await last_turns.note(SHOP, [answered])
    await last_turns.note(SHOP, [asked])
    assert await taken(last_turns, NOON + 99) == []
    # It goes on later, and is left then.
    again = replace(asked, at=NOON + 200)
    await last_turns.note(SHOP, [again])
    await last_turns.note(SHOP, [replace(asked, at=NOON + 150)])
    assert await taken(last_turns, NOON + 300) == [(SHOP, again)]


async def test_every_silent_conversation_comes_out_in_the_end(last_turns: LastTurns) -> None:
    for number in range(30):
        turns = [
            LastTurn(f"c{each}", NOON + each / 1000, True, Variant.HYBRID) for each in range(12 if number else 450)
        ]
        await last_turns.note(TenantId(f"t{number}"), turns)
    found = 0
    for _ in range(6):
        found += len(await taken(last_turns, NOON + 99))
    assert found == 450 + 29 * 12


async def test_value_that_was_moved_between_conversations_is_not_believed(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    last_turns, redis = RedisLastTurns(store), store.for_tenant(Principal("t", SHOP))
    await last_turns.note(SHOP, [LastTurn(each, NOON, True, Variant.HYBRID) for each in ("a", "b")])
    what = redis.key("last-turns-what")
    await redis.hset(what, {"a": await redis.hget(what, "b") or b""})
    assert [turn.conversation for _, turn in await taken(last_turns, NOON + 1)] == ["b"]
    await store.aclose()


def turn(conversation: str, at: float, *, awaits: bool | None, variant: Variant = Variant.HYBRID) -> TurnRecord:
    return TurnRecord(SHOP, conversation, "t", variant, Rung.ASSIGNED, 0.5, at, agent="awa", awaits=awaits)


async def test_two_replicas_count_each_abandonment_once(last_turns: LastTurns) -> None:
    now = NOON
    sequels = Sequels()
    one, two = (
        Abandonments(last_turns, silence_seconds=SILENCE, recorders=[sequels], clock=lambda: now) for _ in range(2)
    )
    one.record(turn("left", NOON, awaits=True))
    one.record(turn("went-on", NOON, awaits=True))
    two.record(turn("went-on", NOON + 60, awaits=False))
    one.record(turn("only-asked-a-question", NOON, awaits=None))
    for replica in (two, one):
        await replica.flush()
    now = NOON + SILENCE - 1
    await one.look()
    assert sequels == []
    now = NOON + SILENCE + 1
    for replica in (one, two, one):
        await replica.look()
    assert sequels == [Sequel(SHOP, SequelKind.ABANDONED, Variant.HYBRID, NOON, agent="awa")]


async def test_what_was_noted_while_the_store_was_away_is_handed_over_later() -> None:
    class Away(MemoryLastTurns):
        is_away = True

        async def note(self, tenant: TenantId, turns: object) -> None:
            if self.is_away:
                raise Unavailable("STORE_UNAVAILABLE", "away")
            await super().note(tenant, turns)  # type: ignore[arg-type]

    store, sequels = Away(), Sequels()
    following = Abandonments(store, silence_seconds=SILENCE, recorders=[sequels], clock=lambda: NOON + SILENCE + 1)
    following.record(turn("left", NOON, awaits=True))
    with pytest.raises(Unavailable):
        await following.flush()
    store.is_away = False
    await following.flush()
    await following.look()
    assert len(sequels) == 1


def sequels_of_a_day(recorder: MetricsRecorder | UsageRecorder) -> None:
    bad = Sequel(SHOP, SequelKind.BAD, Variant.HYBRID, NOON, reason="wrong", agent="awa")
    for sequel in (
        bad,
        replace(bad, reason=""),
        replace(bad, kind=SequelKind.GOOD, reason="", assigned=Variant.CLASSIC),
        replace(bad, kind=SequelKind.ABANDONED, reason="", at=NOON - 900),
        replace(bad, cache_hit=True),
    ):
        recorder.record_sequel(sequel)


async def test_metrics_count_them_for_the_assigned_system_and_prove_nothing_by_them() -> None:
    world = World(MemoryMetrics(), states={"": State(step_at=NOON - 600)})
    recorder = world.recorder()
    sequels_of_a_day(recorder)
    assert recorder.waiting == 5
    await recorder.flush()
    for scope in ("", SHOP):
        counts = (await world.judge().report(scope, Window.DAY)).counts
        assert (counts.hybrid.rated_bad, counts.hybrid.rated_good, counts.hybrid.abandoned) == (2, 0, 1)
        assert dict(counts.hybrid.bad_reasons) == {"wrong": 1}
        assert counts.old.rated_good == 1
        assert (counts.hybrid.count, counts.hybrid.errors) == (0, 0)
        # The turn that nobody answered was one of the step before.
        assert (await world.judge().report(scope, Window.STEP)).counts.hybrid.abandoned == 0
        journal = await world.store.journal(scope)
        assert (dict(journal.fields), journal.recent) == ({}, "")


async def test_usage_counts_them_by_day_and_agent() -> None:
    store = MemoryUsage()
    recorder = UsageRecorder(store)
    sequels_of_a_day(recorder)
    await recorder.flush()
    query = UsageQuery(store, MemoryLedger(), clock=lambda: NOON)
    day = query.today()
    (line,) = await query.ask(UsageQuestion(SHOP, day, day, ("agent",)))
    assert (line.rated_bad, line.rated_good, line.abandoned, line.messages) == (3, 1, 1, 0)


class AwayRatings(MemoryRatings):
    """Ratings whose store does not answer."""

    async def standing(self, principal: Principal, conversation_id: str, turn_id: str) -> bool | None:
        raise Unavailable("STORE_UNAVAILABLE", "away")


async def test_while_the_store_is_away_no_turn_is_said_to_be_unknown() -> None:
    world, sequels, shop = RouterWorld(), Sequels(), Principal("a", SHOP)
    await world.say("avant", turn_id="before")
    world.store.trouble.mode = "error"
    await world.say("pendant", turn_id="during")
    rating = Rating(world.conversations, AwayRatings(), recorders=[sequels])
    for turn_id in ("before", "during", "never"):
        with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
            await rating.rate(shop, "c1", turn_id, is_good=True)
    assert sequels == []


async def test_a_second_rating_is_told_the_first_without_reading_the_conversation(ratings: Ratings) -> None:
    world, sequels, shop = RouterWorld(), Sequels(), Principal("a", SHOP)
    await world.say("avant", turn_id="t1")
    rating = Rating(world.conversations, ratings, recorders=[sequels], clock=lambda: NOON)
    assert (await rating.rate(shop, "c1", "t1", is_good=False, reason="slow")).counted
    loads = world.store.loads
    assert await rating.rate(shop, "c1", "t1", is_good=True) == Rated(counted=False, is_good=False)
    assert world.store.loads == loads
    assert sequels == [Sequel(SHOP, SequelKind.BAD, Variant.HYBRID, NOON, reason="slow")]
