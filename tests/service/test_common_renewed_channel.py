"""TLS files of callers over their life: taken while calls run, kept when the new ones are wrong or fit nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import trustme

from libs.common.certificate_files import CertificateFiles
from libs.common.certificates import PemPaths
from libs.common.channel import ClientTls, open_channel
from libs.common.errors import PreconditionFailed
from libs.common.renewed_channel import LOOK_SECONDS, RenewedChannel
from libs.common.settings import ServiceSettings
from repartee.v1 import router_pb2, router_pb2_grpc
from tests.fakes.common_services import CLIENT, ROUTER, Running, ScriptedRouter, running

TURN = router_pb2.ChatRequest(conversation_id="c", message="bonjour")
METADATA = (("authorization", CLIENT),)


def put(path: Path, blob: trustme.Blob) -> None:
    """Writes as a mounted Secret changes: by another file under the same name."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(blob.bytes())
    fresh.rename(path)


class Pair:
    """A server that demands certificates of one authority, and a caller's files."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.folder = folder
        issued = self.authority.issue_cert("127.0.0.1")
        put(folder / "server.pem", issued.cert_chain_pems[0])
        put(folder / "server.key", issued.private_key_pem)
        put(folder / "roots.pem", self.authority.cert_pem)
        self.issue()
        self.seconds = 0.0

    def settings(self) -> ServiceSettings:
        return ServiceSettings(
            port=0,
            drain_seconds=0,
            tls_cert_file=self.folder / "server.pem",
            tls_key_file=self.folder / "server.key",
            tls_ca_file=self.folder / "roots.pem",
        )

    def issue(self, *, by: trustme.CA | None = None) -> None:
        issued = (by or self.authority).issue_cert("caller")
        put(self.folder / "caller.pem", issued.cert_chain_pems[0])
        put(self.folder / "caller.key", issued.private_key_pem)

    def open(self, target: str) -> tuple[RenewedChannel, list[grpc.aio.Channel]]:
        """Returns a channel whose clock is `seconds`, and the channels that it opened."""
        opened: list[grpc.aio.Channel] = []

        def connect(credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
            opened.append(grpc.aio.secure_channel(target, credentials))
            return opened[-1]

        paths = PemPaths(
            cert=self.folder / "caller.pem", key=self.folder / "caller.key", roots=self.folder / "caller-roots.pem"
        )
        return RenewedChannel(CertificateFiles(paths), connect, now=lambda: self.seconds), opened

    def time_passes(self) -> None:
        self.seconds += LOOK_SECONDS


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    made = Pair(tmp_path)
    put(tmp_path / "caller-roots.pem", made.authority.cert_pem)
    return made


@pytest.fixture
async def server(pair: Pair) -> AsyncIterator[Running]:
    async with running(settings=pair.settings()) as run:
        yield run


async def moved(channel: RenewedChannel, opened: list[grpc.aio.Channel]) -> None:
    """Returns when calls go by the channel that was opened last."""
    async with asyncio.timeout(10):
        while channel.current() is not opened[-1]:  # noqa: ASYNC110  # a task has its turn, nothing announces it
            await asyncio.sleep(0)


async def test_a_new_certificate_is_shown_and_no_call_is_lost(pair: Pair, server: Running) -> None:
    channel, opened = pair.open(server.target)
    async with channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        await stub.Chat(TURN, metadata=METADATA, timeout=5)
        pair.issue()
        await stub.Chat(TURN, metadata=METADATA, timeout=5)
        assert len(opened) == 1, "files are not looked at for every call"
        pair.time_passes()
        await stub.Chat(TURN, metadata=METADATA, timeout=5)
        await opened[-1].channel_ready()
        await moved(channel, opened)
        await stub.Chat(TURN, metadata=METADATA, timeout=5)
    assert len(opened) == 2


async def test_a_call_that_runs_ends_on_the_channel_on_which_it_began(pair: Pair) -> None:
    may_end = asyncio.Event()

    async def slow(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        await may_end.wait()
        return router_pb2.ChatResponse(text="whole")

    router = ScriptedRouter(slow)
    async with running(router, settings=pair.settings()) as server:
        channel, opened = pair.open(server.target)
        async with channel:
            stub = router_pb2_grpc.RouterServiceStub(channel)
            call = asyncio.ensure_future(stub.Chat(TURN, metadata=METADATA, timeout=20))
            stream = aiter(stub.StreamChat(router_pb2.StreamChatRequest(turn=TURN), metadata=METADATA, timeout=20))
            await anext(stream)
            await router.seen.started.wait()
            pair.issue()
            pair.time_passes()
            channel.current()
            await asyncio.sleep(0)
            await moved(channel, opened)
            may_end.set()
            assert (await call).text == "whole"
            assert (await anext(stream)).delta.text == "whole"


async def test_new_roots_are_taken(pair: Pair, server: Running, tmp_path: Path) -> None:
    """The authority of the servers is exchanged: first both are trusted, then the servers' certificates change."""
    channel, opened = pair.open(server.target)
    other = trustme.CA()
    async with channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        await stub.Chat(TURN, metadata=METADATA, timeout=5)
        (tmp_path / "caller-roots.pem").write_bytes(pair.authority.cert_pem.bytes() + other.cert_pem.bytes())
        issued = other.issue_cert("127.0.0.1")
        put(tmp_path / "server.pem", issued.cert_chain_pems[0])
        put(tmp_path / "server.key", issued.private_key_pem)
        pair.time_passes()
        channel.current()
        await asyncio.sleep(0)
        await moved(channel, opened)
        # Connected to the new certificate, which the old roots do not vouch for.
        assert (await stub.Chat(TURN, metadata=METADATA, timeout=5)).text == "acme"


