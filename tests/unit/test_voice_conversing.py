"""Spoken conversations in virtual time: order, masks, interruptions, taken-back words, failures."""

from collections.abc import Coroutine
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from libs.common.errors import InvalidRequest, Unavailable
from services.voice.chunks import Chunk, Segment
from services.voice.playback import LEAD_SECONDS
from services.voice.reply_feed import Delta, Replied
from services.voice.speech_stream import Finished, Started
from services.voice.spoken_turn import Unanswered
from tests.fakes.scripted_router import After, ScriptedRouter, reply, reset, streamed
from tests.fakes.scripted_voice import ScriptedVoice
from tests.fakes.virtual_time import run_in_virtual_time
from tests.fakes.voice_world import TENANT, Call, VoiceWithLatency, VoiceWorld, barges_in, says

T = TypeVar("T")
TEXT = "Votre colis part demain matin. Il arrive mardi."
FILLER = "Laissez-moi voir ça..."


def in_world(work: Coroutine[Any, Any, T]) -> T:
    return run_in_virtual_time(work)


def slow_voice() -> VoiceWithLatency:
    return VoiceWithLatency(latency=lambda: 0.28)


def test_a_turn_is_config_audio_reply_and_its_end() -> None:
    async def work() -> Call:
        return await VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.9)), voice=slow_voice()).call((0, says("Où ?")))

    call = in_world(work())
    kinds = [type(event) for _, event in call.events]
    assert (kinds[0], kinds[-1]) == (Started, Finished)
    assert set(kinds[1:-1]) == {Chunk, Replied}
    assert kinds.count(Replied) == 1
    assert [chunk.sequence for _, chunk in call.chunks()] == list(range(len(call.chunks())))
    assert [chunk.is_last for _, chunk in call.chunks()].index(True) == len(call.chunks()) - 1
    assert call.spans() == [
        (FILLER, Segment.FILLER),
        ("Votre colis part demain matin.", Segment.CONTENT),
        ("Il arrive mardi.", Segment.CONTENT),
    ]
    (end,) = call.finished
    assert (end.complete, end.interrupted, end.turn_id, end.reasons) == (True, False, "t1", ())
    assert end.spoken_text == f"{FILLER} {TEXT}"
    assert end.first_audio_ms <= 20
    assert end.largest_gap_ms == pytest.approx(call.largest_silence_ms(), abs=0.01)


def test_audio_is_sent_no_further_ahead_than_an_interruption_can_take_back() -> None:
    async def work() -> Call:
        return await VoiceWorld(ScriptedRouter(streamed(TEXT)), voice=ScriptedVoice()).call((0, says("Où ?")))

    call, ends = in_world(work()), 0.0
    for at, chunk in call.chunks():
        ends = max(ends, at) + chunk.audio_ms / 1_000
        assert ends - at <= LEAD_SECONDS + 0.002
        assert chunk.audio_ms <= 200
    assert call.largest_silence_ms() == 0


def test_an_answer_that_is_there_at_once_is_not_delayed() -> None:
    async def work() -> Call:
        return await VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.005))).call((0, says("Où ?")))

    call = in_world(work())
    assert {chunk.segment for _, chunk in call.chunks()} == {Segment.CONTENT}
    assert call.finished[0].first_audio_ms < 20


def test_yes_gets_no_filler_and_the_waits_are_learned() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.9)))
        return await world.call(*[(20, says("oui", f"t{number}")) for number in range(10)]), world

    call, world = in_world(work())
    assert {chunk.segment for _, chunk in call.chunks()} == {Segment.CONTENT}
    assert world.waits.forecast(TENANT, "").p50 == pytest.approx(900, abs=5)


def test_a_long_wait_is_held_without_a_long_silence_and_no_filler_twice() -> None:
    async def work() -> Call:
        router = ScriptedRouter(*[streamed(TEXT, after=seconds) for seconds in (3.4, 2.2, 5.1, 1.6, 7.0)])
        world = VoiceWorld(router, voice=slow_voice())
        return await world.call(*[(20, says("Où ?", f"t{number}")) for number in range(5)])

    call = in_world(work())
    assert call.largest_silence_ms() <= 400.1
    assert all(end.complete and end.largest_gap_ms <= 400.1 for end in call.finished)
    fillers = [text for text, segment in call.spans() if segment is Segment.FILLER]
    assert all(one != other for one, other in pairwise(fillers) if "..." in one)
    assert "Désolé pour l'attente." in fillers


def test_an_answer_that_never_comes_ends_in_a_text_that_says_so() -> None:
    async def work() -> tuple[Call, ScriptedRouter]:
        router = ScriptedRouter([After(60, reply(TEXT))], streamed("Bonjour."))
        return await VoiceWorld(router).call((0, says("Où ?")), (15, says("Allô ?", "t2"))), router

    call, router = in_world(work())
    late, after = call.finished
    assert (late.complete, late.reasons) == (False, ("ANSWER_TOO_LATE",))
    assert late.spoken_text.endswith("Pouvez-vous répéter, s'il vous plaît ?")
    (unanswered,) = call.of(Unanswered)
    assert (unanswered.turn_id, unanswered.reasons) == ("t1", ("ANSWER_TOO_LATE",))
    assert router.cancelled == ["t1"]
    assert call.largest_silence_ms() <= 400.1
    assert (after.complete, after.spoken_text) == (True, "Bonjour.")


