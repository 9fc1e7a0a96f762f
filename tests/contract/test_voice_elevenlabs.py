"""How each failure of ElevenLabs is told from the others, and what is sent to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from libs.common.errors import Unavailable
from services.voice.adapters.elevenlabs_speech import ElevenLabsOptions, ElevenLabsSpeech
from tests.fakes.elevenlabs_double import API_KEY, Answer, ElevenLabsDouble


@pytest.fixture
async def double() -> AsyncIterator[ElevenLabsDouble]:
    async with ElevenLabsDouble() as opened:
        yield opened


def client(
    double: ElevenLabsDouble, *, key: str = API_KEY, first: float = 5.0, gap: float = 5.0, at_once: int = 4
) -> ElevenLabsSpeech:
    options = ElevenLabsOptions(
        voice="rachel", base_url=double.base_url, first_byte_seconds=first, gap_seconds=gap, max_concurrent=at_once
    )
    return ElevenLabsSpeech(api_key=key, options=options)


async def failure(speech: ElevenLabsSpeech) -> tuple[str, int]:
    """Returns the reason and how many pieces came before it."""
    pieces = 0

    async def listen() -> None:
        nonlocal pieces
        async with aclosing(speech.stream("Bonjour.", locale="fr-CI", voice="rachel", sample_rate_hz=8_000)) as stream:
            async for _ in stream:
                pieces += 1

    with pytest.raises(Unavailable) as failed:
        await listen()
    await speech.aclose()
    return failed.value.reason, pieces


async def test_the_request_names_model_language_and_native_rate(double: ElevenLabsDouble) -> None:
    speech = client(double)
    async with aclosing(speech.stream("Bonjour.", locale="fr-CI", voice="rachel", sample_rate_hz=8_000)) as stream:
        assert [piece async for piece in stream]
    await speech.aclose()
    sent = double.requests[0]
    assert (sent["model_id"], sent["language_code"], sent["output_format"], sent["voice"]) == (
        "eleven_turbo_v2_5",
        "fr",
        "pcm_8000",
        "rachel",
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (429, "ELEVENLABS_RATE_LIMITED"),
        (500, "ELEVENLABS_SERVER_ERROR"),
        (503, "ELEVENLABS_SERVER_ERROR"),
        (400, "ELEVENLABS_REFUSED"),
        (422, "ELEVENLABS_REFUSED"),
    ],
)
async def test_statuses_have_reasons_and_no_hidden_retries(double: ElevenLabsDouble, status: int, reason: str) -> None:
    double.answers = [Answer(status=status)]
    assert await failure(client(double)) == (reason, 0)
    assert len(double.requests) == 1


async def test_a_wrong_key_is_a_refusal(double: ElevenLabsDouble) -> None:
    assert await failure(client(double, key="wrong")) == ("ELEVENLABS_REFUSED", 0)


async def test_no_audio_in_time_is_slow(double: ElevenLabsDouble) -> None:
    double.answers = [Answer(hang_after=0)]
    assert await failure(client(double, first=0.05)) == ("ELEVENLABS_SLOW", 0)


async def test_a_gap_amid_audio_is_a_stall(double: ElevenLabsDouble) -> None:
    double.answers = [Answer(hang_after=2)]
    reason, pieces = await failure(client(double, gap=0.05))
    assert reason == "ELEVENLABS_STALLED"
    assert pieces >= 1


async def test_a_dropped_line_is_broken(double: ElevenLabsDouble) -> None:
    double.answers = [Answer(die_after=2)]
    assert (await failure(client(double)))[0] == "ELEVENLABS_BROKEN"


async def test_an_answer_without_audio_is_a_failure(double: ElevenLabsDouble) -> None:
    double.answers = [Answer(pieces=0)]
    assert await failure(client(double)) == ("ELEVENLABS_EMPTY", 0)


async def test_nobody_there_is_unreachable() -> None:
    options = ElevenLabsOptions(voice="rachel", base_url="http://127.0.0.1:9", first_byte_seconds=5)
    assert await failure(ElevenLabsSpeech(api_key=API_KEY, options=options)) == ("ELEVENLABS_UNREACHABLE", 0)


async def test_closing_drops_the_request(double: ElevenLabsDouble) -> None:
    double.answers = [Answer(hang_after=4)]
    speech = client(double)
    async with aclosing(speech.stream("Bonjour.", locale="fr", voice="rachel", sample_rate_hz=8_000)) as stream:
        await anext(stream)
    await asyncio.wait_for(double.dropped.wait(), 2)
    await speech.aclose()


async def test_no_more_generations_at_once_than_the_plan_allows(double: ElevenLabsDouble) -> None:
    speech = client(double, at_once=2)

    async def say() -> int:
        async with aclosing(speech.stream("Bonjour.", locale="fr", voice="rachel", sample_rate_hz=8_000)) as stream:
            return len([piece async for piece in stream])

    assert all(await asyncio.gather(*[say() for _ in range(8)]))
    assert double.most_in_flight <= 2
    await speech.aclose()


async def test_cancelled_calls_leave_every_slot_free(double: ElevenLabsDouble) -> None:
    speech = client(double, at_once=2)
    for _ in range(20):
        double.answers = [Answer(hang_after=1)]
        async with aclosing(speech.stream("Bonjour.", locale="fr", voice="rachel", sample_rate_hz=8_000)) as stream:
            await anext(stream)
    async with aclosing(speech.stream("Bonjour.", locale="fr", voice="rachel", sample_rate_hz=8_000)) as stream:
        assert [piece async for piece in stream]
    await speech.aclose()


async def test_without_a_key_it_says_so_and_never_speaks() -> None:
    speech = ElevenLabsSpeech(api_key=None, options=ElevenLabsOptions(voice="rachel"))
    assert speech.state().reason == "ELEVENLABS_NOT_CONFIGURED"
    assert await failure(speech) == ("ELEVENLABS_NOT_CONFIGURED", 0)


@pytest.mark.parametrize(
    "garbage",
    [b"<html><body>Bad gateway</body></html>", b'{"detail": "busy"}', b"ID3\x04" + bytes(99), b"RIFF" + bytes(99)],
)
async def test_an_answer_that_is_no_audio_is_never_played(double: ElevenLabsDouble, garbage: bytes) -> None:
    double.answers = [Answer(garbage=garbage)]
    assert await failure(client(double)) == ("ELEVENLABS_GARBAGE", 0)


async def test_audio_that_comes_slower_than_it_is_heard_is_a_stall(double: ElevenLabsDouble) -> None:
    # 64 ms of sound each 80 ms: no pause is long, but the listener is left behind.
    double.answers = [Answer(piece_delay_seconds=0.08, pieces=40)]
    assert (await failure(client(double, gap=0.1)))[0] == "ELEVENLABS_STALLED"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", 1.0), ("Thu, 01 Jan 2026", 1.0), ("99999", 600.0)])
async def test_how_long_to_stay_away_is_read(double: ElevenLabsDouble, header: str, seconds: float) -> None:
    double.answers = [Answer(status=429, retry_after=header)]
    speech = client(double)
    with pytest.raises(Unavailable) as limited:
        async with aclosing(speech.stream("Oui.", locale="fr", voice="rachel", sample_rate_hz=8_000)) as stream:
            await anext(stream)
    await speech.aclose()
    assert limited.value.retry_after_seconds == seconds


async def test_telephone_coding_sounds_the_same_in_half_the_bytes(double: ElevenLabsDouble) -> None:
    async def heard(*, mulaw: bool) -> np.ndarray:
        options = ElevenLabsOptions(
            voice="rachel", base_url=double.base_url, first_byte_seconds=5, gap_seconds=5, mulaw=mulaw
        )
        speech = ElevenLabsSpeech(api_key=API_KEY, options=options)
        async with aclosing(speech.stream("Bonjour.", locale="fr", voice="rachel", sample_rate_hz=8_000)) as stream:
            samples = np.concatenate([piece async for piece in stream])
        await speech.aclose()
        return samples

    plain, coded = await heard(mulaw=False), await heard(mulaw=True)
    assert [request["output_format"] for request in double.requests] == ["pcm_8000", "ulaw_8000"]
    assert len(plain) == len(coded)
    assert np.abs(plain.astype(int) - coded).max() < 300
