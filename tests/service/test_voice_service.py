"""VoiceService and VoiceAdminService over a real in-process server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from libs.common.errors import NotFound
from libs.common.request_context import TenantId
from libs.common.server import Registration, running_server
from repartee.v1 import voice_pb2, voice_pb2_grpc
from services.voice.adapters.elevenlabs_speech import ElevenLabsOptions, ElevenLabsSpeech
from services.voice.adapters.espeak_speech import EspeakSpeech
from services.voice.adapters.pico_speech import PicoSpeech
from services.voice.admin import VoiceAdminServicer
from services.voice.audio import decode_mulaw
from services.voice.conversing import Conversing
from services.voice.masking import Waits
from services.voice.phrases import PhraseMemory
from services.voice.pregenerating import Pregenerating
from services.voice.servicer import VoiceServicer
from services.voice.settings import VoiceSettings
from services.voice.speaking import Speaking, TenantVoice
from services.voice.voices import SpeechProvider, Voices
from tests.fakes.elevenlabs_double import API_KEY, Answer, ElevenLabsDouble
from tests.fakes.scripted_router import ScriptedRouter, streamed
from tests.fakes.scripted_voice import ScriptedVoice

TEXT = "Votre commande est prête. Elle coûte 25.000 FCFA."
LOCAL = next(kind for kind in (PicoSpeech, EspeakSpeech) if kind is EspeakSpeech or kind().state().can_speak)
TENANT_CREDENTIAL = (("authorization", "Bearer dev:rue-du-gros"),)
OPERATOR_CREDENTIAL = (("authorization", "Bearer dev-operator"),)


class KnownTenants:
    async def of(self, tenant: TenantId) -> TenantVoice:
        if tenant != "rue-du-gros":
            raise NotFound("TENANT_NOT_FOUND", "There is no such tenant.")
        return TenantVoice("fr-CI")


class Client:
    """Stubs on one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.voice = voice_pb2_grpc.VoiceServiceStub(channel)
        self.admin = voice_pb2_grpc.VoiceAdminServiceStub(channel)

    async def say(self, text: str = TEXT, **fields: object) -> list[voice_pb2.SayResponse]:
        request = voice_pb2.SayRequest(text=text, **fields)
        return [message async for message in self.voice.Say(request, metadata=TENANT_CREDENTIAL, timeout=20)]

    async def say_hybrid(self, key: str, text: str = TEXT) -> list[voice_pb2.SayHybridResponse]:
        request = voice_pb2.SayHybridRequest(cache_key=key, text=text)
        return [message async for message in self.voice.SayHybrid(request, metadata=TENANT_CREDENTIAL, timeout=20)]