def test_a_router_that_is_away_is_apologised_for_and_the_call_goes_on() -> None:
    async def work() -> Call:
        router = ScriptedRouter([After(0.01, Unavailable("UNAVAILABLE", "Nobody there."))], streamed("Bonjour."))
        return await VoiceWorld(router).call((0, says("Où ?")), (12, says("Allô ?", "t2")))

    call = in_world(work())
    first, second = call.finished
    assert (first.complete, first.reasons) == (False, ("UNAVAILABLE",))
    assert call.of(Unanswered)[0].text == first.spoken_text
    assert first.audio_ms > 1_000
    assert second.complete


def test_what_is_wrong_with_a_turn_ends_the_call() -> None:
    async def work() -> None:
        router = ScriptedRouter([After(0.01, InvalidRequest("INVALID_FIELD", "Too long."))])
        await VoiceWorld(router).call((0, says("Où ?")))

    with pytest.raises(InvalidRequest, match="INVALID_FIELD"):
        in_world(work())


def test_an_interruption_stops_audio_and_voice_at_once_and_only_what_was_heard_is_kept() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.005)), voice=VoiceWithLatency())
        return await world.call((0, says("Où ?")), (1.0, barges_in(1_100))), world

    call, world = in_world(work())
    (end,) = call.finished
    stopped = call.events[-1][0]
    assert isinstance(call.events[-1][1], Finished)
    # 1,100 ms of thirty characters in two seconds: sixteen of them, three words.
    assert (end.complete, end.interrupted, end.spoken_text) == (False, True, "Votre colis part")
    assert world.router.amended == [("t1", "Votre colis part")]
    assert world.voice.stopped_at == [stopped], "the provider's call ends at that very moment"
    assert all(at <= stopped for at, _ in call.chunks())
    assert end.audio_ms <= 1_400, "no more was sent than a listener needs"
    assert world.router.cancelled == [], "the turn itself is kept"


def test_an_interruption_without_a_position_counts_what_was_sent() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.005)), voice=ScriptedVoice())
        return await world.call((0, says("Où ?")), (2.3, barges_in())), world

    call, world = in_world(work())
    assert call.finished[0].spoken_text == "Votre colis part demain matin. Il"
    assert world.router.amended == [("t1", "Votre colis part demain matin. Il")]


def test_an_interrupted_filler_leaves_nothing_heard_of_the_reply() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=1.0)))
        return await world.call((0, says("Où ?")), (0.7, barges_in(790))), world

    call, world = in_world(work())
    (end,) = call.finished
    assert (end.interrupted, end.spoken_text) == (True, "Laissez-moi")
    # The reply comes after the interruption, is kept, and told.
    assert world.router.kept == {"t1": TEXT}
    assert world.router.amended == [("t1", "")]
    assert [each.text for each in call.of(Replied)] == [TEXT]


def test_a_new_turn_interrupts_and_waits_for_the_history_of_the_one_before() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        router = ScriptedRouter(streamed(TEXT, after=0.005, every=0.2), streamed("D'accord.", after=0.3))
        world = VoiceWorld(router)
        return await world.call((0, says("Où ?")), (0.9, says("Non, annulez tout", "t2"))), world

    call, world = in_world(work())
    first, second = call.finished
    assert (first.turn_id, first.interrupted, second.turn_id, second.interrupted) == ("t1", True, "t2", False)
    assert [turn.turn_id for turn in world.router.asked] == ["t1", "t2"]
    assert world.router.amended[0][0] == "t1"
    assert TEXT.startswith(world.router.amended[0][1])
    assert second.spoken_text.endswith("D'accord.")
    assert {each.text for each in call.of(Replied)} == {TEXT, "D'accord."}


def test_an_interruption_that_comes_late_still_amends_the_history() -> None:
    async def work() -> VoiceWorld:
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.005)), voice=ScriptedVoice())
        await world.call((0, says("Où ?")), (6, barges_in(1_100)))
        return world

    assert in_world(work()).router.amended == [("t1", "Votre colis part")]


def test_an_interruption_after_all_was_heard_changes_nothing() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.005)), voice=ScriptedVoice())
        return await world.call((0, says("Où ?")), (6, barges_in())), world

    call, world = in_world(work())
    assert (call.finished[0].complete, world.router.amended) == (True, [])


def test_a_history_that_cannot_be_amended_does_not_end_the_call() -> None:
    async def work() -> Call:
        router = ScriptedRouter(streamed(TEXT, after=0.005), streamed("Bonjour."))
        router.amend_error = Unavailable("STORE_UNAVAILABLE", "Away.")
        return await VoiceWorld(router).call((0, says("Où ?")), (1.0, barges_in(500)), (1.0, says("Allô", "t2")))

    assert in_world(work()).finished[-1].complete


