"""The whole voice service as its process runs it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from repartee.v1 import common_pb2, common_pb2_grpc, voice_pb2, voice_pb2_grpc
from services.voice.app import running
from services.voice.settings import VoiceSettings

EXAMPLE = Path(__file__).parents[2] / "examples" / "tenants" / "rue-du-gros" / "tenant.yaml"
TENANT_CREDENTIAL = (("authorization", "Bearer dev:rue-du-gros"),)
OPERATOR_CREDENTIAL = (("authorization", "Bearer dev-operator"),)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "tenants" / "rue-du-gros"
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE, folder / "tenant.yaml")
    return tmp_path


@pytest.fixture
async def channel(state_dir: Path, request: pytest.FixtureRequest) -> AsyncIterator[grpc.aio.Channel]:
    settings = VoiceSettings(port=0, state_dir=state_dir, **getattr(request, "param", {}))
    async with running(settings) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


async def dependencies(channel: grpc.aio.Channel) -> dict[str, common_pb2.Dependency]:
    stub = common_pb2_grpc.StatusServiceStub(channel)
    status = await stub.GetStatus(common_pb2.GetStatusRequest(), metadata=OPERATOR_CREDENTIAL)
    return {dependency.name: dependency for dependency in status.dependencies}


async def test_it_speaks_with_no_settings_at_all_and_says_which_voice(channel: grpc.aio.Channel) -> None:
    stub = voice_pb2_grpc.VoiceServiceStub(channel)
    request = voice_pb2.SayRequest(text="Votre colis part demain.")
    messages = [message async for message in stub.Say(request, metadata=TENANT_CREDENTIAL, timeout=20)]
    voice = messages[0].config.voice.partition(":")[0]
    assert voice in ("pico", "espeak")
    assert messages[-1].completed.complete
    states = await dependencies(channel)
    assert "REPARTEE_ELEVENLABS_API_KEY" in states["speech:elevenlabs"].detail
    assert states[f"speech:{voice}"].state == common_pb2.Dependency.STATE_EMBEDDED


async def test_phrases_are_ready_before_the_first_caller(channel: grpc.aio.Channel) -> None:
    stub = voice_pb2_grpc.VoiceServiceStub(channel)
    request = voice_pb2.SayHybridRequest(cache_key="filler_ok", text="C'est noté.")
    messages = [message async for message in stub.SayHybrid(request, metadata=TENANT_CREDENTIAL, timeout=20)]
    assert messages[-1].completed.complete
    admin = voice_pb2_grpc.VoiceAdminServiceStub(channel)
    listed = await admin.ListPhrases(
        voice_pb2.ListPhrasesRequest(tenant_id="rue-du-gros"), metadata=OPERATOR_CREDENTIAL
    )
    assert {"filler_hum", "filler_ok", "filler_one_moment"} <= {phrase.key for phrase in listed.phrases if phrase.ready}


@pytest.mark.parametrize("channel", [{"local_voices": "none"}], indirect=True)
async def test_without_any_voice_it_starts_and_says_what_is_missing(channel: grpc.aio.Channel) -> None:
    stub = voice_pb2_grpc.VoiceServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.Say(voice_pb2.SayRequest(text="Bonjour."), metadata=TENANT_CREDENTIAL, timeout=20).read()
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert (await dependencies(channel))["speech"].state == common_pb2.Dependency.STATE_DEGRADED


async def test_an_unknown_tenant_is_not_found(channel: grpc.aio.Channel) -> None:
    stub = voice_pb2_grpc.VoiceServiceStub(channel)
    call = stub.Say(voice_pb2.SayRequest(text="Bonjour."), metadata=(("authorization", "Bearer dev:nobody-here"),))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call.read()
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND
