"""What a listener sees when a tier dies in the middle: never a cut text that is called whole."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.chat import (
    ChatPrompt,
    ChatReply,
    Delta,
    Finished,
    MidStream,
    Purpose,
    Restarted,
    Streamed,
)
from services.hybrid_engine.llm.endings import ContentFiltered, NoTier
from services.hybrid_engine.llm.faults import Fault
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.llm.model import Piece, Traits
from tests.fakes.scripted_model import END, FOREVER, ScriptedModel, Step
from tests.fakes.virtual_time import run_in_virtual_time

PROMPT = ChatPrompt("Tu es bref.", "Bonjour")
FRENCH = Purpose()
SORRY = "Désolé, je n'ai pas pu finir ma réponse."


def shown(events: Sequence[Streamed]) -> str:
    """What a client that obeys the events has on its screen at the end."""
    text = ""
    for event in events:
        if isinstance(event, Restarted):
            text = ""
        elif isinstance(event, Delta):
            text += event.text
    return text


def play(
    *scripts: Sequence[Step], policy: MidStream, purpose: Purpose = FRENCH, **traits: Any
) -> tuple[list[Streamed], ChatReply, list[ScriptedModel], float]:
    """Streams through one tier for each script; returns the events, the reply, the models and the seconds it took."""
    models = [ScriptedModel(f"tier-{at}", script) for at, script in enumerate(scripts)]

    async def run() -> tuple[list[Streamed], float]:
        loop = asyncio.get_running_loop()
        tiers = [GuardedTier(model, Traits(**traits), now=loop.time, jitter=Random(1)) for model in models]
        cascade = Cascade(tiers, now=loop.time, jitter=Random(1))
        events = [event async for event in cascade.stream(PROMPT, policy=policy, purpose=purpose)]
        return events, loop.time()

    events, seconds = run_in_virtual_time(run())
    finished = [event for event in events if isinstance(event, Finished)]
    assert len(finished) == 1
    assert events[-1] is finished[0]
    assert shown(events) == finished[0].reply.text
    return events, finished[0].reply, models, seconds


GOOD = ("Bien sûr. ", "Nous livrons ", "à Yopougon. ", "À demain.", END)


def test_held_back_text_comes_at_once_and_its_deaths_are_not_seen() -> None:
    events, reply, _, _ = play(("Bien. Nous livr", Fault.CUT), GOOD, policy=MidStream.HOLD_BACK)
    assert [type(event) for event in events] == [Delta, Finished]
    assert (reply.text, reply.complete, reply.tier_index) == ("Bien sûr. Nous livrons à Yopougon. À demain.", True, 1)


def test_a_death_in_the_first_sentence_is_not_seen() -> None:
    events, reply, _, _ = play(("Nous livr", Fault.CUT), GOOD, policy=MidStream.RESTART)
    assert not any(isinstance(event, Restarted) for event in events)
    assert reply.complete


def test_a_later_death_voids_what_was_said() -> None:
    events, reply, _, _ = play(("Bonjour. Nous ", "livr", FOREVER), GOOD, policy=MidStream.RESTART)
    assert [each for each in events if isinstance(each, Restarted)] == [Restarted("LLM_STALLED")]
    assert (reply.text, reply.complete) == ("Bien sûr. Nous livrons à Yopougon. À demain.", True)
    assert events.index(Restarted("LLM_STALLED")) > 0


def test_nothing_is_voided_before_the_next_tier_speaks() -> None:
    events, reply, _, _ = play(("Bonjour. Nous ", "livr", Fault.CUT), (Fault.BAD_REQUEST,), policy=MidStream.RESTART)
    assert not any(isinstance(event, Restarted) for event in events)
    assert (reply.text, reply.complete, reply.finish_reason) == (f"Bonjour. Nous livr… {SORRY}", False, "stall")
    assert (reply.tier, reply.tier_index) == ("tier-0", 0)


def test_spoken_sentences_stay_and_the_next_tier_says_the_rest() -> None:
    events, reply, models, _ = play(
        ("Bonjour. Nous ", "livrons à Yopougon. C'est ", "deux m", Fault.CUT),
        ("Bonjour. ", "C'est gratuit. ", "À demain.", END),
        policy=MidStream.CONTINUE_SENTENCE,
    )
    assert [event.text for event in events if isinstance(event, Delta)] == [
        "Bonjour. ", "Nous livrons à Yopougon. ", "C'est gratuit. ", "À demain."
    ]  # fmt: skip
    assert reply.complete
    asked = models[1].prompts[0]
    assert asked.history == (("user", "Bonjour"), ("assistant", "Bonjour. Nous livrons à Yopougon."))
    assert asked.user.startswith("Ta réponse a été coupée.")


def test_the_rest_is_asked_for_in_the_language_of_the_conversation_or_by_prefill() -> None:
    scripts = ("Hello there. We", Fault.CUT), ("We deliver.", END)
    _, _, english, _ = play(*scripts, policy=MidStream.CONTINUE_SENTENCE, purpose=Purpose(language="en"))
    assert english[1].prompts[0].user.startswith("Your reply was cut off.")
    _, _, prefilled, _ = play(*scripts, policy=MidStream.CONTINUE_SENTENCE, continues=True)
    assert (prefilled[1].prompts[0].user, prefilled[1].prompts[0].history[-1]) == ("", ("assistant", "Hello there."))


def test_json_is_never_continued() -> None:
    events, reply, _, _ = play(
        ('{"agent": "a. b', Fault.CUT),
        ('{"agent": "a"}', END),
        policy=MidStream.CONTINUE_SENTENCE,
        purpose=Purpose(json=True),
    )
    assert ([type(event) for event in events], reply.text) == ([Delta, Finished], '{"agent": "a"}')


def test_fail_ends_where_the_tier_died() -> None:
    _, reply, models, _ = play(("Bonjour. ", "Nous", Fault.CUT), GOOD, policy=MidStream.FAIL)
    assert (reply.text, reply.complete, reply.finish_reason) == ("Bonjour. Nous", False, "stall")
    assert not models[1].prompts


@pytest.mark.parametrize(
    ("script", "finish"),
    [
        (("Un. Deux. ", FOREVER), "stall"),
        (("Un. Deux. ", *("encore " for _ in range(1000))), "length"),
        (("Un. Deux. ", "Tr", Piece(finish="length")), "length"),
        (("Un. Deux.",), "stall"),
        (("Un. Deux. Trois", *(step for _ in range(9) for step in (1.0, " et"))), "stall"),
        (("Un. Deux. ", Piece(finish="content_filter")), "content_filter"),
    ],
    ids=["stall", "endless", "length", "no finish", "dribble", "filter"],
)
@pytest.mark.parametrize("policy", [MidStream.RESTART, MidStream.CONTINUE_SENTENCE])
def test_after_the_last_tier_a_text_is_closed_and_says_so(
    script: tuple[Step, ...], finish: str, policy: MidStream
) -> None:
    _, reply, _, seconds = play(script, policy=policy)
    assert reply.text.endswith(SORRY)
    assert (reply.complete, reply.finish_reason) == (False, finish)
    assert reply.wasted_tokens > 0
    assert seconds <= 6.0


def test_an_english_conversation_is_closed_in_english() -> None:
    _, reply, _, _ = play(("One. Tw", Fault.CUT), policy=MidStream.RESTART, purpose=Purpose(language="en"))
    assert reply.text == "One. Tw… Sorry, I could not finish my reply."


def test_while_nothing_was_said_the_failure_is_raised() -> None:
    with pytest.raises(NoTier):
        play((Fault.CUT,), policy=MidStream.RESTART)
    with pytest.raises(ContentFiltered):
        play((Piece(finish="content_filter"),), policy=MidStream.FAIL)


def test_a_listener_that_is_slow_is_no_stall() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        model = ScriptedModel("a", ("Un. ", "Deux. ", "Trois.", END))
        cascade = Cascade([GuardedTier(model, now=loop.time)], now=loop.time)
        async for event in cascade.stream(PROMPT, policy=MidStream.FAIL):
            if isinstance(event, Finished):
                assert event.reply.complete
            await asyncio.sleep(5.0)

    run_in_virtual_time(run())


def test_a_listener_that_leaves_ends_the_call() -> None:
    async def run() -> None:
        model = ScriptedModel("a", ("Un. ", "Deux. ", FOREVER))
        cascade = Cascade([model])
        async with aclosing(cascade.stream(PROMPT, policy=MidStream.FAIL)) as events:
            async for _ in events:
                break
        assert model.left_early == 1
        assert cascade.tiers[0].breaker.is_closed

    run_in_virtual_time(run())


_PIECES = st.sampled_from(["Oui. ", "Nous livrons", " à Cocody. ", "Merci", " ", "2.000 F. ", "…\n"])
_ENDS = st.sampled_from([END, Fault.CUT, Fault.MALFORMED, FOREVER, Piece(finish="length"), Fault.BAD_REQUEST])
_SCRIPTS = st.lists(st.tuples(st.lists(_PIECES, max_size=5), _ENDS), min_size=1, max_size=3)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(_SCRIPTS, st.sampled_from(MidStream))
def test_whatever_tiers_do_the_end_is_honest(scripts: list[tuple[list[str], Step]], policy: MidStream) -> None:
    try:
        _, reply, _, _ = play(*((*pieces, end) for pieces, end in scripts), policy=policy)
    except NoTier:
        return
    whole = [pieces for pieces, end in scripts if end is END and "".join(pieces).strip()]
    assert reply.text.strip()
    assert reply.complete <= bool(whole)
    assert reply.complete == (reply.attempts[-1].reason == "")
    if reply.complete and policy in (MidStream.HOLD_BACK, MidStream.RESTART):
        assert reply.text in ("".join(pieces).lstrip() for pieces in whole)
