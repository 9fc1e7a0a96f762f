"""How a server listens, reports and leaves."""

import asyncio
import logging
import os
import signal
import socket

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from libs.common.errors import PreconditionFailed
from libs.common.server import DependencyState, run_service, running_server
from libs.common.settings import ServiceSettings
from repartee.v1 import common_pb2, common_pb2_grpc, router_pb2
from tests.fakes.common_services import OPERATOR, ScriptedRouter, running

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
TURN = router_pb2.ChatRequest(conversation_id="c", message="bonjour")


async def start_and_stop(settings: ServiceSettings) -> None:
    async with running_server(settings, name="router", registrations=[]):
        pass


async def test_beyond_loopback_without_tls_nothing_listens() -> None:
    with pytest.raises(PreconditionFailed, match="REPARTEE_TLS_CERT_FILE") as caught:
        await start_and_stop(ServiceSettings(port=0, host="0.0.0.0"))
    assert caught.value.reason == "INSECURE_LISTEN"


async def test_beyond_loopback_development_credentials_are_good_for_nothing() -> None:
    """Even from this machine: whoever listens to the world takes issued credentials only."""
    settings = ServiceSettings(port=0, host="0.0.0.0", insecure_listen=True, drain_seconds=0)
    async with running(settings=settings) as run:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.chat.Chat(TURN)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_taken_port_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(PreconditionFailed, match="REPARTEE_PORT") as caught:
            await start_and_stop(ServiceSettings(port=taken.getsockname()[1]))
        assert caught.value.reason == "PORT_TAKEN"


async def test_two_servers_never_share_a_port() -> None:
    async with running() as run:
        with pytest.raises(PreconditionFailed, match="PORT_TAKEN"):
            await start_and_stop(ServiceSettings(port=run.server.port))


@pytest.mark.parametrize("files", [{"tls_cert_file": "c.pem"}, {"tls_cert_file": "c.pem", "tls_key_file": "k.pem"}])
async def test_tls_files_that_are_missing_keep_it_from_starting(files: dict[str, str]) -> None:
    with pytest.raises(PreconditionFailed, match="TLS_FILES"):
        await start_and_stop(ServiceSettings(port=0, **files))


async def test_health_and_reflection_need_no_credential() -> None:
    async with running(authorization=None) as run:
        health = health_pb2_grpc.HealthStub(run.channel)
        for name in ("", "repartee.v1.RouterService", "repartee.v1.StatusService"):
            assert (await health.Check(health_pb2.HealthCheckRequest(service=name))).status == SERVING
        asking = reflection_pb2_grpc.ServerReflectionStub(run.channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = [each async for each in asking.ServerReflectionInfo(iter([request]))]
        names = {each.name for each in answers[0].list_services_response.service}
        assert {"repartee.v1.RouterService", "grpc.health.v1.Health"} <= names


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        ("repartee.v1.RouterService", "repartee/v1/router.proto"),
        ("repartee.v1.RouterService.Chat", "repartee/v1/router.proto"),
        ("repartee.v1.Nothing", ""),
        ("nonsense", ""),
    ],
)
async def test_reflection_finds_services_and_their_methods(symbol: str, file: str) -> None:
    """ghz asks for the method itself."""
    async with running() as run:
        asking = reflection_pb2_grpc.ServerReflectionStub(run.channel)
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
        answers = [answer async for answer in asking.ServerReflectionInfo(iter([request]))]
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(each).name
        for each in answers[0].file_descriptor_response.file_descriptor_proto
    ]
    assert (file in files) if file else answers[0].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_status_names_what_is_degraded() -> None:
    states = [DependencyState("redis", "degraded", "Turns wait in memory."), DependencyState("qdrant", "embedded")]
    async with running(authorization=OPERATOR, dependencies=lambda: states) as run:
        answer = await common_pb2_grpc.StatusServiceStub(run.channel).GetStatus(common_pb2.GetStatusRequest())
        assert (answer.service, answer.degraded, len(answer.dependencies)) == ("router", True, 2)
        assert answer.dependencies[0].state == common_pb2.Dependency.STATE_DEGRADED
        assert answer.dependencies[0].detail == "Turns wait in memory."
        assert answer.version
        assert answer.uptime_seconds >= 0


async def test_sigterm_says_not_serving_first_and_lets_a_call_in_flight_end() -> None:
    release = asyncio.Event()

    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        await release.wait()
        return router_pb2.ChatResponse(text="done")

    settings = ServiceSettings(port=0, drain_seconds=30, stop_grace_seconds=30)
    async with running(ScriptedRouter(chat), settings=settings) as run:
        serving = asyncio.ensure_future(run.server.serve_until_signal())
        call = asyncio.ensure_future(run.chat.Chat(TURN))
        await run.router.seen.started.wait()
        async with grpc.aio.insecure_channel(run.target) as channel:
            watch = aiter(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()))
            assert (await anext(watch)).status == SERVING
            os.kill(os.getpid(), signal.SIGTERM)
            assert (await anext(watch)).status == NOT_SERVING
        assert not serving.done()
        # The second signal cuts the draining short; the call in flight has its grace all the same.
        os.kill(os.getpid(), signal.SIGTERM)
        release.set()
        assert (await call).text == "done"
        await asyncio.wait_for(serving, 10)


async def test_leaving_the_block_stops_at_once_even_with_a_call_in_flight() -> None:
    async def never(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with running(ScriptedRouter(never)) as run:
        call = asyncio.ensure_future(run.chat.Chat(TURN))
        await run.router.seen.started.wait()
        await asyncio.wait_for(run.server.stop(), 5)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        await asyncio.wait_for(run.router.seen.cancelled.wait(), 5)


def test_a_service_that_cannot_start_says_one_sentence_and_exits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process's own log, which would go on to this test's stream after its end.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.getLogger().level)

    async def serve() -> None:
        raise PreconditionFailed("PORT_TAKEN", "Free the port.")

    with pytest.raises(SystemExit) as caught:
        run_service(serve())
    assert (caught.value.code, capsys.readouterr().err) == (1, "Free the port.\n")


async def test_a_plain_client_may_have_hundreds_of_calls_at_once_on_one_connection() -> None:
    """Above what the server takes they are refused by name; none ends in a reset that says nothing."""
    async with (
        running_server(ServiceSettings(max_concurrent_calls=150), name="router", registrations=[]) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        status = common_pb2_grpc.StatusServiceStub(channel)

        async def ask() -> grpc.StatusCode:
            metadata = (("authorization", OPERATOR),)
            try:
                await status.GetStatus(common_pb2.GetStatusRequest(), metadata=metadata, timeout=20)
            except grpc.aio.AioRpcError as refused:
                return refused.code()
            return grpc.StatusCode.OK

        codes = await asyncio.gather(*(ask() for _ in range(400)))
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
