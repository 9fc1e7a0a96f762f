"""What every store of answers owes: run on memory and on a real Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from libs.common.errors import NotFound, Unavailable
from libs.common.knowledge_epoch import advance_epoch
from libs.common.redis_store import RedisStore
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.adapters.redisearch_nearest import RedisearchNearest
from services.cache.entries import SourceRef
from tests.fakes.cache_world import CacheWorld, Clock, principal
from tests.redis_fixture import query_engines

CAPACITY = 5


@dataclass
class Bench:
    """Two replicas on one store, one clock, and a way to change the tenant's knowledge."""

    one: CacheWorld
    two: CacheWorld
    clock: Clock
    store: MemoryAnswers | RedisAnswers
    advance: Callable[[str], Awaitable[int]]


@pytest.fixture(params=["memory", "redis", *(["redisearch"] if query_engines() else [])])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    clock = Clock()
    if request.param == "memory":
        memory = MemoryAnswers(capacity=CAPACITY, max_ttl_seconds=30 * 86_400)

        async def advance_memory(tenant: str) -> int:
            shelf = memory._shelf(principal(tenant))
            shelf.epoch += 1
            return shelf.epoch

        yield Bench(
            CacheWorld(memory, memory, clock=clock),
            CacheWorld(memory, memory, clock=clock),
            clock,
            memory,
            advance_memory,
        )
        return
    has_engine = request.param == "redisearch"
    url = request.getfixturevalue("query_engine_url" if has_engine else "redis_url")
    # The engine knows database 0 only, so the number becomes part of a prefix.
    redis = RedisStore.connect(url, db=5, prefix="test:" if has_engine else "", timeout_seconds=1.0)
    store = RedisAnswers(redis, capacity=CAPACITY, keeps_vectors=has_engine)
    # One for both replicas keeps no state of either.
    nearest = RedisearchNearest(redis, dimensions=64) if has_engine else None
    if nearest is not None:
        await nearest.prepare()

    async def advance_redis(tenant: str) -> int:
        return await advance_epoch(redis.for_tenant(principal(tenant)))

    one, two = (CacheWorld(store, store, clock=clock, nearest=nearest) for _ in range(2))
    yield Bench(one, two, clock, store, advance_redis)
    await redis.aclose()


async def test_what_one_replica_keeps_the_other_finds_exactly_and_by_meaning(bench: Bench) -> None:
    assert (await bench.two.look_up("tenant-a", "Livrez-vous à Bouaké ?")).miss_reason == "NO_CANDIDATE"
    sources = (SourceRef("doc", 3, "Zones", 0.5),)
    kept = await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui.", sources=sources)
    exact = await bench.two.look_up("tenant-a", "livrez vous a bouake")
    semantic = await bench.two.look_up("tenant-a", "Est-ce que vous livrez à Bouaké ?")
    later = await bench.one.keep("tenant-a", "Comment payer ma facture ?", "Par Wave.")
    followed = await bench.two.look_up("tenant-a", "Comment je peux payer ma facture ?")
    assert exact.hit is not None
    assert exact.hit.entry.sources == sources
    assert semantic.hit is not None
    assert semantic.hit.entry.entry_id == kept.entry_id
    assert followed.hit is not None
    assert followed.hit.entry.entry_id == later.entry_id


async def test_an_entry_dies_at_its_time_and_being_read_does_not_lengthen_it(bench: Bench) -> None:
    await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui.", ttl_seconds=100)
    bench.clock.seconds += 99
    assert (await bench.one.look_up("tenant-a", "Livrez-vous à Bouaké ?")).hit is not None
    assert (await bench.one.look_up("tenant-a", "Est-ce que vous livrez à Bouaké ?")).hit is not None
    bench.clock.seconds += 2
    assert (await bench.one.look_up("tenant-a", "Livrez-vous à Bouaké ?")).hit is None
    assert (await bench.one.look_up("tenant-a", "Est-ce que vous livrez à Bouaké ?")).hit is None
    assert await bench.store.size(principal("tenant-a"), now=bench.clock()) == 0