@asynccontextmanager
async def serving(*providers: SpeechProvider) -> AsyncIterator[Client]:
    voices = Voices(providers)
    phrases = PhraseMemory(voices)
    speaking = Speaking(tenants=KnownTenants(), voices=voices, phrases=phrases)
    pregenerating = Pregenerating(tenants=KnownTenants(), voices=voices, phrases=phrases)
    conversing = Conversing(
        tenants=KnownTenants(), voices=voices, phrases=phrases, router=ScriptedRouter(streamed(TEXT)), waits=Waits()
    )
    services = voice_pb2.DESCRIPTOR.services_by_name
    registrations = [
        Registration(
            services["VoiceService"],
            voice_pb2_grpc.add_VoiceServiceServicer_to_server,
            VoiceServicer(speaking, conversing),
        ),
        Registration(
            services["VoiceAdminService"],
            voice_pb2_grpc.add_VoiceAdminServiceServicer_to_server,
            VoiceAdminServicer(speaking, pregenerating),
        ),
    ]
    settings = VoiceSettings(port=0)
    async with (
        running_server(settings, name="voice", registrations=registrations) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Client(channel)
    await voices.aclose()


def samples_of(messages: list[voice_pb2.SayResponse]) -> np.ndarray:
    return np.frombuffer(b"".join(message.chunk.samples for message in messages), dtype="<i2")


def reason_of(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, list[str]]:
    status = rpc_status.from_call(error)
    assert status is not None
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(request)
    return error.code(), info.reason, [violation.field for violation in request.field_violations]


async def test_the_local_voice_is_heard_over_the_wire() -> None:
    async with serving(LOCAL()) as client:
        messages = await client.say()
    kinds = [message.WhichOneof("event") for message in messages]
    assert kinds == ["config", *["chunk"] * (len(messages) - 2), "completed"]
    assert messages[0].config.voice.startswith(LOCAL.name)
    assert messages[0].config.format == voice_pb2.AudioFormat(
        encoding=voice_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=8_000
    )
    speech = samples_of(messages)
    assert 2.5 < len(speech) / 8_000 < 7
    assert np.sqrt((speech.astype(float) ** 2).mean()) > 500
    assert [message.chunk.sequence for message in messages[1:-1]] == list(range(len(messages) - 2))
    completed = messages[-1].completed
    assert (completed.complete, completed.spoken_text, list(completed.reasons)) == (True, TEXT, [])
    assert completed.audio_ms == pytest.approx(len(speech) / 8, abs=1)
    assert completed.billed_characters == 0


async def test_mulaw_is_half_the_bytes_of_the_same_speech() -> None:
    form = voice_pb2.AudioFormat(encoding=voice_pb2.AUDIO_ENCODING_MULAW)
    async with serving(ScriptedVoice()) as client:
        plain = samples_of(await client.say())
        coded = b"".join(message.chunk.samples for message in await client.say(format=form))
    assert np.abs(decode_mulaw(coded).astype(int) - plain).max() < 300


async def test_hybrid_plays_the_phrase_first() -> None:
    async with serving(LOCAL()) as client:
        messages = await client.say_hybrid("filler_hum")
    segments = [message.chunk.segment for message in messages[1:-1]]
    assert segments == sorted(segments)
    assert segments[0] == voice_pb2.SEGMENT_FILLER
    assert segments[-1] == voice_pb2.SEGMENT_CONTENT
    assert messages[1].chunk.text_span == "Hum, laissez-moi regarder..."


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status=429), "ELEVENLABS_RATE_LIMITED"),
        (Answer(hang_after=0), "ELEVENLABS_SLOW"),
        (Answer(hang_after=4), "ELEVENLABS_STALLED"),
    ],
)
async def test_the_local_voice_takes_over_from_the_paid_one(answer: Answer, reason: str) -> None:
    async with ElevenLabsDouble(answers=[answer]) as double:
        options = ElevenLabsOptions(voice="rachel", base_url=double.base_url, first_byte_seconds=0.3, gap_seconds=0.3)
        async with serving(ElevenLabsSpeech(api_key=API_KEY, options=options), LOCAL()) as client:
            messages = await client.say()
    completed = messages[-1].completed
    assert messages[0].config.voice == "elevenlabs:rachel"
    assert (completed.complete, completed.spoken_text, list(completed.reasons)) == (True, TEXT, [reason])
    assert {message.chunk.voice for message in messages[1:-1]} - {""} == {
        f"{LOCAL.name}:{'fr-FR' if LOCAL is PicoSpeech else 'fr'}"
    }


async def test_cancelling_stops_the_voice() -> None:
    voice = ScriptedVoice()
    async with serving(voice) as client:
        request = voice_pb2.SayRequest(text="Une phrase assez longue pour durer. " * 100)
        call = client.voice.Say(request, metadata=TENANT_CREDENTIAL)
        await call.read()
        await call.read()
        # The voice is amid its work when the caller leaves.
        voice.may_speak.clear()
        call.cancel()
        await asyncio.wait_for(voice.closed_early.wait(), 2)


async def test_no_voice_is_unavailable_and_says_what_to_do() -> None:
    async with serving(ScriptedVoice(can_speak=False)) as client:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.say()
    assert reason_of(failed.value)[:2] == (grpc.StatusCode.UNAVAILABLE, "NO_VOICE")
    assert "REPARTEE_ELEVENLABS_API_KEY" in (failed.value.details() or "")


