"""Say and say hybrid on scripted voices."""

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from libs.common.errors import InvalidRequest, NotFound, Unavailable
from libs.common.request_context import TenantId
from services.voice.audio import AudioForm
from services.voice.chunks import Chunk, Segment
from services.voice.phrases import PhraseMemory
from services.voice.speaking import Speaking, TenantVoice, Utterance
from services.voice.speech_stream import Finished, SpeechEvent, Started
from services.voice.voices import Voices
from tests.fakes.scripted_voice import ScriptedVoice

TENANT = TenantId("rue-du-gros")
TEXT = "Votre colis part demain. Il arrive à 18h30."


class OneTenant:
    async def of(self, tenant: TenantId) -> TenantVoice:
        if tenant != TENANT:
            raise NotFound("TENANT_NOT_FOUND", "No such tenant.")
        return TenantVoice("fr-CI", phrases={"greet": "Bienvenue à la boutique."})


class Stage:
    """A speaking use case with two scripted voices."""

    def __init__(self) -> None:
        self.paid = ScriptedVoice("paid", is_paid=True)
        self.local = ScriptedVoice("local")
        self.voices = Voices([self.paid, self.local])
        self.phrases = PhraseMemory(self.voices)
        self.speaking = Speaking(tenants=OneTenant(), voices=self.voices, phrases=self.phrases)

    async def say(self, text: str = TEXT, **fields: str) -> list[SpeechEvent]:
        async with aclosing(self.speaking.say(TENANT, Utterance(text, **fields))) as events:
            return [event async for event in events]

    async def say_hybrid(self, key: str, text: str = TEXT) -> list[SpeechEvent]:
        async with aclosing(self.speaking.say_hybrid(TENANT, key, Utterance(text))) as events:
            return [event async for event in events]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def chunks_of(events: list[SpeechEvent]) -> list[Chunk]:
    return [event for event in events if isinstance(event, Chunk)]


def finished(events: list[SpeechEvent]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


async def test_config_then_chunks_then_completion(stage: Stage) -> None:
    events = await stage.say(turn_id="t-1")
    chunks = chunks_of(events)
    assert events[0] == Started(AudioForm(), "paid:one", "t-1")
    assert events[1:-1] == chunks
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.text_span for chunk in chunks if chunk.text_span] == [
        "Votre colis part demain.",
        "Il arrive à 18h30.",
    ]
    assert [chunk.is_last for chunk in chunks].index(True) == len(chunks) - 1
    end = finished(events)
    assert (end.complete, end.spoken_text, end.reasons) == (True, TEXT, ())
    assert end.audio_ms == sum(len(chunk.samples) for chunk in chunks) // 16
    assert 0 < end.first_audio_ms < 1_000


async def test_the_voice_gets_words_for_figures_and_the_caller_keeps_the_text(stage: Stage) -> None:
    events = await stage.say()
    assert stage.paid.asked == ["Votre colis part demain.", "Il arrive à dix-huit heures trente."]
    assert finished(events).billed_characters == sum(len(text) for text in stage.paid.asked)


async def test_a_failure_before_audio_is_invisible_but_for_its_reason(stage: Stage) -> None:
    stage.paid.fail_after_pieces = [0]
    events = await stage.say()
    end = finished(events)
    assert (end.complete, end.spoken_text, end.reasons) == (True, TEXT, ("PAID_FAILED",))
    assert all(chunk.voice == "local:one" for chunk in chunks_of(events))


async def test_a_voice_that_dies_amid_a_sentence_is_followed_by_another_that_says_it_again(stage: Stage) -> None:
    stage.paid.fail_after_pieces = [None, 5]
    events = await stage.say()
    end = finished(events)
    assert (end.complete, end.spoken_text, end.reasons) == (True, TEXT, ("PAID_FAILED",))
    begun = [(chunk.text_span, chunk.voice) for chunk in chunks_of(events) if chunk.text_span]
    assert begun == [
        ("Votre colis part demain.", ""),
        ("Il arrive à 18h30.", ""),
        ("Il arrive à 18h30.", "local:one"),
    ]


async def test_with_no_voice_left_the_stream_ends_incomplete(stage: Stage) -> None:
    stage.paid.fail_after_pieces = [None, 5]
    stage.local.fail_after_pieces = [3]
    events = await stage.say()
    end = finished(events)
    assert (end.complete, end.spoken_text) == (False, "Votre colis part demain.")
    assert end.reasons == ("PAID_FAILED", "LOCAL_FAILED")
    assert chunks_of(events)[-1].is_last


async def test_a_sentence_that_a_voice_has_no_sound_for_goes_to_the_next_one_and_no_further(stage: Stage) -> None:
    stage.paid.silent_word = "dix-huit"
    end = finished(await stage.say(TEXT + " Merci."))
    assert (end.complete, end.spoken_text, end.reasons) == (True, TEXT + " Merci.", ("PAID_SILENT",))
    assert stage.local.asked == ["Il arrive à dix-huit heures trente."]
    stage.local.silent_word = "dix-huit"
    end = finished(await stage.say(TEXT + " Merci."))
    assert (end.complete, end.spoken_text) == (False, "Votre colis part demain. Merci.")


