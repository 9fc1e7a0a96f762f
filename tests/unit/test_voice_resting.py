"""How a voice that failed is left alone, paid for, and counted."""

import asyncio
from contextlib import aclosing

import pytest

from libs.common.errors import Exhausted, Unavailable
from services.voice.resting import Resting
from services.voice.speech_figures import SpeechFigures
from services.voice.voices import Voices
from services.voice.watched_speech import Payment, Take
from tests.fakes.scripted_voice import ScriptedVoice


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Till:
    """An account that remembers what was settled, and may be empty."""

    def __init__(self) -> None:
        self.is_spent = False
        self.settled: list[Take] = []

    async def hold(self, *, model: str, characters: int) -> Payment:
        if self.is_spent:
            raise Exhausted("BUDGET_SPENT", "Nothing is left.")
        return self

    def settle(self, take: Take) -> None:
        self.settled.append(take)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_one_failure_rests_a_voice_and_one_caller_tries_it_again(clock: Clock) -> None:
    resting = Resting(cooldown_seconds=15, now=clock)
    resting.failed("SLOW")
    assert not resting.admits()
    clock.now += 15
    assert [resting.admits() for _ in range(100)].count(True) == 1
    resting.succeeded()
    assert all(resting.admits() for _ in range(100))


def test_rests_grow_up_to_two_minutes_and_failures_within_one_do_not_count(clock: Clock) -> None:
    resting = Resting(cooldown_seconds=15, now=clock)
    lengths: list[float] = []
    for _ in range(6):
        resting.failed("SLOW")
        resting.failed("SLOW")
        begun = clock.now
        while not resting.admits():
            clock.now += 1
        lengths.append(clock.now - begun)
    assert lengths == [15, 30, 60, 120, 120, 120]


def test_what_the_vendor_asks_for_is_obeyed_within_reason(clock: Clock) -> None:
    resting = Resting(cooldown_seconds=15, now=clock)
    resting.failed("RATE_LIMITED", retry_after_seconds=1)
    clock.now += 1
    assert resting.admits()
    resting.failed("RATE_LIMITED", retry_after_seconds=86_400)
    clock.now += 600
    assert resting.admits()


def test_a_caller_who_was_let_through_and_never_spoke_holds_nobody_up(clock: Clock) -> None:
    resting = Resting(cooldown_seconds=15, now=clock)
    resting.failed("SLOW")
    clock.now += 15
    assert resting.admits()
    assert not resting.admits()
    clock.now += 2
    assert resting.admits()


async def speak(voices: Voices, text: str = "Bonjour.", *, pieces: int | None = None) -> str:
    """Speaks with the first voice of a plan; returns the reason when it fails."""
    speaker = voices.plan(locale="fr").candidates[0].provider
    try:
        async with aclosing(speaker.stream(text, locale="fr", voice="one", sample_rate_hz=8_000)) as stream:
            count = 0
            async for _ in stream:
                count += 1
                if count == pieces:
                    break
    except Unavailable as error:
        return error.reason
    return ""


async def test_a_failure_puts_the_other_voice_first_for_everybody(clock: Clock) -> None:
    paid = ScriptedVoice("paid", is_paid=True)
    voices = Voices([paid, ScriptedVoice("local")], cooldown_seconds=15, now=clock)
    paid.fail_after_pieces = [0]
    assert await speak(voices) == "PAID_FAILED"
    assert [candidate.full_name for candidate in voices.plan(locale="fr").candidates] == ["local:one", "paid:one"]
    clock.now += 15
    plans = [voices.plan(locale="fr").candidates[0].full_name for _ in range(20)]
    assert plans.count("paid:one") == 1
    speaker = voices.plan(locale="fr").candidates[-1].provider
    async with aclosing(speaker.stream("Oui.", locale="fr", voice="one", sample_rate_hz=8_000)) as stream:
        assert [piece async for piece in stream]
    assert voices.plan(locale="fr").candidates[0].full_name == "paid:one"


async def test_takes_are_paid_also_when_they_break_off_or_are_cut_short() -> None:
    paid, till = ScriptedVoice("paid", is_paid=True), Till()
    voices = Voices([paid], account=till)
    paid.fail_after_pieces = [None, 3, 0, None]
    await speak(voices, "douze lettre")
    await speak(voices, "douze lettre")
    paid.failure_reason = "PAID_RATE_LIMITED"
    await speak(voices, "douze lettre")
    await speak(voices, "douze lettre", pieces=1)
    assert [(take.billed_characters, take.was_heard, take.reason) for take in till.settled] == [
        (12, True, ""),
        (12, False, "PAID_FAILED"),
        (0, False, "PAID_RATE_LIMITED"),
        (12, False, ""),
    ]


async def test_a_cancelled_take_is_paid_too() -> None:
    paid, till = ScriptedVoice("paid", is_paid=True), Till()
    voices = Voices([paid], account=till)
    paid.may_speak.clear()
    task = asyncio.create_task(speak(voices))
    # The task begins, holds the money, and asks the voice.
    for _ in range(5):
        await asyncio.sleep(0)
    assert paid.asked == ["Bonjour."]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [take.billed_characters for take in till.settled] == [len("Bonjour.")]


async def test_a_spent_budget_silences_the_paid_voice_alone_and_is_no_fault_of_it() -> None:
    paid, till = ScriptedVoice("paid", is_paid=True), Till()
    voices = Voices([paid, ScriptedVoice("local")], account=till)
    till.is_spent = True
    assert await speak(voices) == "SPEECH_BUDGET_SPENT"
    assert paid.asked == []
    till.is_spent = False
    assert await speak(voices) == ""


async def test_local_voices_cost_nothing_and_ask_nobody() -> None:
    till = Till()
    till.is_spent = True
    assert await speak(Voices([ScriptedVoice("local")], account=till)) == ""
    assert till.settled == []


async def test_figures_count_what_was_spoken_played_and_saved() -> None:
    figures = SpeechFigures(cost=lambda model, characters: 50 * characters)
    paid = ScriptedVoice("paid", is_paid=True)
    paid.fail_after_pieces = [None, 2]
    voices = Voices([paid], note=figures.took)
    await speak(voices, "dix signes")
    await speak(voices, "dix signes")
    for from_memory in (True, True, True, False):
        figures.played(from_memory=from_memory, provider="paid", is_paid=True, model="m", characters=7)
    figures.played(from_memory=True, provider="free", is_paid=False, model="m", characters=7)
    summary = figures.summary()
    assert (summary.takes, summary.failures, summary.billed_characters) == (2, 1, 20)
    assert (summary.phrases_played, summary.phrase_hit_rate) == (5, 0.8)
    assert (summary.saved_characters, summary.saved_micro_usd) == (21, 1_050)
    assert "80% from memory" in str(summary)
