"""Which voice is tried first, and what is said about the ones that are missing."""

import pytest

from libs.common.errors import InvalidRequest, Unavailable
from services.voice.voices import Voices
from tests.fakes.scripted_voice import ScriptedVoice


def names(voices: Voices, *, locale: str = "fr-CI", asked: str = "") -> list[str]:
    return [candidate.full_name for candidate in voices.plan(locale=locale, asked=asked).candidates]


def test_the_configured_order_holds_and_the_asked_voice_comes_first() -> None:
    voices = Voices([ScriptedVoice("paid", is_paid=True), ScriptedVoice("local")])
    assert names(voices) == ["paid:one", "local:one"]
    assert names(voices, asked="local:two") == ["local:two", "paid:one"]


@pytest.mark.parametrize("asked", ["nobody:one", "local:none"])
def test_an_unknown_voice_is_refused_by_name_of_the_field(asked: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Voices([ScriptedVoice("local")]).plan(locale="fr", asked=asked)
    assert (refused.value.reason, refused.value.violations[0].field) == ("VOICE_UNKNOWN", "voice")


def test_a_setting_that_names_an_unknown_voice_does_not_silence() -> None:
    plan = Voices([ScriptedVoice("local")]).plan_preferring("nobody:one", locale="fr")
    assert (plan.candidates[0].full_name, plan.reasons) == ("local:one", ("VOICE_UNKNOWN",))


def test_a_voice_that_is_not_configured_is_a_reason_only_when_asked_for() -> None:
    voices = Voices([ScriptedVoice("paid", can_speak=False), ScriptedVoice("local")])
    assert voices.plan(locale="fr").reasons == ()
    assert voices.plan(locale="fr", asked="paid:one").reasons == ("PAID_NOT_CONFIGURED",)


def test_a_failed_voice_is_tried_last_until_it_has_cooled_down() -> None:
    clock = [0.0]
    paid = ScriptedVoice("paid")
    voices = Voices([paid, ScriptedVoice("local")], cooldown_seconds=15, now=lambda: clock[0])
    voices.set_aside(paid, "PAID_SLOW")
    assert names(voices) == ["local:one", "paid:one"]
    assert voices.plan(locale="fr").reasons == ("PAID_SLOW",)
    clock[0] = 15.0
    assert names(voices) == ["paid:one", "local:one"]


def test_no_voice_at_all_says_what_to_do() -> None:
    voices = Voices([ScriptedVoice("paid", is_paid=True, can_speak=False)])
    with pytest.raises(Unavailable) as silent:
        voices.plan(locale="fr")
    assert silent.value.reason == "NO_VOICE"
    assert "REPARTEE_ELEVENLABS_API_KEY" in silent.value.message
    assert [(line.name, line.state) for line in voices.dependencies()] == [("speech", "degraded")]


def test_a_language_that_nobody_speaks_is_named() -> None:
    with pytest.raises(Unavailable, match="'sw'"):
        Voices([ScriptedVoice()]).plan(locale="sw")


def test_a_malformed_locale_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="INVALID_FIELD"):
        Voices([ScriptedVoice()]).plan(locale="français!")


def test_the_status_tells_a_local_voice_from_a_last_resort() -> None:
    paid = ScriptedVoice("paid", is_paid=True, can_speak=False)
    pico, espeak = ScriptedVoice("pico"), ScriptedVoice("espeak")
    states = {line.name: line.state for line in Voices([paid, pico, espeak]).dependencies()}
    assert states == {"speech:paid": "embedded", "speech:pico": "embedded", "speech:espeak": "up"}
    pico.can_speak = False
    states = {line.name: line.state for line in Voices([paid, pico, espeak]).dependencies()}
    assert states == {"speech:paid": "embedded", "speech:pico": "degraded", "speech:espeak": "embedded"}