@pytest.mark.parametrize(
    ("fields", "reason", "path"),
    [
        ({"voice": "nobody:x"}, "VOICE_UNKNOWN", "voice"),
        ({"format": voice_pb2.AudioFormat(sample_rate_hz=11_025)}, "FORMAT_UNSUPPORTED", "format.sample_rate_hz"),
        (
            {"format": voice_pb2.AudioFormat(encoding=voice_pb2.AUDIO_ENCODING_MULAW, sample_rate_hz=16_000)},
            "FORMAT_UNSUPPORTED",
            "format.sample_rate_hz",
        ),
        ({"text": ""}, "REQUIRED_FIELD", "text"),
    ],
)
async def test_malformed_requests_name_the_field(fields: dict[str, object], reason: str, path: str) -> None:
    async with serving(ScriptedVoice()) as client:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.say(**fields)
    assert reason_of(failed.value) == (grpc.StatusCode.INVALID_ARGUMENT, reason, [path])


async def test_an_unknown_phrase_is_not_found() -> None:
    async with serving(ScriptedVoice()) as client:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.say_hybrid("nothing_like_it")
    assert reason_of(failed.value)[:2] == (grpc.StatusCode.NOT_FOUND, "PHRASE_UNKNOWN")


async def test_a_tenant_never_speaks_for_another() -> None:
    async with serving(ScriptedVoice()) as client:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.say(tenant_id="escopines")
    assert reason_of(failed.value)[:2] == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_MISMATCH")


async def test_phrases_are_made_with_progress_and_only_once() -> None:
    voice = ScriptedVoice()
    async with serving(voice) as client:

        async def pregenerate(*, check: bool = False) -> list[voice_pb2.PregeneratePhrasesResponse]:
            request = voice_pb2.PregeneratePhrasesRequest(tenant_id="rue-du-gros", check=check)
            call = client.admin.PregeneratePhrases(request, metadata=OPERATOR_CREDENTIAL, timeout=20)
            return [message async for message in call]

        missing = await pregenerate(check=True)
        assert voice.asked == []
        made = await pregenerate()
        present = await pregenerate()
    assert {each.outcome for each in missing} == {"missing"}
    assert {each.outcome for each in made} == {"made"}
    assert {each.outcome for each in present} == {"present"}
    assert [each.done_count for each in made] == list(range(1, made[0].total_count + 1))
    assert all(each.audio_ms > 0 for each in present)


async def test_phrases_of_an_unknown_form_are_refused_by_name() -> None:
    async with serving(ScriptedVoice()) as client:
        form = voice_pb2.AudioFormat(sample_rate_hz=11_025)
        request = voice_pb2.PregeneratePhrasesRequest(tenant_id="rue-du-gros", format=form)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.admin.PregeneratePhrases(request, metadata=OPERATOR_CREDENTIAL, timeout=20).read()
    assert reason_of(failed.value)[1:] == ("FORMAT_UNSUPPORTED", ["format.sample_rate_hz"])


async def test_operators_list_phrases_and_tenants_do_not() -> None:
    async with serving(ScriptedVoice()) as client:
        await client.say_hybrid("greet", "")
        request = voice_pb2.ListPhrasesRequest(tenant_id="rue-du-gros")
        phrases = (await client.admin.ListPhrases(request, metadata=OPERATOR_CREDENTIAL)).phrases
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.admin.ListPhrases(request, metadata=TENANT_CREDENTIAL)
    assert reason_of(failed.value)[:2] == (grpc.StatusCode.PERMISSION_DENIED, "OPERATOR_ONLY")
    assert [phrase.key for phrase in phrases] == sorted(phrase.key for phrase in phrases)
    assert [phrase.key for phrase in phrases if phrase.ready] == ["greet"]
    assert {"filler_hum", "filler_ok", "filler_one_moment", "filler_let_me_see", "welcome", "apology"} < {
        phrase.key for phrase in phrases
    }