async def test_when_knowledge_changes_earlier_answers_are_out_of_reach(bench: Bench) -> None:
    await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui.")
    await bench.one.keep("tenant-b", "Livrez-vous à Bouaké ?", "Oui.")
    epoch = await bench.advance("tenant-a")
    assert (await bench.two.look_up("tenant-a", "Livrez-vous à Bouaké ?")).miss_reason == "STALE_EPOCH"
    assert (await bench.one.look_up("tenant-a", "Est-ce que vous livrez à Bouaké ?")).hit is None
    assert (await bench.one.look_up("tenant-b", "Livrez-vous à Bouaké ?")).hit is not None
    late = await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui, encore.", knowledge_epoch=epoch - 1)
    assert (late.entry_id, late.refused_reason) == ("", "STALE_EPOCH")
    fresh = await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Non.", knowledge_epoch=epoch)
    found = await bench.two.look_up("tenant-a", "Est-ce que vous livrez à Bouaké ?")
    assert found.hit is not None
    assert (found.hit.entry.entry_id, found.hit.entry.text) == (fresh.entry_id, "Non.")


async def test_forgetting_reaches_every_replica_and_no_other_tenant(bench: Bench) -> None:
    for tenant in ("tenant-a", "tenant-b"):
        await bench.one.keep(tenant, "Livrez-vous à Bouaké ?", "Oui.", sources=(SourceRef("doc", 0, "", 0.0),))
        await bench.one.keep(tenant, "Comment payer ma facture ?", "Par Wave.")
    assert (await bench.two.look_up("tenant-a", "Est-ce que vous livrez à Bouaké ?")).hit is not None
    assert await bench.one.keeping.forget_document(principal("tenant-a"), "doc") == 1
    for text in ("Livrez-vous à Bouaké ?", "Est-ce que vous livrez à Bouaké ?"):
        assert (await bench.two.look_up("tenant-a", text)).hit is None
    assert (await bench.two.look_up("tenant-a", "Comment je peux payer ma facture ?")).hit is not None
    assert await bench.one.keeping.forget_all(principal("tenant-a"), reason="test") == 1
    assert (await bench.two.look_up("tenant-a", "Comment je peux payer ma facture ?")).hit is None
    assert await bench.store.size(principal("tenant-a"), now=bench.clock()) == 0
    assert await bench.store.size(principal("tenant-b"), now=bench.clock()) == 2


async def test_the_oldest_entry_goes_when_a_tenant_has_too_many_and_others_keep_theirs(bench: Bench) -> None:
    await bench.one.keep("tenant-b", "Livrez-vous à Bouaké ?", "Oui.")
    questions = [
        f"Quel est le prix du forfait {name} ?"
        for name in ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf"]
    ]
    for question in questions:
        await bench.one.keep("tenant-a", question, "Voici.")
    assert await bench.store.size(principal("tenant-a"), now=bench.clock()) == CAPACITY
    outcomes = [(await bench.two.look_up("tenant-a", question)).outcome for question in questions]
    assert [outcome == "exact" for outcome in outcomes] == [False, False, True, True, True, True, True]
    assert (await bench.two.look_up("tenant-b", "Livrez-vous à Bouaké ?")).outcome == "exact"


async def test_totals_add_up_by_tenant(bench: Bench) -> None:
    await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui.")
    for world in (bench.one, bench.two):
        await world.look_up("tenant-a", "Livrez-vous à Bouaké ?")
        await world.look_up("tenant-a", "oui")
        await world.look_up("tenant-b", "Livrez-vous à Bouaké ?")
        await world.counters.flush()
    assert await bench.store.totals(principal("tenant-a")) == {"hits": 2, "exact_hits": 2, "miss:ELLIPTICAL": 2}
    assert await bench.store.totals(principal("tenant-b")) == {"miss:NO_CANDIDATE": 2}
    assert await bench.store.tenants() == ["tenant-a", "tenant-b"]


async def test_keeping_again_replaces_the_answer(bench: Bench) -> None:
    await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui.")
    await bench.two.keep("tenant-a", "livrez-vous à bouaké", "Non.")
    for text in ("Livrez-vous à Bouaké ?", "Est-ce que vous livrez à Bouaké ?"):
        found = await bench.one.look_up("tenant-a", text)
        assert found.hit is not None
        assert found.hit.entry.text == "Non."
    assert await bench.store.size(principal("tenant-a"), now=bench.clock()) == 1


