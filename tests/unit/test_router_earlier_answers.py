"""The cache as a turn sees it: waited for, fed, given its leases back, and rechecked."""

import asyncio

import pytest

from libs.common.errors import Exhausted
from services.router.answers import Lookup
from services.router.ladder import EngineAnswer
from services.router.lookup_queue import PLACES
from services.router.turn import NO_STATE
from tests.fakes.router_world import RouterWorld
from tests.fakes.virtual_time import run_in_virtual_time


async def settled(world: RouterWorld) -> None:
    """Lets everything after the reply end."""
    await world.background.finish(timeout_seconds=5.0)


async def test_the_lease_goes_back_with_the_answer() -> None:
    world = RouterWorld()
    world.answers.lease = "lease-1"
    world.hybrid.script.append(
        EngineAnswer("Oui.", NO_STATE, knowledge_text="Oui.", cacheable=True, wording="extract", confidence=0.9)
    )
    await world.say("Livrez-vous à Cocody ?")
    await settled(world)
    (kept,) = world.answers.stored
    assert (kept.lease, kept.wording, kept.confidence, kept.nothing_found) == ("lease-1", "extract", 0.9, False)
    assert world.answers.abandoned == []


async def test_a_turn_without_an_answer_to_keep_gives_its_lease_back() -> None:
    world = RouterWorld()
    world.answers.lease = "lease-1"
    world.hybrid.script.append(EngineAnswer("Envoyez une photo.", NO_STATE, action="ask_photo"))
    await world.say("Je veux commander")
    await settled(world)
    assert world.answers.abandoned == ["lease-1"]
    assert world.answers.stored == []


async def test_a_turn_that_fails_gives_its_lease_back_too() -> None:
    world = RouterWorld()
    world.answers.lease = "lease-1"
    for engine in (world.hybrid, world.classic):
        engine.trouble.mode = "error"
    await world.say("Livrez-vous à Cocody ?")
    await settled(world)
    assert world.answers.abandoned == ["lease-1"]


async def test_that_no_document_answers_is_kept_and_said_to_the_engine_the_next_time() -> None:
    world = RouterWorld()
    world.hybrid.script.append(EngineAnswer("Je n'ai pas cette information.", NO_STATE, nothing_found=True))
    await world.say("Vendez-vous des parapluies ?")
    await settled(world)
    assert world.answers.stored[0].nothing_found
    world.answers.misses.append(Lookup(miss_reason="NOTHING_FOUND", nothing_found=True))
    await world.say("Vendez-vous des parapluies ?", conversation="c2")
    assert world.hybrid.questions[-1].nothing_found


async def test_an_answer_in_the_making_is_waited_for_within_the_turns_time() -> None:
    world = RouterWorld()
    world.answers.misses.append(Lookup(miss_reason="IN_FLIGHT", is_in_flight=True))
    world.answers.answers["Livrez-vous à Cocody ?"] = "Oui."
    answered = await world.say("Livrez-vous à Cocody ?", seconds=2.0)
    assert answered.reply.cache.hit
    assert world.hybrid.questions == []
    first, second = world.answers.waits
    assert first == 0
    assert 0.5 < second < 0.4 * 2.0


async def test_an_answer_that_does_not_come_is_made() -> None:
    world = RouterWorld()
    in_flight = Lookup(miss_reason="IN_FLIGHT", is_in_flight=True)
    world.answers.misses.extend([in_flight, in_flight])
    answered = await world.say("Livrez-vous à Cocody ?")
    assert not answered.reply.cache.hit
    assert answered.reply.cache.miss_reason == "IN_FLIGHT"
    assert len(world.hybrid.questions) == 1


async def test_a_sampled_hit_is_answered_anew_unseen_and_reported() -> None:
    world = RouterWorld()
    world.answers.rechecks = True
    world.answers.answers["Livrez-vous à Cocody ?"] = "Oui."
    world.hybrid.script.append(EngineAnswer("Non.", NO_STATE, knowledge_text="Non.", cacheable=True))
    answered = await world.say("Livrez-vous à Cocody ?")
    await settled(world)
    assert answered.reply.text == "Oui."
    (question,) = world.hybrid.questions
    assert question.shadow
    assert question.history == ()
    assert world.answers.reported == [("entry-1", "Livrez-vous à Cocody ?", "Non.")]


async def test_an_answer_that_may_not_be_kept_is_no_evidence_against_a_hit() -> None:
    world = RouterWorld()
    world.answers.rechecks = True
    world.answers.answers["Livrez-vous à Cocody ?"] = "Oui."
    world.hybrid.script.append(EngineAnswer("Je ne sais pas.", NO_STATE, knowledge_text="Je ne sais pas."))
    await world.say("Livrez-vous à Cocody ?")
    await settled(world)
    assert len(world.hybrid.questions) == 1
    assert world.answers.reported == []


async def test_a_cache_that_is_back_is_found_by_the_next_turn() -> None:
    world = RouterWorld()
    world.answers.misses.extend([Lookup(miss_reason="CACHE_UNAVAILABLE")] * 2 * PLACES)
    for number in range(2 * PLACES):
        await world.say("Livrez-vous à Cocody ?", conversation=f"c{number}")
    world.answers.answers["Livrez-vous à Cocody ?"] = "Oui."
    assert (await world.say("Livrez-vous à Cocody ?")).reply.cache.hit


def test_while_the_cache_hangs_one_turn_at_a_time_waits_for_it() -> None:
    world = RouterWorld()

    async def play() -> None:
        world.answers.trouble.mode = "hang"
        await asyncio.gather(*(world.say("Oui ?", conversation=f"c{number}") for number in range(PLACES)))
        assert world.answers.lookups == PLACES
        replies = await asyncio.gather(*(world.say("Oui ?", conversation=f"d{number}") for number in range(PLACES)))
        assert {each.reply.cache.miss_reason for each in replies} == {"CACHE_UNAVAILABLE"}
        assert world.answers.lookups == PLACES + 1

    run_in_virtual_time(play())


async def test_turns_without_the_time_for_a_lookup_say_nothing_of_the_cache() -> None:
    world = RouterWorld()
    world.answers.misses.extend([Lookup(miss_reason="CACHE_UNAVAILABLE")] * PLACES)
    for number in range(PLACES):
        await world.say("Livrez-vous à Cocody ?", conversation=f"c{number}", seconds=0.3)
    both = [world.say("Livrez-vous à Cocody ?", conversation=f"d{number}") for number in range(2)]
    assert {each.reply.cache.miss_reason for each in await asyncio.gather(*both)} == {"NO_CANDIDATE"}


def test_a_turn_that_finds_no_place_in_time_is_refused_and_leaves_its_conversation_free() -> None:
    world = RouterWorld()

    async def play() -> None:
        world.answers.trouble.mode = "hang"
        holding = [asyncio.create_task(world.say("Oui ?", conversation=f"c{number}")) for number in range(PLACES)]
        await asyncio.sleep(0.01)
        with pytest.raises(Exhausted, match="OVERLOADED"):
            await world.say("Livrez-vous à Cocody ?", conversation="late", seconds=0.2)
        await asyncio.gather(*holding)
        world.answers.trouble.mode = "ok"
        assert (await world.say("Livrez-vous à Cocody ?", conversation="late")).reply.text

    run_in_virtual_time(play())
