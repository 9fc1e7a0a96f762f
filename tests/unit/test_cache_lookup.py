"""The lookup and the keeping on a store in memory, with fakes that fail."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest

from libs.common.errors import InvalidRequest, Unavailable
from libs.common.request_context import Principal
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.answers import Answers
from services.cache.entries import SourceRef
from services.cache.index_following import IndexFollower
from services.cache.lookup import Question
from services.cache.offers import GivenEmbedding
from services.cache.store import Snapshot
from services.cache.tenant_index import TenantIndexes
from tests.fakes.cache_world import CacheWorld, principal

TENANT = "MpfnlSbqwaZ6F4HvxQLRL9du0yG3"


class FailingStore(MemoryAnswers):
    """Fails or hangs when told."""

    fails = False
    hangs = False
    reads = 0

    async def read(self, owner: Principal, entry_ids: Sequence[str]) -> Snapshot:
        self.reads += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise Unavailable("STORE_UNAVAILABLE", "The fake store was told to fail.")
        return await super().read(owner, entry_ids)


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def world(store: FailingStore) -> CacheWorld:
    return CacheWorld(store, store)


async def test_the_same_question_again_is_an_exact_hit_without_an_embedding(world: CacheWorld) -> None:
    sources = (SourceRef("doc-1", 2, "Tarifs", 0.7),)
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.", sources=sources, answered_by="audrey")
    world.embedder.calls.clear()
    world.clock.seconds += 90
    found = await world.look_up(TENANT, "bonjour, livrez vous a bouake")
    assert found.hit is not None
    assert (found.hit.type, found.hit.confidence, found.hit.age_seconds) == ("exact", 1.0, 90)
    assert (found.hit.entry.text, found.hit.entry.sources, found.hit.entry.answered_by) == ("Oui.", sources, "audrey")
    assert world.embedder.calls == []


async def test_a_rewording_is_a_semantic_hit(world: CacheWorld) -> None:
    await world.keep(TENANT, "Combien coûte la livraison à Cocody ?", "1 500 F.")
    found = await world.look_up(TENANT, "Combien coûte une livraison pour Cocody ?")
    assert found.hit is not None
    assert found.hit.type == "semantic_scalable"
    assert 0.6 <= found.hit.confidence < 1
    assert found.vector is None


async def test_a_hit_leaves_the_line_that_operators_look_for(
    world: CacheWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.")
    await world.look_up(TENANT, "Livrez-vous à Bouaké ?")
    assert "✅ Cache HIT [MpfnlSb] (confidence: 1.00)" in caplog.messages


async def test_a_refused_first_candidate_does_not_end_the_search(world: CacheWorld) -> None:
    await world.keep(TENANT, "Combien coûte la livraison à Bingerville ?", "2 500 F.")
    await world.keep(TENANT, "Combien coûte bonjour la livraison pour Cocody ?", "1 500 F.")
    asked = Question("Combien coûte la livraison à Cocody ?")
    explained = await world.answers.explain(principal(TENANT), asked)
    found = await world.answers.look_up(principal(TENANT), asked)
    assert [c.refused_by for c in explained.candidates] == ["GUARD_PLACE", ""]
    assert explained.outcome == "semantic_scalable"
    assert found.hit is not None
    assert found.hit.entry.text == "1 500 F."


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (Question(""), "EMPTY_QUERY"),
        (Question(" ?! "), "EMPTY_QUERY"),
        (Question("Livrez-vous à Bouaké ?", awaiting_slot="zone"), "SLOT_IN_PROGRESS"),
        (Question("et pour 12 ?"), "ELLIPTICAL"),
        (Question("Livrez-vous des colis en Norvège ?"), "BELOW_THRESHOLD"),
        (Question("Livrez-vous à Korhogo ?"), "GUARD_PLACE"),
        (Question("Livrez-vous à Bouaké ?", agent="carole"), "NO_CANDIDATE"),
        (Question("Livrez-vous à Bouaké ?", locale="en-US"), "NO_CANDIDATE"),
        (Question("Faites-vous la livraison à Bouaké ?", min_confidence=0.99), "BELOW_THRESHOLD"),
    ],
)
async def test_misses_say_why(world: CacheWorld, question: Question, reason: str) -> None:
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.")
    found = await world.answers.look_up(principal(TENANT), question)
    assert found.miss_reason == reason


async def test_a_miss_hands_the_embedding_on_and_storing_with_it_embeds_nothing_more(world: CacheWorld) -> None:
    missed = await world.look_up(TENANT, "Livrez-vous à Bouaké ?")
    assert missed.vector is not None
    given = GivenEmbedding(world.embedder.embedder_id, missed.vector.tolist())
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.", embedding=given)
    assert len(world.embedder.calls) == 1


async def test_a_threshold_can_be_raised_and_not_lowered(world: CacheWorld) -> None:
    explained = await world.answers.explain(principal(TENANT), Question("Livrez-vous à Bouaké ?", min_confidence=0.1))
    assert explained.threshold == 0.6


async def test_wrong_embeddings_are_refused(world: CacheWorld) -> None:
    for given, reason in (
        (GivenEmbedding("another", [1.0] * 64), "EMBEDDER_MISMATCH"),
        (GivenEmbedding(world.embedder.embedder_id, [1.0] * 3), "EMBEDDING_SIZE"),
        (GivenEmbedding(world.embedder.embedder_id, [float("nan")] * 64), "EMBEDDING_SIZE"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.", embedding=given)
        assert caught.value.reason == reason


async def test_without_an_embedder_the_exact_tier_goes_on(world: CacheWorld) -> None:
    world.embedder.fail_times = 2
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.")
    assert (await world.look_up(TENANT, "Est-ce que vous livrez à Bouaké ?")).miss_reason == "NO_CANDIDATE"
    assert (await world.look_up(TENANT, "Livrez-vous à Bouaké ?")).outcome == "exact"


async def test_a_store_that_fails_is_a_miss_and_is_left_in_peace(world: CacheWorld, store: FailingStore) -> None:
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.")
    store.fails = True
    outcomes: set[str] = set()
    for number in range(50):
        # Faults at one moment are one hiccup.
        world.ticks += 0.1 if number < 3 else 0.0
        outcomes.add((await world.look_up(TENANT, "Livrez-vous à Bouaké ?")).miss_reason)
    assert outcomes == {"STORE_UNAVAILABLE"}
    assert store.reads == 3
    assert world.answers.is_degraded
    store.fails = False
    world.ticks += 1.0
    assert (await world.look_up(TENANT, "Livrez-vous à Bouaké ?")).outcome == "exact"
    assert not world.answers.is_degraded


async def test_a_store_that_hangs_is_a_miss_within_the_budget(store: FailingStore) -> None:
    world = CacheWorld(store, store, store_budget_seconds=0.05)
    store.hangs = True
    # Far above the budget, for a busy machine; without one the look-up would never return.
    async with asyncio.timeout(20.0):
        assert (await world.look_up(TENANT, "Livrez-vous à Bouaké ?")).miss_reason == "STORE_UNAVAILABLE"


async def test_forgetting_by_document_by_question_and_everything(world: CacheWorld) -> None:
    owner = principal(TENANT)
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.", sources=(SourceRef("a", 0, "", 0.0),))
    await world.keep(TENANT, "Comment payer ma facture ?", "Par Wave.", sources=(SourceRef("b", 0, "", 0.0),))
    await world.keep(TENANT, "Comment joindre un conseiller ?", "Au comptoir.")
    assert await world.keeping.forget_document(owner, "a") == 1
    assert (await world.look_up(TENANT, "Livrez-vous à Bouaké ?")).hit is None
    assert await world.keeping.forget_question(owner, "comment payer ma facture") == 1
    assert (await world.look_up(TENANT, "Comment payer ma facture ?")).hit is None
    assert (await world.look_up(TENANT, "Comment joindre un conseiller ?")).hit is not None
    assert await world.keeping.forget_all(owner, reason="test") == 1
    assert (await world.look_up(TENANT, "Comment joindre un conseiller ?")).hit is None
    with pytest.raises(InvalidRequest):
        await world.keeping.forget(owner, document_id="", question="", everything=False)


async def test_the_sample_of_semantic_hits_is_marked_and_exact_hits_never_are(world: CacheWorld) -> None:
    world.drawn = 0.0
    await world.keep(TENANT, "Livrez-vous à Bouaké ?", "Oui.")
    exact = await world.look_up(TENANT, "livrez vous a bouake")
    semantic = await world.look_up(TENANT, "Est-ce que vous livrez à Bouaké ?")
    assert exact.hit is not None
    assert not exact.hit.is_sample
    assert semantic.hit is not None
    assert semantic.hit.is_sample
    explained = await world.answers.explain(principal(TENANT), Question("Est-ce que vous livrez à Bouaké ?"))
    assert explained.hit is not None
    assert not explained.hit.is_sample


async def test_what_was_verified_once_is_served_again_without_embedding(world: CacheWorld) -> None:
    await world.keep(TENANT, "Combien coûte la livraison à Cocody ?", "1 500 F.")
    asked = "Combien coûte une livraison pour Cocody ?"
    first = await world.look_up(TENANT, asked)
    world.embedder.calls.clear()
    again = await world.look_up(TENANT, asked)
    assert first.hit is not None
    assert again.hit == first.hit
    assert world.embedder.calls == []
    # Not for others: neither another tenant, nor another agent, nor words that differ in a sign.
    assert (await world.look_up("another-tenant", asked)).hit is None
    assert (await world.look_up(TENANT, asked, agent="carole")).hit is None
    await world.look_up(TENANT, asked + "!")
    assert len(world.embedder.calls) == 3


async def test_what_was_verified_holds_no_longer_than_entry_threshold_and_policy(
    world: CacheWorld, store: FailingStore
) -> None:
    kept, asked = "Combien coûte la livraison à Cocody ?", "Combien coûte une livraison pour Cocody ?"

    async def embeds() -> bool:
        world.embedder.calls.clear()
        await world.look_up(TENANT, asked)
        return bool(world.embedder.calls)

    entry_id = (await world.keep(TENANT, kept, "1 500 F.")).entry_id
    assert await embeds()
    assert not await embeds()
    world.policies.policy = replace(world.policies.policy)
    assert await embeds()
    assert (await world.look_up(TENANT, asked, min_confidence=0.99)).miss_reason == "BELOW_THRESHOLD"
    # In the place of the answer, under the same key, another wording, and then that there is no answer.
    assert not await embeds()
    assert (await world.keep(TENANT, "combien coûte LA livraison à cocody", "2 000 F.")).entry_id == entry_id
    assert await embeds()
    assert (await world.look_up(TENANT, asked)).hit is not None
    await world.keep(TENANT, "combien coûte LA livraison à cocody", "", nothing_found=True)
    assert (await world.look_up(TENANT, asked)).hit is None
    await world.keep(TENANT, kept, "1 500 F.", knowledge_epoch=1)
    assert await embeds()
    await store.remove(principal(TENANT), [entry_id], now=world.clock())
    assert (await world.look_up(TENANT, asked)).hit is None


async def test_an_explanation_judges_anew(world: CacheWorld) -> None:
    await world.keep(TENANT, "Combien coûte la livraison à Cocody ?", "1 500 F.")
    asked = "Combien coûte une livraison pour Cocody ?"
    await world.look_up(TENANT, asked)
    explained = await world.answers.explain(principal(TENANT), Question(asked))
    assert len(explained.candidates) == 1


async def test_the_store_has_one_budget_for_both_halves_of_a_lookup(world: CacheWorld, store: FailingStore) -> None:
    await world.keep(TENANT, "Combien coûte la livraison à Cocody ?", "1 500 F.")

    class SlowClock:
        """Each look at it, the first half of the lookup has taken all of the budget."""

        seconds = 0.0

        def __call__(self) -> float:
            self.seconds += 10.0
            return self.seconds

    answers = Answers(
        store,
        embedder=world.embedder,
        policies=world.policies,
        follower=IndexFollower(store, TenantIndexes(max_bytes=1 << 20), world.counters),
        counters=world.counters,
        clock=SlowClock(),
    )
    found = await answers.look_up(principal(TENANT), Question("Combien coûte une livraison pour Cocody ?"))
    assert found.miss_reason == "STORE_UNAVAILABLE"