def test_hanging_up_cancels_the_reply_and_the_voice() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        world = VoiceWorld(
            ScriptedRouter([After(0.0, Delta("Votre colis part demain matin. Il")), After(9, reply("x"))])
        )
        call = await world.call((0, says("Où ?")), until=lambda heard: len(heard.chunks()) == 3)
        return call, world

    call, world = in_world(work())
    assert world.router.cancelled == ["t1"]
    assert world.voice.stopped_at == [call.events[-1][0]]


def test_hanging_up_amid_a_whole_reply_keeps_what_was_heard() -> None:
    async def work() -> VoiceWorld:
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.005)), voice=ScriptedVoice())
        await world.call((0, says("Où ?")), until=lambda heard: len(heard.chunks()) == 14)
        return world

    assert in_world(work()).router.amended == [("t1", "Votre colis part")]


def test_words_taken_back_before_they_are_heard_are_never_spoken() -> None:
    async def work() -> Call:
        script = [
            After(0.005, Delta("Bonjour. Il coûte ")),
            reset(0.2),
            *streamed("Bonjour. Il part demain.", after=0.3),
        ]
        return await VoiceWorld(ScriptedRouter(script)).call((0, says("Où ?")))

    (end,) = in_world(work()).finished
    assert (end.complete, end.spoken_text) == (True, "Bonjour. Il part demain.")


def test_words_taken_back_after_they_were_heard_make_the_turn_incomplete() -> None:
    async def work() -> tuple[Call, VoiceWorld]:
        script = [
            After(0.005, Delta("Il coûte cher. Mais ")),
            reset(0.5),
            *streamed("Il part demain matin.", after=0.1),
        ]
        world = VoiceWorld(ScriptedRouter(script))
        return await world.call((0, says("Où ?")), (2.9, barges_in())), world

    call, world = in_world(work())
    (end,) = call.finished
    assert not end.complete
    assert end.spoken_text == "Il coûte cher. Pardon, je reprends. Il part"
    assert world.router.amended == [("t1", "Il part")], "of the reply that is kept, only a beginning of it"


def test_a_reply_that_was_worded_anew_after_the_interruption_was_not_heard() -> None:
    async def work() -> VoiceWorld:
        script = [
            After(0.005, Delta("Il coûte cher. Mais ")),
            reset(1.0),
            *streamed("Il part demain matin.", after=0.1),
        ]
        world = VoiceWorld(ScriptedRouter(script))
        await world.call((0, says("Où ?")), (0.7, barges_in()))
        return world

    assert in_world(work()).router.amended == [("t1", "")]


def test_words_that_dribble_are_spoken_without_the_end_of_their_sentence() -> None:
    async def work() -> Call:
        words = ["Je", "regarde", "tous", "les", "dossiers", "un", "par", "un", "et", "lentement", "aussi"]
        script = [After(0.5, Delta(f"{word} ")) for word in words]
        return await VoiceWorld(ScriptedRouter([*script, After(0, reply(" ".join(words) + " "))])).call(
            (0, says("Où ?"))
        )

    call = in_world(work())
    spans = [text for text, segment in call.spans() if segment is Segment.CONTENT]
    assert len(spans) > 1
    assert " ".join(spans) == "Je regarde tous les dossiers un par un et lentement aussi"
    assert call.largest_silence_ms() <= 400.1


def test_with_no_voice_left_the_kept_apology_is_played_and_the_reply_told() -> None:
    async def work() -> Call:
        voice = ScriptedVoice()
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=0.005)), voice=voice)
        await world.memory.warm_up(["fr"])
        voice.fail_after_pieces = [0] * 40
        return await world.call((0, says("Où ?")))

    call = in_world(work())
    (end,) = call.finished
    assert (end.complete, end.reasons) == (False, ("SCRIPTED_FAILED",))
    assert end.spoken_text.startswith("Désolé")
    assert [each.text for each in call.of(Replied)] == [TEXT]


def test_no_voice_at_all_is_an_error() -> None:
    async def work() -> None:
        voice = ScriptedVoice(can_speak=False)
        await VoiceWorld(ScriptedRouter(streamed(TEXT)), voice=voice).call((0, says("Où ?")))

    with pytest.raises(Unavailable, match="NO_VOICE"):
        in_world(work())


def test_a_tenants_own_wording_is_spoken() -> None:
    async def work() -> Call:
        phrases = {"filler_let_me_see": "Laisse-moi voir..."}
        world = VoiceWorld(ScriptedRouter(streamed(TEXT, after=1.5)), voice=ScriptedVoice(), phrases=phrases)
        return await world.call((0.1, says("Où ?")))

    assert in_world(work()).spans()[0] == ("Laisse-moi voir...", Segment.FILLER)


def test_the_phase_of_the_last_reply_chooses_the_filler() -> None:
    async def work() -> Call:
        router = ScriptedRouter(streamed("Bien.", after=1.5, phase="verification"), streamed("Oui.", after=1.5))
        return await VoiceWorld(router).call((0, says("Où ?")), (9, says("Le voyant est vert", "t2")))

    spans = [text for text, segment in in_world(work()).spans() if segment is Segment.FILLER]
    assert spans == [FILLER, "Très bien, je note..."]
