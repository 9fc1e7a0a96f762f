"""Whether what is sent is speech, at one loudness, and whether figures are read as people say them."""

import hashlib
from contextlib import aclosing
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from services.voice.adapters.espeak_speech import EspeakSpeech
from services.voice.adapters.pico_speech import PicoSpeech
from services.voice.audio import AudioForm, Samples
from services.voice.chunks import Chunk, ChunkAssembler, Segment
from services.voice.loudness import VoiceLevels, levelled, loudness_dbfs
from services.voice.phrase_texts import default_phrases
from services.voice.spoken_text import speakable
from services.voice.voices import SpeechProvider, Voices
from tests.speech_check import measure_speech

DATA = Path("tests/data")
_SENTENCES = {
    "fr-CI": (
        "Votre commande est en route et le livreur arrive dans dix minutes.",
        "Monsieur Koné, je vois votre ticket numéro 4521.",
        "Les frais de livraison sont de 1 500 FCFA à Cocody.",
        "Redémarrez votre modem, puis attendez deux minutes.",
    ),
    "en-GB": (
        "Your order is on its way and arrives in ten minutes.",
        "Please restart your modem and wait for two minutes.",
    ),
}


async def figures() -> list[Figure]:
    """Returns the shares of speech, noise and lines that came out right, and the spread of loudness."""
    spoken = await _spoken()
    measured = [measure_speech(samples, 8_000) for samples in spoken.values()]
    for text, each in zip(spoken, measured, strict=True):
        print(
            f"{'speech' if each.is_speech else 'NO SPEECH':9}  {each.level_dbfs:5.1f} dBFS  flat {each.flatness:.4f}"
            f"  300-3400 Hz {each.band_share:.0%}  voiced {each.voiced_share:.0%}  {text[:48]}",
            flush=True,
        )
    loudness = [value for samples in spoken.values() if (value := loudness_dbfs(samples, 8_000)) is not None]
    noise = [measure_speech(samples, 8_000).is_speech for samples in _no_speech()]
    right, lines = _lines_right()
    return [
        Figure("voice_audio_is_speech", float(np.mean([each.is_speech for each in measured])), "share", ("==", 1.0)),
        Figure("voice_noise_taken_for_speech", float(np.mean(noise)), "share", ("==", 0.0)),
        Figure("voice_loudness_spread", max(loudness) - min(loudness), "dB", ("<=", 3.0)),
        Figure("voice_largest_step_at_joins", _largest_step(list(spoken.values())), "x", ("<=", 1.0)),
        Figure("voice_spoken_lines_right", right / lines, "share", (">=", 0.98)),
    ]


async def _spoken() -> dict[str, Samples]:
    """Returns what the local voice says, at the level that callers hear, by text."""
    local: list[SpeechProvider] = [PicoSpeech(), EspeakSpeech()]
    voices = Voices(local, levels=VoiceLevels())
    spoken: dict[str, Samples] = {}
    try:
        for locale, sentences in _SENTENCES.items():
            for text in (*default_phrases(locale).values(), *sentences):
                candidate = voices.plan(locale=locale).candidates[0]
                stream = candidate.provider.stream(
                    speakable(text, locale), locale=locale, voice=candidate.voice, sample_rate_hz=8_000
                )
                async with aclosing(stream) as pieces:
                    samples = np.concatenate([piece async for piece in pieces])
                spoken[text] = levelled(samples, 8_000) if text in default_phrases(locale).values() else samples
    finally:
        await voices.aclose()
    return spoken


def _no_speech() -> list[Samples]:
    random = np.random.default_rng(7)
    time = np.arange(16_000) / 8_000
    sounds = (
        random.normal(0, 4_000, 16_000),
        np.cumsum(random.normal(0, 60, 16_000)),
        random.normal(0, 4_000, 16_000) * (np.sin(2 * np.pi * 3 * time) > 0),
        8_000 * np.sin(2 * np.pi * 440 * time),
        8_000 * np.sin(2 * np.pi * 50 * time),
        np.where(np.arange(16_000) % 800 == 0, 20_000, 0),
        np.zeros(16_000),
    )
    return [np.clip(sound, -32_768, 32_767).astype(np.int16) for sound in sounds]


def _largest_step(spoken: list[Samples]) -> float:
    """Returns the largest step between samples at the joins, as a ratio to the largest within the texts."""
    within = max(int(np.abs(np.diff(samples.astype(int))).max()) for samples in spoken)
    assembler, chunks = ChunkAssembler(AudioForm(), voice="v"), list[Chunk]()
    for index, samples in enumerate(spoken):
        chunks += assembler.begin(Segment.CONTENT, f"text {index}", voice="v")
        # Cut amid a sound, as a voice that dies or a caller who interrupts would.
        chunks += assembler.push(samples[: len(samples) * 2 // 3])
    chunks += assembler.finish()
    heard = np.frombuffer(b"".join(chunk.samples for chunk in chunks), dtype="<i2").astype(int)
    return float(np.abs(np.diff(heard)).max() / within)


def _lines_right() -> tuple[int, int]:
    """Returns how many of the lines that no rule was fitted to are read right, and how many there are."""
    right = count = 0
    for language in ("fr", "en"):
        for line in (DATA / f"spoken_{language}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            kind, written, spoken = line.split("\t")
            if kind != "unseen" and hashlib.sha256(written.encode()).digest()[0] % 3:
                continue
            count += 1
            said = speakable(written, language)
            if said.casefold() == spoken.casefold():
                right += 1
            else:
                print(f"read wrong: {written!r} as {said!r}", flush=True)
    print(f"{right} of {count} lines held out are read right", flush=True)
    return right, count
