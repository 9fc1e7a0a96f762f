"""One tenant's answers never reach another: by construction, and when values in Redis end up under foreign keys."""

import random
from collections.abc import AsyncIterator

import pytest

from benchmarks.cache_isolation import HOSTILE_TENANTS, SharedByAll, Tally, fill, probe
from benchmarks.cache_stand import Replica
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal
from services.cache.adapters.memory_answers import MemoryAnswers, _Shelf
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.adapters.redisearch_nearest import RedisearchNearest
from services.cache.fingerprint import fingerprint, normalise
from tests.fakes.cache_world import CacheWorld, principal
from tests.redis_fixture import query_engines

TENANTS = [f"company_{letter}" for letter in "ABCDEFGHIJ"]
PLACES = ["Cocody", "Yopougon", "Bouaké", "Korhogo", "Marcory", "Abobo"]
SHAPES = ["Combien coûte la livraison à {} ?", "Livrez-vous le lundi à {} ?", "Où se trouve la boutique de {} ?"]
QUESTION = "Combien coûte la livraison à Cocody ?"


@pytest.fixture(params=["memory", "redis", *(["redisearch"] if query_engines() else [])])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[CacheWorld]:
    if request.param == "memory":
        memory = MemoryAnswers()
        yield CacheWorld(memory, memory, max_bytes=20_000)
        return
    has_engine = request.param == "redisearch"
    url = request.getfixturevalue("query_engine_url" if has_engine else "redis_url")
    redis = RedisStore.connect(url, db=5, prefix="test:" if has_engine else "", timeout_seconds=1.0)
    store = RedisAnswers(redis, keeps_vectors=has_engine)
    nearest = RedisearchNearest(redis, dimensions=64) if has_engine else None
    if nearest is not None:
        await nearest.prepare()
    # Small enough that tenants push each other out of memory and are loaded again.
    yield CacheWorld(store, store, max_bytes=20_000, nearest=nearest)
    await redis.aclose()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore.connect(redis_url, db=5, timeout_seconds=1.0)
    yield store
    await store.aclose()


async def test_random_questions_of_many_tenants_are_answered_from_their_own_only(world: CacheWorld) -> None:
    dice = random.Random(20261121)
    questions = [shape.format(place) for shape in SHAPES for place in PLACES]
    kept: set[tuple[str, str]] = set()
    hits = 0
    for _ in range(600):
        tenant, question = dice.choice(TENANTS), dice.choice(questions)
        if dice.random() < 0.2:
            await world.keep(tenant, question, f"{tenant} dit : {question}")
            kept.add((tenant, question))
            continue
        asked = question if dice.random() < 0.5 else f"Dites, {question[0].lower()}{question[1:]}"
        found = await world.look_up(tenant, asked)
        if found.hit is not None:
            hits += 1
            assert found.hit.entry.text == f"{tenant} dit : {question}"
            assert (tenant, question) in kept
    assert hits > 50


async def test_the_same_question_is_a_miss_for_every_tenant_that_has_not_kept_it(world: CacheWorld) -> None:
    for tenant in TENANTS:
        assert (await world.look_up(tenant, QUESTION)).hit is None
        await world.keep(tenant, QUESTION, f"réponse de {tenant}")
    for tenant in TENANTS:
        found = await world.look_up(tenant, QUESTION)
        assert found.hit is not None
        assert found.hit.entry.text == f"réponse de {tenant}"


async def test_a_tenant_whose_name_begins_like_another_sees_nothing(world: CacheWorld) -> None:
    await world.keep("company_A", QUESTION, "A")
    for other in ("company_AA", "company_", "Company_A", "company_a"):
        assert (await world.look_up(other, QUESTION)).hit is None


async def test_an_entry_copied_under_another_tenants_key_is_a_counted_miss(redis: RedisStore) -> None:
    store = RedisAnswers(redis)
    world = CacheWorld(store, store)
    await world.keep("company_A", QUESTION, "A only")
    a, b = (redis.for_tenant(principal(tenant)) for tenant in ("company_A", "company_B"))
    ids = {
        tenant: fingerprint(tenant=tenant, agent="", language="fr", normalised=normalise(QUESTION))
        for tenant in ("company_A", "company_B")
    }
    value = await a.get(a.key("semantic_cache:v2", "x", ids["company_A"]))
    assert value is not None
    await b.set(b.key("semantic_cache:v2", "x", ids["company_B"]), value)
    assert (await world.look_up("company_B", QUESTION)).hit is None
    await world.counters.flush()
    assert (await store.totals(principal("company_B")))["seal_failures"] == 1


async def test_rows_and_entries_copied_whole_are_never_served(redis: RedisStore) -> None:
    store = RedisAnswers(redis)
    await CacheWorld(store, store).keep("company_A", QUESTION, "A only")
    a, b = (redis.for_tenant(principal(tenant)) for tenant in ("company_A", "company_B"))
    entry_id = fingerprint(tenant="company_A", agent="", language="fr", normalised=normalise(QUESTION))
    for parts in (("x", entry_id), ("rows",), ("order",), ("expiry",), ("version",)):
        dump = await a.command("DUMP", a.key("semantic_cache:v2", *parts))
        await b.command("RESTORE", b.key("semantic_cache:v2", *parts), 0, dump)
    world = CacheWorld(store, store)
    for text in (QUESTION, "Combien coûte une livraison pour Cocody ?"):
        assert (await world.look_up("company_B", text)).hit is None
    await world.counters.flush()
    assert (await store.totals(principal("company_B")))["seal_failures"] >= 1


async def _probed(store: MemoryAnswers | RedisAnswers) -> Tally:
    tenants, dice = (*HOSTILE_TENANTS, *TENANTS), random.Random(7)
    await fill(store, tenants, dice)
    return await probe(Replica(store, store, store_budget_seconds=10.0), tenants, 1500, dice)


async def test_hostile_ids_and_fields_reach_no_answer_of_another(redis: RedisStore) -> None:
    for store in (MemoryAnswers(max_ttl_seconds=86_400), RedisAnswers(redis)):
        tally = await _probed(store)
        assert tally.foreign == 0
        assert tally.own > 1000


async def test_the_probes_find_leaks_when_the_tenant_check_is_deleted(redis_url: str) -> None:
    class OneShelf(MemoryAnswers):
        def _shelf(self, owner: Principal) -> _Shelf:
            return super()._shelf(principal("everybody"))

    broken = SharedByAll.connect(redis_url, db=5, timeout_seconds=1.0)
    for store in (OneShelf(max_ttl_seconds=86_400), RedisAnswers(broken)):
        assert (await _probed(store)).foreign > 100
    await broken.aclose()


async def test_one_tenants_flood_takes_nobody_elses_answers(redis: RedisStore) -> None:
    for store in (MemoryAnswers(capacity=40), RedisAnswers(redis, capacity=40)):
        # The flood alone is more than the memory for vectors, so that it pushes the others out of it.
        world = CacheWorld(store, store, max_bytes=25_000)
        for tenant in TENANTS:
            await world.keep(tenant, QUESTION, f"réponse de {tenant}")
        for number in range(200):
            await world.keep("flooding", f"Quel est le prix du forfait numéro {number} ?", "x" * 500)
        assert await store.size(principal("flooding"), now=world.clock()) == 40
        for tenant in TENANTS:
            for text in (QUESTION, f"Dites, {QUESTION}"):
                found = await world.look_up(tenant, text)
                assert found.hit is not None
                assert found.hit.entry.text == f"réponse de {tenant}"
