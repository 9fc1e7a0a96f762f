"""Single flight over replicas: on leases in memory and in a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.adapters.memory_leases import MemoryLeases
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.adapters.redis_leases import RedisLeases
from services.cache.flights import Flights, Grant, Led
from services.cache.lookup import Question
from tests.fakes.cache_world import CacheWorld, principal

OWNER = principal("tenant-a")
QUESTION = "Livrez-vous à Bouaké ?"


@dataclass
class Replicas:
    """Two replicas on one store and its leases."""

    one: CacheWorld
    two: CacheWorld
    flights_one: Flights
    flights_two: Flights
    leases: MemoryLeases | RedisLeases

    async def ask(self, flights: Flights, *, wait_seconds: float = 5.0, text: str = QUESTION) -> Led:
        return await flights.look_up(OWNER, Question(text), may_lead=True, wait_seconds=wait_seconds)


@pytest.fixture(params=["memory", "redis"])
async def replicas(request: pytest.FixtureRequest) -> AsyncIterator[Replicas]:
    redis: RedisStore | None = None
    if request.param == "memory":
        store: MemoryAnswers | RedisAnswers = MemoryAnswers()
        leases: MemoryLeases | RedisLeases = MemoryLeases()
    else:
        redis = RedisStore.connect(request.getfixturevalue("redis_url"), db=5, timeout_seconds=1.0)
        store, leases = RedisAnswers(redis), RedisLeases(redis)
    one, two = CacheWorld(store, store), CacheWorld(store, store)
    flights = Flights(one.answers, leases), Flights(two.answers, leases)
    yield Replicas(one, two, *flights, leases)
    for each in flights:
        await each.aclose()
    if redis is not None:
        await redis.aclose()


async def test_one_caller_leads_and_every_other_gets_its_answer(replicas: Replicas) -> None:
    leader = await replicas.ask(replicas.flights_one)
    assert leader.lease
    assert leader.lookup.miss_reason == "NO_CANDIDATE"
    waiting = [asyncio.create_task(replicas.ask(flights)) for flights in [replicas.flights_two] * 20]
    kept = await replicas.one.keep("tenant-a", QUESTION, "Oui.")
    await replicas.flights_one.give_back(OWNER, kept.key, leader.lease, is_kept=True)
    answers = await asyncio.gather(*waiting)
    assert {each.lookup.hit.entry.text for each in answers if each.lookup.hit} == {"Oui."}
    assert all(each.lookup.hit and not each.lease for each in answers)


async def test_when_the_leaders_answer_is_not_kept_nobody_waits_for_another(replicas: Replicas) -> None:
    leader = await replicas.ask(replicas.flights_one)
    waiting = [asyncio.create_task(replicas.ask(replicas.flights_two)) for _ in range(5)]
    await asyncio.sleep(0)
    await replicas.flights_one.give_back(OWNER, leader.lookup.key, leader.lease, is_kept=False)
    after = [*await asyncio.gather(*waiting), await replicas.ask(replicas.flights_one)]
    assert {(each.lease, each.lookup.miss_reason) for each in after} == {("", "NO_CANDIDATE")}


async def test_when_the_answer_is_gone_again_exactly_one_of_those_who_wait_leads_next(replicas: Replicas) -> None:
    leader = await replicas.ask(replicas.flights_one)
    waiting = [asyncio.create_task(replicas.ask(replicas.flights_two)) for _ in range(5)]
    await asyncio.sleep(0)
    await replicas.flights_one.give_back(OWNER, leader.lookup.key, leader.lease, is_kept=True)
    after = await asyncio.gather(*waiting)
    assert sum(bool(each.lease) for each in after) == 1
    assert {each.lookup.miss_reason for each in after if not each.lease} == {"IN_FLIGHT"}


async def test_who_does_not_wait_is_told_that_another_one_leads(replicas: Replicas) -> None:
    await replicas.ask(replicas.flights_one)
    told = await replicas.ask(replicas.flights_two, wait_seconds=0)
    assert (told.lease, told.lookup.miss_reason) == ("", "IN_FLIGHT")


async def test_another_question_and_another_tenant_are_not_held_up(replicas: Replicas) -> None:
    await replicas.ask(replicas.flights_one)
    other = await replicas.ask(replicas.flights_two, text="Comment payer ma facture ?")
    stranger = await replicas.flights_two.look_up(
        principal("tenant-b"), Question(QUESTION), may_lead=True, wait_seconds=0
    )
    assert other.lease
    assert stranger.lease


async def test_a_lease_is_given_back_by_its_holder_alone(replicas: Replicas) -> None:
    leader = await replicas.ask(replicas.flights_one)
    await replicas.flights_two.give_back(OWNER, leader.lookup.key, "somebody-else", is_kept=True)
    assert await replicas.leases.is_held(OWNER, leader.lookup.key)


async def test_what_will_not_be_kept_is_not_led(replicas: Replicas) -> None:
    for text in ("oui", "", "et pour 12 ?"):
        led = await replicas.ask(replicas.flights_one, text=text)
        assert led.lease == ""
    await replicas.one.keep("tenant-a", QUESTION, "", nothing_found=True)
    assert (await replicas.ask(replicas.flights_two)).lookup.miss_reason == "NOTHING_FOUND"


class DeadLeases:
    """A store of leases that does not answer."""

    async def take(self, owner: Principal, key: str, token: str, *, seconds: float) -> Grant:
        raise Unavailable("STORE_UNAVAILABLE", "It is down.")

    async def is_held(self, owner: Principal, key: str) -> bool:
        raise Unavailable("STORE_UNAVAILABLE", "It is down.")

    async def give_back(self, owner: Principal, key: str, token: str, *, pointless_seconds: float) -> None:
        raise Unavailable("STORE_UNAVAILABLE", "It is down.")


async def test_without_leases_every_caller_makes_its_own_answer() -> None:
    store = MemoryAnswers()
    flights = Flights(CacheWorld(store, store).answers, DeadLeases())
    led = await flights.look_up(OWNER, Question(QUESTION), may_lead=True, wait_seconds=5)
    assert (led.lease, led.lookup.miss_reason) == ("", "NO_CANDIDATE")
    await flights.give_back(OWNER, "key", "lease", is_kept=False)


async def test_a_lease_whose_holder_died_ends_by_itself() -> None:
    now = [0.0]
    leases = MemoryLeases(now=lambda: now[0])
    assert await leases.take(OWNER, "key", "one", seconds=8) is Grant.TAKEN
    assert await leases.take(OWNER, "key", "two", seconds=8) is Grant.HELD
    now[0] = 8.0
    assert await leases.take(OWNER, "key", "two", seconds=8) is Grant.TAKEN
