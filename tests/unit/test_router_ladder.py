"""The ladder: what is tried, in which order, with how much time, and what is said about it."""

import asyncio
import logging

import pytest

from libs.common.errors import Unavailable
from services.router.conversations import ConversationRef
from services.router.ladder import EngineAnswer
from services.router.turn import NO_STATE, Rung, Variant
from tests.fakes.engines import Trouble
from tests.fakes.router_world import RouterWorld, call

DOWN = Unavailable("NO_TIER_AVAILABLE", "No model answers.")


async def test_assigned_engine_answers_and_nobody_else_is_asked() -> None:
    world = RouterWorld()
    reply = (await world.say("bonjour")).reply
    assert (reply.text, reply.rung, reply.served_by, reply.reasons) == (
        "reply to bonjour",
        Rung.ASSIGNED,
        Variant.HYBRID,
        (),
    )
    assert not world.classic.questions


async def test_other_engine_answers_in_what_is_left() -> None:
    world = RouterWorld()
    world.hybrid.script.append(DOWN)
    reply = (await world.say("bonjour", seconds=8)).reply
    assert (reply.rung, reply.variant, reply.served_by) == (Rung.OTHER_ENGINE, Variant.HYBRID, Variant.CLASSIC)
    assert reply.reasons == ("NO_TIER_AVAILABLE",)
    assert world.hybrid.timeouts[0] < 0.7 * 8
    assert 7 < world.classic.timeouts[0] < 8 - 0.15


async def test_classic_is_rescued_by_hybrid_too() -> None:
    world = RouterWorld(percent=0)
    world.classic.script.append(DOWN)
    reply = (await world.say("bonjour")).reply
    assert (reply.rung, reply.variant, reply.served_by) == (Rung.OTHER_ENGINE, Variant.CLASSIC, Variant.HYBRID)


async def test_both_down_says_the_emergency_text_with_both_reasons() -> None:
    world = RouterWorld()
    world.hybrid.script.append(DOWN)
    world.classic.trouble = Trouble("error")
    reply = (await world.say("bonjour")).reply
    assert (reply.text, reply.rung, reply.served_by) == ("Envoyez photo du paquet 📦", Rung.EMERGENCY, None)
    assert reply.reasons == ("NO_TIER_AVAILABLE", "DOWN")


async def test_empty_text_is_a_failure() -> None:
    world = RouterWorld()
    world.hybrid.script.append(EngineAnswer(text=" \n", state=NO_STATE))
    reply = (await world.say("bonjour")).reply
    assert (reply.rung, reply.reasons) == (Rung.OTHER_ENGINE, ("EMPTY_REPLY",))


async def test_template_that_replaced_a_model_is_a_rung_and_one_by_choice_is_not() -> None:
    world = RouterWorld()
    world.hybrid.script += [
        EngineAnswer(text="gabarit", state=NO_STATE, is_template=True, reasons=("NO_TIER_AVAILABLE",)),
        EngineAnswer(text="gabarit", state=NO_STATE, is_template=True),
        EngineAnswer(text="gabarit", state=NO_STATE, is_template=True, reasons=("NOTHING_FOUND",)),
    ]
    forced, chosen, fitting = [(await world.say(word)).reply for word in ("un", "deux", "trois")]
    assert (forced.rung, forced.reasons) == (Rung.TEMPLATE, ("NO_TIER_AVAILABLE",))
    assert (chosen.rung, chosen.reasons) == (Rung.ASSIGNED, ())
    assert (fitting.rung, fitting.reasons) == (Rung.ASSIGNED, ("NOTHING_FOUND",))


async def test_short_deadline_skips_the_other_engine() -> None:
    world = RouterWorld()
    world.hybrid.script.append(DOWN)
    reply = (await world.say("bonjour", seconds=0.4)).reply
    assert (reply.rung, reply.reasons) == (Rung.EMERGENCY, ("NO_TIER_AVAILABLE", "NO_TIME_FOR_OTHER_ENGINE"))
    assert not world.classic.questions


async def test_strict_turn_fails_with_the_first_error_and_changes_nothing() -> None:
    world = RouterWorld()
    world.hybrid.script.append(DOWN)
    world.classic.trouble = Trouble("error")
    with pytest.raises(Unavailable) as raised:
        await world.say("bonjour", strict=True)
    assert raised.value is DOWN
    assert [(record.assigned, record.failed) for record in world.records] == [(Variant.HYBRID, True)]
    assert await world.store.page(ConversationRef(call().principal, "c1"), size=10, token="") is None


async def test_cancelled_caller_is_not_rescued() -> None:
    world = RouterWorld()
    world.hybrid.gate = asyncio.Event()
    turn = asyncio.create_task(world.say("bonjour"))
    await world.hybrid.asked.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert not world.classic.questions


async def test_log_lines_word_for_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.router.ladder")
    world = RouterWorld()
    world.hybrid.script.append(DOWN)
    await world.say("bonjour")
    world.chat = world.make_chat(percent=0)
    await world.say("encore")
    assert [record.getMessage() for record in caplog.records] == [
        "[ROUTER] Routage vers système HYBRIDE",
        "[ROUTER] Erreur système HYBRIDE: NO_TIER_AVAILABLE",
        "[ROUTER] FALLBACK automatique vers ancien système",
        "[ROUTER] Routage vers système ANCIEN",
    ]
    assert (vars(caplog.records[0])["conversation"], vars(caplog.records[0])["variant"]) == ("c1", "hybrid")


async def test_failures_are_charged_to_the_system_that_was_assigned() -> None:
    world = RouterWorld()
    world.hybrid.script.append(DOWN)
    await world.say("un")
    await world.say("deux")
    assert [(record.assigned, record.rung, record.failed) for record in world.records] == [
        (Variant.HYBRID, Rung.OTHER_ENGINE, True),
        (Variant.HYBRID, Rung.ASSIGNED, False),
    ]
