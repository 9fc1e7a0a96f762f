"""When a wait is masked, and by which phrase."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import voice_masking
from libs.common.request_context import TenantId
from services.voice.masking import (
    CHAIN_MS,
    UNKNOWN,
    Forecast,
    Mask,
    Step,
    StepKind,
    Waits,
    acknowledges,
    cut_at,
)

SHOP, OTHER = TenantId("shop"), TenantId("other")
LENGTHS = voice_masking.LENGTHS_MS
SLOW, QUICK = Forecast(1_200, 1_500, 2_500), Forecast(300, 350, 500)


def mask(forecast: Forecast | None = SLOW, phase: str = "diagnostic", last: str = "", **lengths: float) -> Mask:
    return Mask(forecast=forecast, phase=phase, lengths=lengths or LENGTHS, last_filler=last)


def test_an_answer_that_is_foreseen_at_once_gets_no_filler() -> None:
    first = mask(Forecast(100, 150, 240)).first()
    assert first.at_ms == 650, "only once the foreseen answer and a pause are overdue"
    heard = voice_masking.hear(mask(Forecast(100, 150, 240)), 240)
    assert heard.steps == ()


@pytest.mark.parametrize(("forecast", "at_ms"), [(SLOW, 15), (QUICK, 200), (UNKNOWN, 15)])
def test_a_slow_phase_begins_at_once_and_a_fast_one_waits_at_the_gate(forecast: Forecast, at_ms: float) -> None:
    assert mask(forecast).first().at_ms == at_ms
    assert voice_masking.hear(mask(forecast), at_ms - 1).steps == (), "an answer before it is not delayed"


@pytest.mark.parametrize(
    ("phase", "last", "key"),
    [
        ("diagnostic", "", "filler_ok"),
        ("diagnostic", "filler_ok", "filler_let_me_see"),
        ("DIAGNOSTIC", "filler_let_me_see", "filler_ok"),
        ("verification", "", "filler_ok"),
        ("verification", "filler_ok", "filler_let_me_see"),
        ("collecting", "filler_let_me_see", "filler_ok"),
        ("complaint", "", "filler_let_me_see"),
        ("complaint", "filler_let_me_see", "filler_one_moment"),
        ("anything", "", "filler_let_me_see"),
        ("anything", "filler_let_me_see", "filler_hum"),
    ],
)
def test_fillers_by_phase(phase: str, last: str, key: str) -> None:
    assert mask(phase=phase, last=last).first() == Step(StepKind.FILLER, key, 15)


def test_the_shortest_that_covers_is_chosen_and_the_longest_when_none_does() -> None:
    lengths = {"filler_hum": 1_700.0, "filler_ok": 1_200.0, "filler_let_me_see": 1_500.0}
    for p75, key in ((1_500, "filler_ok"), (1_800, "filler_let_me_see"), (2_000, "filler_hum"), (9_000, "filler_hum")):
        assert mask(Forecast(1_000, p75, 9_000), **lengths).first().key == key


@pytest.mark.parametrize("phase", ["greet", "greeting"])
def test_a_greeting_is_content_and_never_masked(phase: str) -> None:
    assert mask(phase=phase).first() == Step(StepKind.APOLOGY, "apology_wait", 4_000)


@pytest.mark.parametrize(
    "message", ["oui", "Non.", "Oui, merci !", "OK", "d'accord", "c'est bon", "Yes please", "voilà"]
)
def test_yes_and_no_are_acknowledgements(message: str) -> None:
    assert acknowledges(message)
    assert mask(None).first().kind is StepKind.APOLOGY


@pytest.mark.parametrize("message", ["oui mais où est mon colis ?", "nonante", "", "ok google", "Je dis non à ça"])
def test_anything_more_is_not(message: str) -> None:
    assert not acknowledges(message)


def test_a_wait_without_end_is_held_step_by_step_and_then_given_up() -> None:
    heard = voice_masking.hear(mask(), 1e9)
    assert heard.steps == ("filler_ok", "filler_one_moment", *(("apology_wait", "apology_hold") * 2)[:3], "fallback")
    assert heard.answer == 8_000, "before the last apology and a pause are over"


def test_no_phrases_at_all_still_end_in_the_fallback() -> None:
    bare = Mask(forecast=SLOW, phase="diagnostic", lengths={}, last_filler="")
    assert bare.first() == Step(StepKind.FALLBACK, "fallback", 8_000)


def test_a_wait_amid_the_answer_is_counted_from_what_was_heard_last() -> None:
    one = mask()
    one.played(one.first())
    one.answered(20_000)
    second = one.next(silent_since_ms=20_000)
    assert second == Step(StepKind.FILLER, "filler_one_moment", 20_400)
    one.played(second)
    assert one.next(silent_since_ms=21_700) == Step(StepKind.APOLOGY, "apology_wait", 22_100)


@settings(max_examples=200, deadline=None)
@given(
    waits=st.lists(st.floats(0, 12_000), min_size=1, max_size=12),
    lengths=st.fixed_dictionaries({key: st.floats(300, 5_000) for key in LENGTHS}),
    phase=st.sampled_from(["diagnostic", "verification", "complaint", "collecting", "idle"]),
    seen=st.lists(st.floats(10, 3_000), max_size=30),
)
def test_no_silence_is_long_and_no_filler_comes_twice(
    waits: list[float], lengths: dict[str, float], phase: str, seen: list[float]
) -> None:
    learned, last, played = Waits(), "", list[str]()
    for wait in seen:
        learned.observe(SHOP, phase, wait)
    for wait in waits:
        one = Mask(forecast=learned.forecast(SHOP, phase), phase=phase, lengths=lengths, last_filler=last)
        heard = voice_masking.hear(one, wait, lengths)
        fillers = [key for key in heard.steps if key.startswith("filler")]
        assert heard.largest_silence <= CHAIN_MS + 1e-6
        assert len(fillers) <= 2
        played += fillers
        last = one.last_filler
        learned.observe(SHOP, phase, wait)
    assert all(one != other for one, other in itertools.pairwise(played))


def test_waits_are_learned_per_tenant_and_phase_and_only_the_last() -> None:
    waits = Waits(max_kept=2)
    for wait in range(9):
        waits.observe(SHOP, "a", wait)
    assert waits.forecast(SHOP, "a") == UNKNOWN
    for wait in range(1_000, 1_200):
        waits.observe(SHOP, "a", wait)
    assert waits.forecast(SHOP, "a") == Forecast(1_100, 1_150, 1_180)
    assert waits.forecast(SHOP, "b") == waits.forecast(OTHER, "a") == UNKNOWN
    waits.observe(SHOP, "b", 1)
    waits.observe(OTHER, "a", 1)
    assert waits.forecast(SHOP, "a") == UNKNOWN, "the phase used longest ago is forgotten"


@pytest.mark.parametrize(
    ("position", "length", "cut"),
    [(100, 4_000, 900), (1_000, 4_000, 2_500), (2_900, 4_000, 4_000), (2_600, 4_000, 4_000)],
)
def test_a_phrase_is_cut_only_at_a_pause_and_only_when_much_is_left(position: float, length: float, cut: float) -> None:
    assert cut_at((900, 2_500), position_ms=position, length_ms=length) == cut


def test_the_policy_table_holds_the_silence() -> None:
    rows = {row.policy: row for row in voice_masking.table()}
    served, random_filler = rows["as served: at once, and chain"], rows["a random filler at once"]
    assert served.silence_max <= 400
    assert served.first_sound_p99 <= 20
    assert random_filler.silence_p95 > 1_500, "the tail that the chain is there for"
    assert served.answer_mean < random_filler.answer_mean
