"""Converse over real servers: a caller, the voice service, and a router behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest

from libs.common.channel import open_channel
from libs.common.errors import InvalidRequest
from libs.common.request_context import TenantId
from libs.common.server import Registration, running_server
from repartee.v1 import router_pb2, voice_pb2, voice_pb2_grpc
from services.voice.adapters.router_client import RouterClient
from services.voice.conversing import Conversing
from services.voice.masking import Waits
from services.voice.phrases import PhraseMemory
from services.voice.servicer import VoiceServicer
from services.voice.settings import VoiceSettings
from services.voice.speaking import Speaking, TenantVoice
from services.voice.voices import SpeechProvider, Voices
from tests.fakes.router_server import StreamingRouter, serving_router
from tests.fakes.scripted_voice import ScriptedVoice
from tests.service.test_voice_service import LOCAL, TENANT_CREDENTIAL, reason_of

ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
VOICE = voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]


class Tenants:
    async def of(self, tenant: TenantId) -> TenantVoice:
        return TenantVoice("fr-CI")


@asynccontextmanager
async def converse_with(
    router: StreamingRouter | None, voice: SpeechProvider
) -> AsyncIterator["grpc.aio.StreamStreamCall[Any, Any]"]:
    """Opens a conversation with a voice service whose router is `router`; None: nobody listens there."""
    voices = Voices([voice])
    phrases = PhraseMemory(voices)
    await phrases.warm_up(["fr"])

    @asynccontextmanager
    async def target() -> AsyncIterator[str]:
        if router is None:
            yield "127.0.0.1:1"
            return
        async with serving_router(router) as served:
            yield served

    async with target() as address, open_channel(address, services=[ROUTER], name="voice") as upstream:
        client = RouterClient(upstream)
        parts: dict[str, Any] = {"tenants": Tenants(), "voices": voices, "phrases": phrases}
        servicer = VoiceServicer(Speaking(**parts), Conversing(**parts, router=client, waits=Waits()))
        registration = Registration(VOICE, voice_pb2_grpc.add_VoiceServiceServicer_to_server, servicer)
        async with (
            running_server(VoiceSettings(port=0), name="voice", registrations=[registration]) as server,
            grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        ):
            yield voice_pb2_grpc.VoiceServiceStub(channel).Converse(metadata=TENANT_CREDENTIAL, timeout=30)
    await voices.aclose()


def config(**fields: Any) -> voice_pb2.ConverseRequest:
    return voice_pb2.ConverseRequest(config=voice_pb2.ConverseConfig(conversation_id="c-1", user_id="awa", **fields))


def turn(message: str, turn_id: str = "t-1", conversation: str = "c-1") -> voice_pb2.ConverseRequest:
    said = router_pb2.ChatRequest(conversation_id=conversation, message=message, turn_id=turn_id)
    return voice_pb2.ConverseRequest(turn=said)


async def rest_of(call: Any) -> list[voice_pb2.ConverseResponse]:
    return [event async for event in call]


async def test_a_turn_is_spoken_and_its_reply_told() -> None:
    router = StreamingRouter()
    async with converse_with(router, LOCAL()) as call:
        await call.write(config(locale="fr-CI"))
        await call.write(turn("Où est mon colis ?"))
        await call.done_writing()
        events = await rest_of(call)
    kinds = [event.WhichOneof("event") for event in events]
    assert (kinds[0], kinds[-1]) == ("config", "completed")
    assert kinds.count("reply") == 1
    assert set(kinds[1:-1]) == {"chunk", "reply"}
    completed = events[-1].completed
    assert (completed.complete, completed.turn_id) == (True, "t-1")
    assert completed.spoken_text.endswith("Votre colis part demain. Il arrive mardi.")
    (reply,) = [event.reply for event in events if event.HasField("reply")]
    assert (reply.text, reply.turn_id) == ("Votre colis part demain. Il arrive mardi.", "t-1")
    heard = np.frombuffer(b"".join(event.chunk.samples for event in events), dtype="<i2").astype(float)
    assert np.sqrt((heard**2).mean()) > 500
    assert len(heard) / 8 == pytest.approx(completed.audio_ms, abs=2)
    (asked,) = router.turns
    assert (asked.channel, asked.user_id, asked.locale) == ("voice", "awa", "fr-CI")
    assert router.authorizations == ["Bearer dev:rue-du-gros"]


async def test_a_caller_who_speaks_over_it_is_told_what_was_heard_and_so_is_the_history() -> None:
    router, voice = StreamingRouter(), ScriptedVoice()
    async with converse_with(router, voice) as call:
        await call.write(config())
        await call.write(turn("Où est mon colis ?"))
        while not (await call.read()).chunk.text_span.startswith("Votre"):
            pass
        await call.read()
        await call.write(voice_pb2.ConverseRequest(barge_in=voice_pb2.BargeIn(heard_ms=1)))
        late = 0
        while not (event := await call.read()).HasField("completed"):
            late += event.HasField("chunk")
        await call.done_writing()
        amended = await router.amended.get()
        assert await call.read() is grpc.aio.EOF
    completed = event.completed
    assert (completed.interrupted, completed.complete, completed.spoken_text) == (True, False, "")
    assert (amended.conversation_id, amended.turn_id, amended.heard_text) == ("c-1", "t-1", "")
    # What was on its way when the caller spoke; the server sends at most 300 ms ahead.
    assert late <= 3


async def test_leaving_cancels_the_routers_stream() -> None:
    router = StreamingRouter(hangs=True)
    async with converse_with(router, ScriptedVoice()) as call:
        await call.write(config())
        await call.write(turn("Où est mon colis ?"))
        while not (await call.read()).HasField("chunk"):
            pass
        call.cancel()
        await asyncio.wait_for(router.cancelled.wait(), 5)


async def test_a_router_that_is_not_there_is_apologised_for_in_sound_and_text() -> None:
    async with converse_with(None, LOCAL()) as call:
        await call.write(config())
        await call.write(turn("Où est mon colis ?", turn_id=""))
        await call.done_writing()
        events = await rest_of(call)
    completed = events[-1].completed
    assert not completed.complete
    assert list(completed.reasons)
    assert completed.audio_ms > 1_000
    (reply,) = [event.reply for event in events if event.HasField("reply")]
    assert reply.text.startswith("Je n'arrive pas à vous répondre")
    assert reply.rung == router_pb2.RUNG_EMERGENCY
    assert reply.turn_id == completed.turn_id != ""


async def test_a_reply_that_breaks_off_with_its_router_is_asked_for_again_by_the_turns_id() -> None:
    router = StreamingRouter(cuts=1)
    async with converse_with(router, ScriptedVoice()) as call:
        await call.write(config())
        await call.write(turn("Où est mon colis ?"))
        await call.done_writing()
        events = await rest_of(call)
    assert [asked.turn_id for asked in router.turns] == ["t-1", "t-1"]
    (reply,) = [event.reply for event in events if event.HasField("reply")]
    assert reply.text == "Votre colis part demain. Il arrive mardi."
    completed = events[-1].completed
    assert completed.complete
    # What was heard before the break is not said twice.
    assert completed.spoken_text.count("Votre colis part demain.") == 1


async def test_a_reply_that_breaks_off_twice_is_apologised_for() -> None:
    router = StreamingRouter(cuts=2)
    async with converse_with(router, ScriptedVoice()) as call:
        await call.write(config())
        await call.write(turn("Où est mon colis ?"))
        await call.done_writing()
        events = await rest_of(call)
    assert len(router.turns) == 2
    assert not events[-1].completed.complete


async def test_a_second_turn_goes_on_in_the_same_stream() -> None:
    router = StreamingRouter(pieces=("Bien.",))
    async with converse_with(router, ScriptedVoice()) as call:
        await call.write(config())
        for number in range(2):
            await call.write(turn("Où est mon colis ?", f"t-{number}"))
            while not (event := await call.read()).HasField("completed"):
                pass
            assert (event.completed.turn_id, event.completed.complete) == (f"t-{number}", True)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF


@pytest.mark.parametrize(
    ("requests", "reason", "path"),
    [
        ([], "CONFIG_REQUIRED", "config"),
        ([turn("Bonjour")], "CONFIG_REQUIRED", "config"),
        ([config(), config()], "CONFIG_REPEATED", "config"),
        ([config(), turn("Bonjour", conversation="c-2")], "CONVERSATION_MISMATCH", "turn.conversation_id"),
        ([config(), turn("é" * 2_049)], "INVALID_FIELD", "turn.message"),
        ([config(), voice_pb2.ConverseRequest()], "REQUIRED_FIELD", "event"),
        (
            [config(format=voice_pb2.AudioFormat(sample_rate_hz=11_025))],
            "FORMAT_UNSUPPORTED",
            "format.sample_rate_hz",
        ),
        ([config(format=voice_pb2.AudioFormat(encoding=9))], "FORMAT_UNSUPPORTED", "format.encoding"),  # type: ignore[arg-type]
        ([config(locale="xx yy")], "INVALID_FIELD", "locale"),
    ],
)
async def test_bad_input_is_named(requests: list[voice_pb2.ConverseRequest], reason: str, path: str) -> None:
    async with converse_with(StreamingRouter(), ScriptedVoice()) as call:
        for request in requests:
            await call.write(request)
        await call.done_writing()
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await rest_of(call)
    assert reason_of(failed.value) == (grpc.StatusCode.INVALID_ARGUMENT, reason, [path])


async def test_what_the_router_finds_wrong_with_a_turn_reaches_the_caller() -> None:
    router = StreamingRouter(error=InvalidRequest("ATTACHMENT_UNKNOWN", "No such kind."))
    async with converse_with(router, ScriptedVoice()) as call:
        await call.write(config())
        await call.write(turn("Où est mon colis ?"))
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await rest_of(call)
    assert reason_of(failed.value)[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "ATTACHMENT_UNKNOWN")
