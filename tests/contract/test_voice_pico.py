"""What the local voice promises beyond every voice, where it is installed: no leak, quick first audio.

Where its package could not be compiled, the same cases run on the last-resort voice.
"""

import asyncio
import gc
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from libs.common.errors import Unavailable
from services.voice.adapters.espeak_speech import EspeakSpeech
from services.voice.adapters.pico_engine import PicoError
from services.voice.adapters.pico_speech import PicoSpeech, plain_text
from services.voice.voices import SpeechProvider

LOCAL = next(kind for kind in (PicoSpeech, EspeakSpeech) if kind is EspeakSpeech or kind().state().can_speak)


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def piece_lengths(provider: SpeechProvider, text: str, *, pieces: int | None = None) -> list[int]:
    """Returns the samples of each piece of audio, the first `pieces` of them."""
    voice = provider.voice_for("fr-CI", "") or ""
    lengths: list[int] = []
    async with aclosing(provider.stream(text, locale="fr-CI", voice=voice, sample_rate_hz=8_000)) as stream:
        async for samples in stream:
            lengths.append(len(samples))
            if len(lengths) == pieces:
                break
    return lengths


async def test_speaking_and_cutting_short_leaks_nothing() -> None:
    provider = LOCAL()
    await asyncio.gather(*[piece_lengths(provider, "Bonjour.") for _ in range(8)])
    for index in range(20):
        await piece_lengths(provider, f"Commande {index}.", pieces=index % 2 or None)
    before = resident_bytes()
    # One that leaks its samples would keep 30 kB each: 3 MB.
    for index in range(100):
        await piece_lengths(provider, f"Commande {index} en route.", pieces=1 if index % 3 == 0 else None)
    assert resident_bytes() - before < 1_500_000
    await provider.aclose()


async def test_audio_comes_in_pieces_and_not_all_at_the_end() -> None:
    provider = LOCAL()
    lengths = await piece_lengths(provider, "Votre commande est en route et le livreur arrive dans dix minutes. " * 20)
    assert lengths[0] < sum(lengths) / 10
    await provider.aclose()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Prix < 2000 F", "Prix   2000 F"),
        ("<pitch level='50'>x", " pitch level='50' x"),
        ("C'est l'été, œuf à 5 €", "C'est l'été, œuf à 5 €"),
        ("bon\x00jour", "bon jour"),
        ("你好 ok", "   ok"),
        ("a" * 61, "a" * 60 + " a"),
    ],
)
def test_what_pico_is_given_holds_no_markup(text: str, plain: str) -> None:
    assert plain_text(text) == plain


async def test_a_text_that_chokes_the_engine_does_not_touch_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = LOCAL()
    # Without the spaces that `plain_text` puts in, the engine swallows this and fails on what follows.
    monkeypatch.setattr("services.voice.adapters.pico_speech.plain_text", lambda text: text)
    for _ in range(3):
        voice = provider.voice_for("fr", "") or ""
        async with aclosing(provider.stream("9" * 60, locale="fr", voice=voice, sample_rate_hz=8_000)) as stream:
            _ = [piece async for piece in stream]
        assert sum(await piece_lengths(provider, "Merci.")) > 0
    await provider.aclose()


async def test_an_engine_that_cannot_be_made_is_a_failure_of_the_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(library: Path, files: tuple[Path, Path]) -> None:
        raise PicoError("pico_loadResource answered -100")

    monkeypatch.setattr("services.voice.adapters.pico_speech.PicoEngine", refuse)
    monkeypatch.setattr("services.voice.adapters.pico_engine.find_library", lambda: Path("library"))
    monkeypatch.setattr("services.voice.adapters.pico_engine.find_languages", lambda: {"fr-FR": (Path("a"), Path("b"))})
    provider = PicoSpeech()
    with pytest.raises(Unavailable) as refused:
        _ = [piece async for piece in provider.stream("Oui.", locale="fr", voice="fr-FR", sample_rate_hz=8_000)]
    assert refused.value.reason == "PICO_FAILED"
    await provider.aclose()


async def test_closing_twice_is_harmless() -> None:
    provider = LOCAL()
    await piece_lengths(provider, "Bonjour.")
    await provider.aclose()
    await provider.aclose()