async def test_that_nothing_answers_is_known_for_a_minute_and_dropped_when_documents_change(bench: Bench) -> None:
    question = "Vendez-vous des parapluies jaunes ?"
    await bench.one.keep("tenant-a", question, "", nothing_found=True)
    assert (await bench.two.look_up("tenant-a", question)).miss_reason == "NOTHING_FOUND"
    assert (await bench.two.look_up("tenant-b", question)).miss_reason == "NO_CANDIDATE"
    bench.clock.seconds += 59
    assert (await bench.two.look_up("tenant-a", question)).miss_reason == "NOTHING_FOUND"
    bench.clock.seconds += 2
    assert (await bench.two.look_up("tenant-a", question)).miss_reason == "NO_CANDIDATE"
    await bench.one.keep("tenant-a", question, "", nothing_found=True)
    await bench.advance("tenant-a")
    assert (await bench.two.look_up("tenant-a", question)).miss_reason == "STALE_EPOCH"


async def test_a_tenant_that_keeps_too_many_bytes_loses_its_own_oldest_answers_and_nobody_elses(bench: Bench) -> None:
    bench.store._capacity_bytes = 12_000
    await bench.one.keep("tenant-b", "Livrez-vous à Bouaké ?", "Oui.")
    for number in range(3):
        await bench.one.keep("tenant-a", f"Comment payer la facture numéro {number} ?", "x" * 5000)
    assert await bench.store.size(principal("tenant-a"), now=bench.clock()) == 2
    assert 10_000 < await bench.store.size_bytes(principal("tenant-a")) <= 12_000
    assert await bench.store.size(principal("tenant-b"), now=bench.clock()) == 1
    await bench.store.remove(principal("tenant-a"), None, now=bench.clock())
    assert await bench.store.size_bytes(principal("tenant-a")) == 0


async def test_where_a_tenant_asks_for_it_an_answer_is_kept_when_its_question_comes_again(bench: Bench) -> None:
    for world in (bench.one, bench.two):
        world.policies.policy = replace(world.policies.policy, second_ask=True)
    assert (await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui.")).refused_reason == "ASKED_ONCE"
    assert (await bench.two.keep("tenant-a", "livrez-vous à bouaké", "Oui.")).entry_id
    await bench.one.counters.flush()
    assert (await bench.store.totals(principal("tenant-a")))["refused:ASKED_ONCE"] == 1


async def test_false_hits_raise_the_threshold_for_every_replica_and_the_entry_goes(bench: Bench) -> None:
    owner = principal("tenant-a")
    kept = await bench.one.keep("tenant-a", "Livrez-vous à Bouaké ?", "Oui, pour 2.000 FCFA.")
    same = await bench.one.rechecking.compare(owner, entry_id=kept.entry_id, text="Oui, pour 2 000 FCFA.")
    assert (same.agrees, same.threshold) == (True, pytest.approx(0.6))
    other = await bench.one.rechecking.compare(owner, entry_id=kept.entry_id, text="Oui, pour 3.000 FCFA.")
    assert (other.agrees, other.threshold) == (False, pytest.approx(0.61))
    again = await bench.two.look_up("tenant-a", "Livrez-vous à Bouaké ?")
    assert again.hit is None
    assert again.threshold == pytest.approx(0.61)
    with pytest.raises(NotFound, match="ENTRY_NOT_FOUND"):
        await bench.two.rechecking.compare(owner, entry_id=kept.entry_id, text="Oui.")


async def test_a_raised_threshold_has_a_limit(bench: Bench) -> None:
    owner = principal("tenant-a")
    for _ in range(20):
        raised = await bench.store.raise_threshold(owner, 0.01, at_most=0.1)
    assert raised == pytest.approx(0.1)
    assert (await bench.store.read(principal("tenant-b"), [])).threshold_raise == 0


async def test_counts_of_many_tenants_arrive_and_a_refused_one_is_no_silence(redis_url: str) -> None:
    redis = RedisStore.connect(redis_url, db=5, timeout_seconds=5.0)
    store = RedisAnswers(redis)
    owners = [principal(f"tenant-{number:04}") for number in range(700)]
    await store.add({owner: {"hits": 1, "exact_hits": 2} for owner in owners})
    assert len(await store.tenants()) == 700
    assert await store.totals(owners[-1]) == {"hits": 1, "exact_hits": 2}
    broken = redis.for_tenant(owners[3])
    await broken.set(broken.key("semantic_cache:v2", "totals"), b"no hash")
    with pytest.raises(Unavailable):
        await store.add({owner: {"hits": 1} for owner in owners[:5]})
    await redis.aclose()