async def test_files_that_are_wrong_keep_the_old_ones_and_are_told_once(
    pair: Pair, server: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    channel, opened = pair.open(server.target)
    async with channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        (tmp_path / "caller.pem").write_text("half a file")
        for _ in range(3):
            pair.time_passes()
            await stub.Chat(TURN, metadata=METADATA, timeout=5)
    assert len(opened) == 1
    told = [record.message for record in caplog.records if "new TLS files are not taken" in record.message]
    assert len(told) == 1
    assert "REPARTEE_TLS_CERT_FILE names no PEM certificate" in told[0]


async def test_roots_that_vouch_for_nobody_who_is_there_get_no_calls(
    pair: Pair, server: Running, tmp_path: Path
) -> None:
    channel, opened = pair.open(server.target)
    async with channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        put(tmp_path / "caller-roots.pem", trustme.CA().cert_pem)
        pair.time_passes()
        channel.current()
        await asyncio.sleep(0)
        assert len(opened) == 2
        async with asyncio.timeout(10):
            state = opened[-1].get_state()
            while state is not grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                await opened[-1].wait_for_state_change(state)
                state = opened[-1].get_state()
        assert (await stub.Chat(TURN, metadata=METADATA, timeout=5)).text == "acme"


@pytest.mark.parametrize(
    ("broken", "text", "expected"),
    [
        ("caller-roots.pem", None, "REPARTEE_UPSTREAM_CA_FILE names .*cannot be read"),
        ("caller-roots.pem", "no roots", "REPARTEE_UPSTREAM_CA_FILE names no PEM certificate"),
        ("caller.pem", "no certificate", "REPARTEE_TLS_CERT_FILE names no PEM certificate"),
        ("caller.key", "no key", "REPARTEE_TLS_KEY_FILE names no PEM private key"),
    ],
)
async def test_files_that_are_wrong_are_refused_when_the_channel_is_opened(
    pair: Pair, tmp_path: Path, broken: str, text: str | None, expected: str
) -> None:
    if text is None:
        (tmp_path / broken).unlink()
    else:
        (tmp_path / broken).write_text(text)
    settings = ServiceSettings(
        upstream_ca_file=tmp_path / "caller-roots.pem",
        tls_cert_file=tmp_path / "caller.pem",
        tls_key_file=tmp_path / "caller.key",
    )
    with pytest.raises(PreconditionFailed, match=expected):
        open_channel("127.0.0.1:1", services=[ROUTER], tls=ClientTls.of(settings))


async def test_closing_while_new_files_wait_for_a_connection_leaves_nothing_behind(pair: Pair, tmp_path: Path) -> None:
    channel, opened = pair.open("127.0.0.1:1")
    put(tmp_path / "caller-roots.pem", trustme.CA().cert_pem)
    pair.time_passes()
    channel.current()
    await asyncio.sleep(0)
    await channel.close()
    assert len(opened) == 2
    assert {each.get_state() for each in opened} == {grpc.ChannelConnectivity.SHUTDOWN}
