"""TLS between a server and a channel of ours, with files as they are deployed."""

from pathlib import Path

import grpc
import pytest
import trustme

from libs.common.channel import ClientTls, open_channel
from libs.common.settings import ServiceSettings
from repartee.v1 import router_pb2, router_pb2_grpc
from tests.fakes.common_services import running

ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
TURN = router_pb2.ChatRequest(conversation_id="c", message="bonjour")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Writes roots, a certificate they vouch for with its key, and foreign roots."""
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(folder / "roots.pem"))
    stranger.cert_pem.write_to_path(str(folder / "strange.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    return {path.stem: path for path in folder.iterdir()}


async def chat(port: int, tls: ClientTls | None) -> router_pb2.ChatResponse:
    channel = open_channel(f"127.0.0.1:{port}", services=[ROUTER], tls=tls, authorization="Bearer dev:acme")
    async with channel:
        return await router_pb2_grpc.RouterServiceStub(channel).Chat(TURN, timeout=5)


async def test_a_channel_that_knows_the_roots_gets_through(files: dict[str, Path]) -> None:
    settings = ServiceSettings(port=0, tls_cert_file=files["cert"], tls_key_file=files["key"], drain_seconds=0)
    async with running(settings=settings) as run:
        caller = ServiceSettings(port=0, upstream_ca_file=files["roots"])
        assert (await chat(run.server.port, ClientTls.of(caller))).turn_id is not None


async def test_roots_that_do_not_vouch_for_the_server_refuse_it(files: dict[str, Path]) -> None:
    settings = ServiceSettings(port=0, tls_cert_file=files["cert"], tls_key_file=files["key"], drain_seconds=0)
    async with running(settings=settings) as run:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await chat(run.server.port, ClientTls(ca_file=files["strange"]))
    assert refused.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


async def test_a_server_with_roots_demands_a_certificate_of_its_callers(files: dict[str, Path]) -> None:
    settings = ServiceSettings(
        port=0,
        tls_cert_file=files["cert"],
        tls_key_file=files["key"],
        tls_ca_file=files["roots"],
        drain_seconds=0,
    )
    async with running(settings=settings) as run:
        with pytest.raises(grpc.aio.AioRpcError):
            await chat(run.server.port, ClientTls(ca_file=files["roots"]))
        caller = ServiceSettings(
            port=0, upstream_ca_file=files["roots"], tls_cert_file=files["cert"], tls_key_file=files["key"]
        )
        assert (await chat(run.server.port, ClientTls.of(caller))).turn_id is not None


def test_without_roots_a_process_calls_in_plaintext() -> None:
    assert ClientTls.of(ServiceSettings(port=0)) is None
