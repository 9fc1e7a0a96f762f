"""The turn: the cache, idempotency, order, and what waits while the store is away."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.errors import Conflict, NotFound, Unavailable
from services.router.conversations import ConversationRef
from services.router.ladder import EngineAnswer
from services.router.turn import NO_STATE, Attachment, FlowState, Rung, Stored, Turn
from tests.fakes.engines import Trouble
from tests.fakes.router_world import RouterWorld, call


async def messages(world: RouterWorld, conversation: str = "c1") -> list[tuple[str, str]]:
    page = await world.store.page(ConversationRef(call().principal, conversation), size=200, token="")
    return [(each.author, each.text) for each in page.messages] if page else []


async def test_hit_is_served_without_an_engine_and_kept() -> None:
    world = RouterWorld()
    world.answers.answers["prix ?"] = "25 000 F"
    answered = await world.say("prix ?")
    reply = answered.reply
    assert (reply.text, reply.rung, reply.served_by, reply.agent) == ("25 000 F", Rung.ASSIGNED, None, "vente")
    assert (reply.cache.hit, reply.cache.type, reply.cache.entry_id, reply.cache.age_seconds) == (
        True,
        "exact",
        "entry-1",
        3,
    )
    assert answered.stored is Stored.DURABLE
    assert not world.hybrid.questions
    assert await messages(world) == [("customer", "prix ?"), ("bot", "25 000 F")]
    (record,) = world.records
    assert (record.cache_hit, record.failed) == (True, False)


async def test_message_that_may_fill_a_slot_is_never_answered_from_the_cache() -> None:
    world = RouterWorld()
    world.answers.answers["Cocody"] = "Oui, nous y livrons."
    world.hybrid.script.append(EngineAnswer("Quelle zone ?", FlowState(phase="collecting", awaiting_slot="zone")))
    await world.say("je veux commander")
    reply = (await world.say("Cocody")).reply
    assert (reply.text, reply.cache.hit, reply.cache.miss_reason) == ("reply to Cocody", False, "SLOT_IN_PROGRESS")


async def test_attachments_and_empty_texts_never_ask_the_cache() -> None:
    world = RouterWorld()
    photo = (Attachment("image", sha256="a" * 64),)
    assert (await world.say("", attachments=photo)).reply.cache.miss_reason == "ATTACHMENTS"
    assert world.answers.lookups == 0
    assert world.hybrid.questions[0].attachments == photo


async def test_failing_cache_is_a_miss() -> None:
    world = RouterWorld()
    world.answers.trouble = Trouble("error")
    reply = (await world.say("bonjour")).reply
    assert (reply.text, reply.cache.miss_reason) == ("reply to bonjour", "CACHE_UNAVAILABLE")


async def test_engine_gets_history_state_language_and_channel() -> None:
    world = RouterWorld()
    await world.say("un")
    await world.say("deux", locale="en")
    first, second = world.hybrid.questions
    assert (list(first.history), first.state, first.locale, first.channel) == ([], NO_STATE, "fr-CI", "whatsapp")
    assert [each.text for each in second.history] == ["un", "reply to un"]
    assert (second.state.event_count, second.locale) == (1, "en")


async def test_cacheable_answer_is_stored_after_the_reply_with_its_own_deadline() -> None:
    world = RouterWorld()
    world.hybrid.script.append(
        EngineAnswer(
            "Oui. Votre zone ?", NO_STATE, knowledge_text="Oui.", cacheable=True, agent="vente", knowledge_epoch=7
        )
    )
    await world.say("livrez-vous ?", seconds=1.0, agent="vente")
    assert world.answers.stored == []
    await world.background.finish(timeout_seconds=1)
    (kept,) = world.answers.stored
    assert (kept.question, kept.text, kept.agent, kept.knowledge_epoch) == ("livrez-vous ?", "Oui.", "vente", 7)
    assert world.answers.budgets[0] > 1.5


async def test_emergency_and_uncacheable_answers_are_not_stored() -> None:
    world = RouterWorld()
    world.hybrid.trouble = world.classic.trouble = Trouble("error")
    await world.say("un")
    world.hybrid.trouble = Trouble()
    await world.say("deux")
    await world.background.finish(timeout_seconds=1)
    assert world.answers.stored == []


async def test_same_turn_again_gets_the_first_reply_and_changes_nothing() -> None:
    world = RouterWorld()
    first = await world.say("bonjour", turn_id="t1")
    again = await world.say("bonjour", turn_id="t1")
    assert again.reply == first.reply
    assert (first.replayed, again.replayed) == (False, True)
    assert len(world.hybrid.questions) == 1
    assert len(await messages(world)) == 2


async def test_same_turn_twice_at_once_has_one_effect() -> None:
    world = RouterWorld()
    answers = await asyncio.gather(*(world.say("bonjour", turn_id="t1") for _ in range(8)))
    assert sorted(each.replayed for each in answers) == [False] + [True] * 7
    assert len(world.hybrid.questions) == 1


async def test_same_turn_at_once_in_two_replicas_has_one_effect() -> None:
    world = RouterWorld()
    replicas = [world.make_chat() for _ in range(4)]
    turn = Turn("c1", "bonjour", turn_id="t1")
    answers = await asyncio.gather(*(replica.reply(turn, call()) for replica in replicas))
    assert len({each.reply.text for each in answers}) == 1
    assert sum(not each.replayed for each in answers) == 1
    assert len(await messages(world)) == 2


async def test_turns_of_one_conversation_in_one_replica_run_in_order() -> None:
    world = RouterWorld()
    texts = [f"message {number}" for number in range(20)]
    await asyncio.gather(*(world.say(text) for text in texts))
    assert [text for author, text in await messages(world) if author == "customer"] == texts
    assert world.hybrid.questions[-1].state.event_count == 19
    assert len(world.hybrid.questions) == 20


async def test_turns_at_once_in_two_replicas_are_neither_lost_nor_applied_twice() -> None:
    world = RouterWorld()
    replicas = [world.make_chat() for _ in range(3)]
    answers = await asyncio.gather(
        *(replica.reply(Turn("c1", f"message {number}"), call()) for number, replica in enumerate(replicas))
    )
    assert {each.reply.text for each in answers} == {f"reply to message {number}" for number in range(3)}
    said = await messages(world)
    assert sorted(text for author, text in said if author == "customer") == [f"message {n}" for n in range(3)]
    final = await world.say("fin")
    assert final.reply.state.event_count == 4


async def test_turn_that_cannot_get_in_is_told_so_before_its_deadline() -> None:
    world = RouterWorld()
    world.hybrid.gate = asyncio.Event()
    first = asyncio.create_task(world.say("un"))
    await world.hybrid.asked.wait()
    with pytest.raises(Conflict, match="CONVERSATION_BUSY"):
        await world.say("deux", seconds=0.17)
    world.hybrid.gate.set()
    assert (await first).reply.text == "reply to un"
    assert (await world.say("trois")).reply.text == "reply to trois"


async def test_unknown_tenant_is_refused_and_one_that_cannot_be_read_still_gets_a_reply() -> None:
    world = RouterWorld()
    world.tenants.error = NotFound("TENANT_NOT_FOUND", "There is no such tenant.")
    with pytest.raises(NotFound):
        await world.say("bonjour")
    world.tenants.error = Unavailable("STORE_UNAVAILABLE", "Redis does not answer.")
    assert (await world.say("bonjour")).reply.text == "reply to bonjour"


@pytest.mark.parametrize(("off_seconds", "is_taken"), [(0, True), (-3600, True), (90_000, False), (-90_000, False)])
async def test_customers_clock_counts_within_a_day(off_seconds: float, is_taken: bool) -> None:
    world = RouterWorld()
    sent_at = time.time() + off_seconds
    await world.say("bonjour", sent_at=sent_at)
    await world.say("encore")
    kept = world.hybrid.questions[1].history[0].created_at
    assert (kept == sent_at) is is_taken
    assert is_taken or abs(kept - sent_at) > 80_000


async def test_store_that_goes_away_costs_no_reply_and_no_turn() -> None:
    world = RouterWorld()
    await world.say("un")
    world.store.trouble = Trouble("error")
    away = [await world.say("deux", turn_id="t2"), await world.say("trois")]
    assert [each.stored for each in away] == [Stored.PENDING] * 2
    assert [each.reply.state.event_count for each in away] == [2, 3]
    assert (await world.say("deux", turn_id="t2")).replayed
    assert not await world.steady.replay()
    world.store.trouble = Trouble()
    assert await world.steady.replay()
    back = await world.say("quatre")
    assert (back.stored, back.reply.state.event_count) == (Stored.DURABLE, 4)
    customer = [text for author, text in await messages(world) if author == "customer"]
    assert customer == ["un", "deux", "trois", "quatre"]
    assert (await world.say("deux", turn_id="t2")).replayed


async def test_hits_go_on_while_the_store_is_away() -> None:
    world = RouterWorld()
    world.answers.answers["prix ?"] = "25 000 F"
    await world.say("un")
    world.store.trouble = Trouble("error")
    away = await world.say("prix ?", turn_id="t2")
    assert (away.stored, away.reply.cache.hit, away.reply.state.event_count) == (Stored.PENDING, True, 1)
    assert (await world.say("prix ?", turn_id="t2")).replayed
    world.store.trouble = Trouble()
    assert await world.steady.replay()
    customer = [text for author, text in await messages(world) if author == "customer"]
    assert customer == ["un", "prix ?"]
    assert (await world.say("deux")).reply.state.event_count == 2


async def test_hit_is_put_aside_mid_slot_while_the_store_is_away() -> None:
    world = RouterWorld()
    world.answers.answers["Cocody"] = "Oui, nous y livrons."
    world.hybrid.script.append(EngineAnswer("Quelle zone ?", FlowState(phase="collecting", awaiting_slot="zone")))
    await world.say("je veux commander")
    world.store.trouble = Trouble("error")
    assert (await world.say("Cocody")).reply.text == "reply to Cocody"


async def test_hit_again_gets_the_first_reply_even_when_the_cache_has_another_by_now() -> None:
    world = RouterWorld()
    world.answers.answers["prix ?"] = "25 000 F"
    await world.say("prix ?", turn_id="t1")
    world.answers.answers["prix ?"] = "30 000 F"
    again = await world.say("prix ?", turn_id="t1")
    assert (again.reply.text, again.replayed) == ("25 000 F", True)
    world.answers.answers.clear()
    again = await world.say("prix ?", turn_id="t1")
    assert (again.reply.text, again.replayed, world.hybrid.questions) == ("25 000 F", True, [])


async def test_commit_whose_acknowledgement_was_lost_is_not_applied_twice() -> None:
    world = RouterWorld()
    world.store.lose_next_ack = True
    answered = await world.say("un")
    assert answered.stored is Stored.PENDING
    assert await world.steady.replay()
    await world.say("deux")
    assert [text for author, text in await messages(world) if author == "customer"] == ["un", "deux"]


async def test_state_of_another_replica_stands_when_waiting_turns_are_kept() -> None:
    world, other = RouterWorld(), RouterWorld()
    world.store.trouble = Trouble("error")
    await world.say("sans magasin")
    world.store.trouble = Trouble()
    other.steady._store, other.ids = world.store, iter(range(1000, 2000))
    for text in ("a", "b"):
        await other.say(text)
    assert await world.steady.replay()
    assert (await world.say("fin")).reply.state.event_count == 3
    assert len(await messages(world)) == 8


async def test_full_waiting_room_is_said() -> None:
    world = RouterWorld()
    world.steady._max_waiting = 1
    world.store.trouble = Trouble("error")
    stored = [(await world.say(text, conversation=text)).stored for text in ("a", "b")]
    assert stored == [Stored.PENDING, Stored.NOT_KEPT]
    assert world.steady.lost == 1


@given(st.lists(st.sampled_from([0.0, 37.5, 100.0]), min_size=1, max_size=8), st.lists(st.integers(0, 7), max_size=4))
@settings(max_examples=40, deadline=None)
def test_any_interleaving_of_switches_and_retries_gives_the_same_state(
    percents: list[float], retried: list[int]
) -> None:
    """Compared with the same conversation on classic alone, without a retry."""

    async def last_state(percents: list[float], retried: list[int]) -> FlowState:
        world = RouterWorld()
        for number, percent in enumerate(percents):
            world.chat = world.make_chat(percent)
            last = await world.say(f"message {number}", turn_id=f"t{number}")
            if number in retried:
                world.chat = world.make_chat(100.0 - percent)
                assert (await world.say(f"message {number}", turn_id=f"t{number}")).replayed
        return last.reply.state

    assert asyncio.run(last_state(percents, retried)) == asyncio.run(last_state([0.0] * len(percents), []))


async def test_chat_answers_without_waiting_for_anybody_elses_conversation() -> None:
    world = RouterWorld()
    gate = asyncio.Event()

    world.hybrid.gate = gate
    slow = asyncio.create_task(world.say("lent", conversation="slow"))
    await world.hybrid.asked.wait()
    world.hybrid.gate = None
    assert (await world.say("vite", conversation="fast")).reply.text == "reply to vite"
    gate.set()
    await slow


async def test_retry_while_the_store_is_away_is_not_called_durable() -> None:
    world = RouterWorld()
    world.store.trouble = Trouble("error")
    stored = [(await world.say("un", turn_id="t1")).stored for _ in range(2)]
    assert stored == [Stored.PENDING, Stored.PENDING]
    world.store.trouble = Trouble()
    assert await world.steady.replay()
    assert (await world.say("un", turn_id="t1")).stored is Stored.DURABLE


async def test_long_outage_shows_an_engine_no_more_history_than_it_takes() -> None:
    world = RouterWorld()
    world.steady._history_messages = 4
    world.store.trouble = Trouble("error")
    for number in range(5):
        await world.say(f"message {number}")
    assert [each.text for each in world.hybrid.questions[-1].history] == [
        "message 2",
        "reply to message 2",
        "message 3",
        "reply to message 3",
    ]


async def test_turn_that_the_store_can_never_take_does_not_hold_back_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = RouterWorld()
    world.store.trouble = Trouble("error")
    await world.say("au revoir", conversation="poison")
    await world.say("bonjour")
    world.store.trouble = Trouble()
    world.store.broken.add("poison")
    assert await world.steady.replay()
    assert (world.steady.is_down, world.steady.waiting, world.steady.lost) == (False, 0, 1)
    assert await messages(world) == [("customer", "bonjour"), ("bot", "reply to bonjour")]
    assert "poison" not in caplog.text


async def test_fifty_parallel_calls_of_one_turn_ask_one_engine_once() -> None:
    world = RouterWorld()
    answered = await asyncio.gather(*(world.say("un", turn_id="t1") for _ in range(50)))
    assert {each.reply.text for each in answered} == {"reply to un"}
    assert [each.replayed for each in answered].count(False) == 1
    assert len(world.hybrid.questions) == 1
    assert len(await messages(world)) == 2


async def test_cancelled_turn_keeps_nothing_and_lets_the_next_one_in() -> None:
    world = RouterWorld()
    world.hybrid.gate = asyncio.Event()
    cancelled = asyncio.create_task(world.say("un", turn_id="t1"))
    await world.hybrid.asked.wait()
    next_one = asyncio.create_task(world.say("deux"))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    world.hybrid.gate.set()
    assert (await next_one).reply.state.event_count == 1
    assert await messages(world) == [("customer", "deux"), ("bot", "reply to deux")]
    assert world.chat._order._queues == {}