async def test_nothing_spoken_at_all_is_no_voice(stage: Stage) -> None:
    stage.paid.fail_after_pieces = [0]
    stage.local.fail_after_pieces = [0]
    with pytest.raises(Unavailable, match="NO_VOICE"):
        await stage.say()


async def test_an_apology_that_is_kept_replaces_a_total_failure(stage: Stage) -> None:
    await stage.say_hybrid("apology", "")
    stage.paid.fail_after_pieces = [0]
    stage.local.fail_after_pieces = [0]
    events = await stage.say()
    assert not finished(events).complete
    assert chunks_of(events)[0].text_span.startswith("Désolé")


async def test_hybrid_begins_the_text_before_the_phrase_is_played(stage: Stage) -> None:
    await stage.say_hybrid("filler_hum", "")
    stage.paid.asked.clear()
    stage.paid.may_speak.clear()
    stream = stage.speaking.say_hybrid(TENANT, "filler_hum", Utterance(TEXT))
    async with aclosing(stream):
        assert isinstance(await anext(stream), Started)
        assert stage.paid.asked == ["Votre colis part demain."]
        first = await anext(stream)
        assert isinstance(first, Chunk)
        assert first.segment is Segment.FILLER, "played while the voice still makes the text"
        assert first.text_span == "Hum, laissez-moi regarder..."
        stage.paid.may_speak.set()
        rest = [event async for event in stream]
    segments = [event.segment for event in [first, *rest] if isinstance(event, Chunk)]
    assert segments == sorted(segments, key=[Segment.FILLER, Segment.CONTENT].index)
    assert segments.count(Segment.FILLER) <= 5
    assert finished(rest).spoken_text == f"Hum, laissez-moi regarder... {TEXT}"


async def test_a_kept_phrase_costs_nothing_and_calls_nobody(stage: Stage) -> None:
    first = await stage.say_hybrid("greet", "")
    second = await stage.say_hybrid("greet", "")
    assert stage.paid.asked == ["Bienvenue à la boutique."]
    assert (finished(first).billed_characters > 0, finished(second).billed_characters) == (True, 0)
    assert [chunk.samples for chunk in chunks_of(first)] == [chunk.samples for chunk in chunks_of(second)]
    assert {chunk.segment for chunk in chunks_of(second)} == {Segment.CONTENT}, "a greeting masks nothing"


async def test_callers_that_want_one_phrase_at_once_pay_for_it_once(stage: Stage) -> None:
    await asyncio.gather(*[stage.say_hybrid("welcome", "") for _ in range(5)])
    assert len(stage.paid.asked) == 1


async def test_an_unknown_phrase_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound, match="PHRASE_UNKNOWN"):
        await stage.say_hybrid("nothing_like_it")


async def test_an_unknown_tenant_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound, match="TENANT_NOT_FOUND"):
        await anext(stage.speaking.say(TenantId("nobody"), Utterance(TEXT)))


async def test_a_text_that_is_too_long_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidRequest, match="INVALID_FIELD"):
        await stage.say("é" * 2_049)


async def test_text_without_a_word_is_complete_and_silent(stage: Stage) -> None:
    events = await stage.say("!!! …")
    assert chunks_of(events) == []
    assert finished(events).complete


async def test_closing_a_stream_stops_the_voice(stage: Stage) -> None:
    stream = stage.speaking.say(TENANT, Utterance("Une phrase bien longue qui dure. " * 60))
    await anext(stream)
    await anext(stream)
    stage.paid.may_speak.clear()
    await stream.aclose()
    made = stage.paid.pieces_made
    stage.paid.may_speak.set()
    await asyncio.wait_for(stage.paid.closed_early.wait(), 1)
    assert stage.paid.pieces_made == made


async def test_speech_is_made_ahead_only_so_far(stage: Stage) -> None:
    stream = stage.speaking.say(TENANT, Utterance("Une phrase bien longue qui dure. " * 120))
    await anext(stream)
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert stage.paid.pieces_made < 300, "a caller who does not listen costs no more than what is made ahead"
    await stream.aclose()


async def test_phrases_are_listed_by_key_with_what_is_ready(stage: Stage) -> None:
    await stage.say_hybrid("greet", "")
    listed = {phrase.key: phrase for phrase in await stage.speaking.list_phrases(TENANT)}
    assert list(listed) == sorted(listed)
    assert listed["greet"].audio_ms > 0
    assert listed["greet"].text == "Bienvenue à la boutique."
    assert listed["filler_ok"].audio_ms == 0


async def test_warming_up_makes_what_is_free_and_never_calls_a_paid_voice(stage: Stage) -> None:
    await stage.phrases.warm_up(["fr"])
    assert stage.paid.asked == []
    assert "Très bien, je note..." in stage.local.asked


async def test_the_join_of_phrase_and_text_makes_no_click(stage: Stage) -> None:
    chunks = chunks_of(await stage.say_hybrid("filler_ok"))
    heard = np.frombuffer(b"".join(chunk.samples for chunk in chunks), dtype="<i2").astype(int)
    # A 440 Hz tone of level 8,000 moves at most 2,765 from one sample to the next.
    assert np.abs(np.diff(heard)).max() < 2_800
