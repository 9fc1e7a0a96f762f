"""What no audio may do, whatever it is: clip, click, drift in level, lose its way through µ-law or the resampler."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.voice.audio import AudioForm, Resampler, decode_mulaw, encode_mulaw
from services.voice.chunks import ChunkAssembler, Segment
from services.voice.loudness import TARGET_DBFS, Leveller, VoiceLevels, levelled, limited, loudness_dbfs
from tests.speech_check import measure_speech

BOUNDED = settings(max_examples=40, derandomize=True, deadline=None)
ANY_SAMPLES = st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=400).map(lambda v: np.array(v, np.int16))


def speech_like(seconds: float, rate: int = 8_000, level: float = 6_000, pitch: float = 130.0) -> np.ndarray:
    """A buzz of many harmonics in syllables of a quarter of a second."""
    time = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, int(rate / 2 / pitch)))
    syllables = 0.02 + np.clip(np.sin(2 * np.pi * 2.2 * time), 0, 1)
    return (level * buzz / np.abs(buzz).max() * syllables).clip(-32_768, 32_767).astype(np.int16)


@given(ANY_SAMPLES)
@BOUNDED
def test_mulaw_is_stable_after_one_round_trip_and_off_by_a_step_at_most(samples: np.ndarray) -> None:
    once = decode_mulaw(encode_mulaw(samples))
    assert np.array_equal(decode_mulaw(encode_mulaw(once)), once)
    assert len(once) == len(samples)
    # Half a step of G.711: a 32nd of the height, 8 near zero, and what is above the largest code.
    error = np.abs(once.astype(int) - np.clip(samples.astype(int), -32_635, 32_635))
    assert (error <= np.abs(samples.astype(int)) / 32 + 8).all()


@given(ANY_SAMPLES, st.floats(0.1, 8.0))
@BOUNDED
def test_no_gain_ever_clips_or_turns_a_wave_over(samples: np.ndarray, gain: float) -> None:
    raised = limited(samples * gain)
    assert np.abs(raised.astype(int)).max() < 32_767
    assert (np.sign(raised) * np.sign(samples) >= 0).all()
    order = np.argsort(samples, kind="stable")
    assert (np.diff(raised[order].astype(int)) >= 0).all(), "what was louder stays louder"


@given(st.integers(2_200, 20_000), st.sampled_from([8_000, 16_000, 24_000]))
@BOUNDED
def test_every_recording_comes_out_at_one_level(level: int, rate: int) -> None:
    assert loudness_dbfs(levelled(speech_like(1.5, rate, level), rate), rate) == pytest.approx(TARGET_DBFS, abs=1.5)


@given(st.integers(2_200, 16_000), st.integers(80, 1_600))
@BOUNDED
def test_a_live_voice_is_levelled_from_its_first_word_without_a_jump(level: int, piece: int) -> None:
    levels, speech = VoiceLevels(), speech_like(3.0, level=level)
    for _ in range(2):
        leveller = Leveller(levels, "v", 8_000)
        out = np.concatenate([leveller.push(speech[at : at + piece]) for at in range(0, len(speech), piece)])
        leveller.finish()
    assert len(out) == len(speech)
    assert loudness_dbfs(out, 8_000) == pytest.approx(TARGET_DBFS, abs=1.5)
    gain = 10 ** (TARGET_DBFS / 20) / 10 ** ((loudness_dbfs(speech, 8_000) or 0) / 20)
    assert np.abs(np.diff(out.astype(int))).max() <= np.abs(np.diff(speech.astype(int))).max() * gain * 1.2 + 4


@given(
    st.lists(st.tuples(st.integers(-12_000, 12_000), st.integers(1, 900)), min_size=2, max_size=5),
    st.integers(20, 700),
)
@BOUNDED
def test_no_join_clicks_whatever_meets_there(spans: list[tuple[int, int]], piece: int) -> None:
    assembler, chunks = ChunkAssembler(AudioForm(), voice="v"), []
    for index, (height, milliseconds) in enumerate(spans):
        # Each span stands at one height: every step that is heard is the join's.
        samples = np.full(8 * milliseconds, height, dtype=np.int16)
        chunks += assembler.begin(Segment.CONTENT, f"span {index}", voice="v")
        for at in range(0, len(samples), piece):
            chunks += assembler.push(samples[at : at + piece])
    chunks += assembler.finish()
    heard = np.frombuffer(b"".join(chunk.samples for chunk in chunks), dtype="<i2").astype(int)
    full = [milliseconds >= 10 for _, milliseconds in spans]
    if all(full):
        # 5 ms are 40 samples: a ramp over them moves at most a 39th of the height at each.
        assert np.abs(np.diff(heard)).max() <= 12_000 / 39 + 2


@given(st.lists(st.integers(1, 1_200), min_size=3, max_size=12), st.sampled_from([(16_000, 8_000), (16_000, 24_000)]))
@BOUNDED
def test_pieces_of_any_size_resample_as_one(sizes: list[int], rates: tuple[int, int]) -> None:
    speech = speech_like(1.0, rates[0])[: sum(sizes)]
    whole = Resampler(*rates).push(speech, last=True).astype(int)
    resampler, parts, at = Resampler(*rates), [], 0
    for size in sizes:
        parts.append(resampler.push(speech[at : at + size]))
        at += size
    pieced = np.concatenate([*parts, resampler.push(speech[:0], last=True)]).astype(int)
    assert len(pieced) == len(whole)
    assert np.abs(pieced - whole).max(initial=0) <= 2


def test_silence_has_no_loudness_and_is_left_alone() -> None:
    silence = np.zeros(8_000, dtype=np.int16)
    assert loudness_dbfs(silence, 8_000) is None
    assert np.array_equal(levelled(silence, 8_000), silence)
    assert not Leveller(VoiceLevels(), "v", 8_000).push(silence).any()


def test_noise_tones_hum_and_silence_are_no_speech() -> None:
    random = np.random.default_rng(7)
    time = np.arange(16_000) / 8_000
    sounds = {
        "noise": random.normal(0, 4_000, 16_000),
        "tone": 8_000 * np.sin(2 * np.pi * 440 * time),
        "hum": 8_000 * np.sin(2 * np.pi * 50 * time),
        "silence": np.zeros(16_000),
        "clicks": np.where(np.arange(16_000) % 800 == 0, 20_000, 0),
        "square": 8_000 * np.sign(np.sin(2 * np.pi * 200 * time)),
    }
    taken = [name for name, sound in sounds.items() if measure_speech(sound.astype(np.int16), 8_000).is_speech]
    assert taken == []
