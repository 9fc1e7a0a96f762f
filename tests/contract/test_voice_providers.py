"""What every voice promises, on the scripted one, on the local ones that are installed, and on ElevenLabs' double."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest

from services.voice.adapters.elevenlabs_speech import ElevenLabsOptions, ElevenLabsSpeech
from services.voice.adapters.espeak_speech import EspeakSpeech
from services.voice.adapters.pico_speech import PicoSpeech
from services.voice.voices import SpeechProvider
from tests.fakes.elevenlabs_double import API_KEY, ElevenLabsDouble
from tests.fakes.scripted_voice import ScriptedVoice

SENTENCE = "Bonjour, votre commande est en route et le livreur arrive dans dix minutes."


@asynccontextmanager
async def elevenlabs() -> AsyncIterator[SpeechProvider]:
    async with ElevenLabsDouble() as double:
        options = ElevenLabsOptions(voice="one", base_url=double.base_url, first_byte_seconds=5, gap_seconds=5)
        yield ElevenLabsSpeech(api_key=API_KEY, options=options)


@asynccontextmanager
async def plain(provider: SpeechProvider) -> AsyncIterator[SpeechProvider]:
    yield provider


# Local voices are compiled or installed apart: the cases run on those that are there.
OPENERS = {
    "scripted": lambda: plain(ScriptedVoice()),
    "elevenlabs": elevenlabs,
    **{kind.name: lambda kind=kind: plain(kind()) for kind in (PicoSpeech, EspeakSpeech) if kind().state().can_speak},
}


@pytest.fixture(params=OPENERS)
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[SpeechProvider]:
    async with OPENERS[request.param]() as opened:
        yield opened
        await opened.aclose()


async def speak(
    provider: SpeechProvider, text: str = SENTENCE, *, locale: str = "fr-CI", rate: int = 8_000
) -> np.ndarray:
    voice = provider.voice_for(locale, "")
    assert voice is not None
    async with aclosing(provider.stream(text, locale=locale, voice=voice, sample_rate_hz=rate)) as stream:
        return np.concatenate([piece async for piece in stream])


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
async def test_speech_is_int16_of_a_plausible_length_at_every_rate(provider: SpeechProvider, rate: int) -> None:
    speech = await speak(provider, rate=rate)
    assert speech.dtype == np.int16
    assert 2.0 < len(speech) / rate < 7.0
    assert np.sqrt((speech.astype(float) ** 2).mean()) > 500, "it is heard"


async def test_english_is_spoken_too(provider: SpeechProvider) -> None:
    assert len(await speak(provider, "Your parcel arrives tomorrow.", locale="en-GB")) > 8_000


async def test_speech_neither_begins_nor_ends_with_a_long_silence(provider: SpeechProvider) -> None:
    loud = np.flatnonzero(np.abs((await speak(provider)).astype(int)) > 300)
    assert loud[0] < 8 * 60
    assert len(await speak(provider)) - loud[-1] < 8 * 80


async def test_it_can_speak_and_says_so(provider: SpeechProvider) -> None:
    assert provider.state().can_speak


async def test_closing_early_leaves_it_fit_to_speak_again(provider: SpeechProvider) -> None:
    whole = await speak(provider, "Merci.")
    for _ in range(3):
        voice = provider.voice_for("fr", "") or ""
        async with aclosing(provider.stream(SENTENCE * 5, locale="fr", voice=voice, sample_rate_hz=8_000)) as stream:
            await anext(stream)
    again = await speak(provider, "Merci.")
    assert abs(len(again) - len(whole)) < 400, "nothing of the text that was cut is said later"


async def test_cancelling_stops_it_at_once(provider: SpeechProvider) -> None:
    begun = asyncio.Event()

    async def listen() -> None:
        voice = provider.voice_for("fr", "") or ""
        async with aclosing(provider.stream(SENTENCE * 40, locale="fr", voice=voice, sample_rate_hz=8_000)) as stream:
            async for _ in stream:
                begun.set()
                await asyncio.sleep(0)

    task = asyncio.create_task(listen())
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(0.5):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_several_streams_at_once_do_not_mix(provider: SpeechProvider) -> None:
    texts = ["Merci.", SENTENCE, "Merci.", SENTENCE]
    alone = {text: len(await speak(provider, text)) for text in texts}
    lengths = [len(speech) for speech in await asyncio.gather(*[speak(provider, text) for text in texts])]
    assert lengths == pytest.approx([alone[text] for text in texts], abs=400)


@pytest.mark.parametrize(
    "text",
    [
        "<speed level='20'>Bonjour</speed>",
        "a\x00b",
        "🙂 Bonjour مرحبا 你好",
        "\ufdfa" * 50 + " oui",
        "a" * 900,
        "9" * 400,
        "& < > ' \" \\ oui",
    ],
)
async def test_odd_text_harms_nothing(provider: SpeechProvider, text: str) -> None:
    await speak(provider, text)
    assert len(await speak(provider, "Merci.")) > 2_000


async def test_markup_changes_nothing(provider: SpeechProvider) -> None:
    marked = await speak(provider, "<speed level='20'>Bonjour à tous</speed>")
    assert len(marked) < 8_000 * 6, "the speed is not that of the tag"
