"""Samples: forms, µ-law, resampling, trimming."""

import numpy as np
import pytest

from libs.common.errors import InvalidRequest
from services.voice.audio import (
    AudioForm,
    Encoding,
    Resampler,
    SilenceTrimmer,
    audio_form,
    decode_mulaw,
    encode_mulaw,
)


def tone(milliseconds: int, rate: int = 8_000, frequency: float = 440.0, level: float = 12_000) -> np.ndarray:
    time = np.arange(rate * milliseconds // 1_000) / rate
    return (level * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


@pytest.mark.parametrize(
    ("sample", "code"), [(0, 0xFF), (-1, 0x7F), (32_767, 0x80), (-32_768, 0x00), (1_000, 0xCE), (-1_000, 0x4E)]
)
def test_mulaw_codes_are_those_of_g711(sample: int, code: int) -> None:
    assert encode_mulaw(np.array([sample], dtype=np.int16)) == bytes([code])


def test_every_mulaw_code_survives_a_round_trip() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is minus zero
    assert encode_mulaw(decode_mulaw(codes)) == codes


def test_mulaw_keeps_speech_within_its_precision() -> None:
    samples = tone(200)
    heard = decode_mulaw(encode_mulaw(samples))
    noise = (samples.astype(float) - heard) ** 2
    assert 10 * np.log10((samples.astype(float) ** 2).mean() / noise.mean()) > 35


def test_format_defaults_to_8_khz_pcm() -> None:
    assert audio_form(Encoding.PCM_S16LE, 0) == AudioForm(Encoding.PCM_S16LE, 8_000)


@pytest.mark.parametrize(("encoding", "rate"), [(Encoding.MULAW, 16_000), (Encoding.PCM_S16LE, 44_100)])
def test_unsupported_formats_name_the_field(encoding: Encoding, rate: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        audio_form(encoding, rate)
    assert refused.value.reason == "FORMAT_UNSUPPORTED"
    assert refused.value.violations[0].field == "format.sample_rate_hz"


def test_resampling_piece_by_piece_equals_resampling_at_once() -> None:
    samples = tone(1_000, 16_000)
    whole = Resampler(16_000, 8_000).push(samples, last=True)
    resampler = Resampler(16_000, 8_000)
    parts = [resampler.push(samples[at : at + 640]) for at in range(0, len(samples), 640)]
    parts.append(resampler.push(samples[:0], last=True))
    pieced = np.concatenate(parts)
    assert len(pieced) == len(whole) == 8_000
    assert np.abs(pieced.astype(int) - whole).max() <= 2


def test_resampling_keeps_the_level_and_removes_what_the_rate_cannot_carry() -> None:
    kept = Resampler(16_000, 8_000).push(tone(500, 16_000, 440), last=True)
    removed = Resampler(16_000, 8_000).push(tone(500, 16_000, 6_000), last=True)
    assert np.abs(kept[800:-800]).max() == pytest.approx(12_000, rel=0.02)
    assert np.abs(removed[800:-800]).max() < 120


@pytest.mark.parametrize("piece", [37, 320, 16_000])
def test_trimming_takes_silence_off_both_ends_and_leaves_pauses(piece: int) -> None:
    silence = np.zeros(4_800, dtype=np.int16)
    speech = np.concatenate([silence, tone(300), silence, tone(300), silence])
    trimmer = SilenceTrimmer(8_000, keep_ms=20)
    parts = [trimmer.push(speech[at : at + piece]) for at in range(0, len(speech), piece)]
    trimmed = np.concatenate([*parts, trimmer.finish()])
    assert len(trimmed) == pytest.approx(2_400 * 2 + 4_800 + 2 * 160, abs=6)


def test_silence_alone_is_trimmed_to_nothing() -> None:
    trimmer = SilenceTrimmer(8_000)
    assert len(trimmer.push(np.zeros(8_000, dtype=np.int16))) == 0
    assert len(trimmer.finish()) == 0
