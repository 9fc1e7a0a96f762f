"""A phrase at once and a text behind it, when making the text takes long; in virtual time."""

import asyncio
from contextlib import aclosing

import pytest

from services.voice.chunks import Segment
from services.voice.phrases import PhraseMemory
from services.voice.speaking import Speaking, TenantVoice, Utterance
from services.voice.voices import Voices
from tests.fakes.virtual_time import run_in_virtual_time
from tests.fakes.voice_world import TENANT, Call, OneTenant, VoiceWithLatency

TEXT = "Monsieur Koné, je vois votre ticket."


async def say_hybrid(voice: VoiceWithLatency, key: str, text: str, *, latency: float = 0.0) -> Call:
    """Says it with every phrase in memory, while the voice takes `latency` to begin."""
    voices, loop = Voices([voice]), asyncio.get_running_loop()
    memory = PhraseMemory(voices)
    await memory.warm_up(["fr"])
    voice.asked.clear()
    voice.latency = lambda: latency
    speaking = Speaking(tenants=OneTenant(TenantVoice("fr-CI")), voices=voices, phrases=memory, now=loop.time)
    heard = Call()
    began = loop.time()
    async with aclosing(speaking.say_hybrid(TENANT, key, Utterance(text, turn_id="t1"))) as events:
        async for event in events:
            heard.events.append((loop.time() - began, event))
    return heard


def test_a_new_caller_is_greeted_and_welcomed_without_asking_any_voice() -> None:
    voice = VoiceWithLatency()

    async def work() -> tuple[Call, Call, Call]:
        greet = await say_hybrid(voice, "greet", "")
        welcome = await say_hybrid(voice, "welcome", "")
        both = await say_hybrid(voice, "greet", "Bienvenue, comment puis-je vous aider ?")
        assert voice.asked == []
        return greet, welcome, both

    for call in run_in_virtual_time(work()):
        assert call.finished[0].complete
        assert call.chunks()[0][0] == 0
        assert {chunk.segment for _, chunk in call.chunks()} == {Segment.CONTENT}
        assert call.finished[0].billed_characters == 0
    assert call.finished[0].spoken_text == "Bonjour ! Bienvenue, comment puis-je vous aider ?"


@pytest.mark.parametrize("latency", [0.3, 1.9, 2.4, 3.9, 5.5])
def test_a_text_that_takes_long_is_waited_for_without_a_long_silence(latency: float) -> None:
    call = run_in_virtual_time(say_hybrid(VoiceWithLatency(), "filler_ok", TEXT, latency=latency))
    end = call.finished[0]
    assert (end.complete, end.turn_id) == (True, "t1")
    assert end.largest_gap_ms <= 400.1
    assert call.largest_silence_ms() == pytest.approx(end.largest_gap_ms, abs=0.1)
    assert call.chunks()[0][0] == 0
    spans = [text for text, _ in call.spans()]
    assert (spans[0], spans[-1]) == ("Très bien, je note...", TEXT)
    assert ("Un instant s'il vous plaît..." in spans) == (latency > 1.8)


def test_a_text_that_never_comes_ends_in_the_fallback() -> None:
    call = run_in_virtual_time(say_hybrid(VoiceWithLatency(), "filler_ok", TEXT, latency=60.0))
    end = call.finished[0]
    assert (end.complete, end.reasons) == (False, ("ANSWER_TOO_LATE",))
    assert end.spoken_text.endswith("Pouvez-vous répéter, s'il vous plaît ?")
    assert call.events[-1][0] < 10


def test_english_callers_hear_english_phrases() -> None:
    wording = TenantVoice("fr-CI", phrases={"greet": "Bonjour, la boutique.", "bye": "Au revoir."})
    assert wording.wording()["greet"] == "Bonjour, la boutique."
    assert wording.wording("en-GB")["greet"] == "Hello!"
    assert wording.wording("en")["filler_one_moment"] == "One moment please..."
    assert wording.wording("en")["bye"] == "Au revoir."
