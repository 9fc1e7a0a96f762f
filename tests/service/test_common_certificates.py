"""The certificate of a server over its life: refused, told, replaced; and probes beside TLS."""

import datetime
import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from libs.common.certificate_files import CertificateFiles
from libs.common.channel import ClientTls, open_channel
from libs.common.errors import PreconditionFailed
from libs.common.settings import ServiceSettings
from repartee.v1 import common_pb2, common_pb2_grpc, router_pb2, router_pb2_grpc
from tests.fakes.common_services import OPERATOR, ROUTER, running
from tools.health import is_serving
from tools.stack import free_port_base

TURN = router_pb2.ChatRequest(conversation_id="c", message="bonjour")
DAY = 86_400.0

Issue = Callable[..., ServiceSettings]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def issue(authority: trustme.CA, tmp_path: Path) -> Issue:
    """Writes a certificate, its key and the roots, and returns settings that name them."""

    def write(
        *, days: float = 365, since: float = 1, by: trustme.CA = authority, health_port: int = 0
    ) -> ServiceSettings:
        now = datetime.datetime.now(datetime.UTC)
        issued = by.issue_cert(
            "127.0.0.1",
            not_before=now - datetime.timedelta(days=since),
            not_after=now + datetime.timedelta(days=days),
        )
        for name, blob in (
            ("cert", issued.cert_chain_pems[0]),
            ("key", issued.private_key_pem),
            ("roots", by.cert_pem),
        ):
            # As a mounted Secret changes: by another file under the same name.
            fresh = tmp_path / f"{name}.new"
            fresh.write_bytes(blob.bytes())
            fresh.rename(tmp_path / f"{name}.pem")
        return ServiceSettings(
            port=0,
            health_port=health_port,
            drain_seconds=0,
            tls_cert_file=tmp_path / "cert.pem",
            tls_key_file=tmp_path / "key.pem",
        )

    return write


@pytest.fixture
def authority_of(tmp_path: Path) -> Callable[[float], Path]:
    """Writes roots that expire in so many days."""
    numbers = itertools.count()

    def write(days: float) -> Path:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "roots")])
        root = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=100))
            .not_valid_after(now + datetime.timedelta(days=days))
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / f"authority-{next(numbers)}.pem"
        path.write_bytes(root.public_bytes(Encoding.PEM))
        return path

    return write


@pytest.fixture
def expired(authority_of: Callable[[float], Path]) -> Path:
    """Roots of yesterday."""
    return authority_of(-1)


def files_of(settings: ServiceSettings, **options: object) -> CertificateFiles:
    files = CertificateFiles.of(settings, **options)  # type: ignore[arg-type]
    assert files is not None
    return files


async def answers(port: int, roots: bytes, tmp_path: Path) -> bool:
    """Says whether a new connection that knows `roots` gets a reply."""
    known = tmp_path / "known.pem"
    known.write_bytes(roots)
    tls = ClientTls(ca_file=known)
    async with open_channel(
        f"127.0.0.1:{port}", services=[ROUTER], tls=tls, authorization="Bearer dev:acme"
    ) as channel:
        try:
            await router_pb2_grpc.RouterServiceStub(channel).Chat(TURN, timeout=5)
        except grpc.aio.AioRpcError:
            return False
    return True


async def test_a_replaced_certificate_serves_the_next_connection(
    issue: Issue, authority: trustme.CA, tmp_path: Path
) -> None:
    other = trustme.CA()
    async with running(settings=issue()) as run:
        assert await answers(run.server.port, authority.cert_pem.bytes(), tmp_path)
        issue(by=other)
        assert await answers(run.server.port, other.cert_pem.bytes(), tmp_path)


async def test_wrong_new_files_keep_the_old_ones_and_are_told_once(
    issue: Issue, authority: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings=issue()) as run:
        (tmp_path / "cert.pem").write_text("half a file")
        for _ in range(3):
            assert await answers(run.server.port, authority.cert_pem.bytes(), tmp_path)
    told = [record for record in caplog.records if "new TLS files are not taken (certificate)" in record.message]
    assert len(told) == 1
    assert "REPARTEE_TLS_CERT_FILE names no PEM certificate" in told[0].message


@pytest.mark.parametrize(
    ("broken", "text", "expected"),
    [
        ("cert.pem", "", "REPARTEE_TLS_CERT_FILE names no PEM certificate"),
        ("cert.pem", None, "REPARTEE_TLS_CERT_FILE names .*cannot be read"),
        ("key.pem", "no key", "REPARTEE_TLS_KEY_FILE names no PEM private key"),
        ("key.pem", "another", "REPARTEE_TLS_KEY_FILE is not the key of the certificate"),
        ("roots.pem", "no roots", "REPARTEE_TLS_CA_FILE names no PEM certificate"),
    ],
)
async def test_files_that_are_wrong_are_refused_at_the_start_by_name(
    issue: Issue, authority: trustme.CA, tmp_path: Path, broken: str, text: str | None, expected: str
) -> None:
    settings = issue().model_copy(update={"tls_ca_file": tmp_path / "roots.pem"})
    if text is None:
        (tmp_path / broken).unlink()
    elif text == "another":
        authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(str(tmp_path / broken))
    else:
        (tmp_path / broken).write_text(text)
    with pytest.raises(PreconditionFailed, match=expected):
        async with running(settings=settings):
            pass


@pytest.mark.parametrize("variable", ["REPARTEE_TLS_CERT_FILE", "REPARTEE_UPSTREAM_CA_FILE"])
async def test_what_has_expired_is_refused_at_the_start_by_name(
    issue: Issue, expired: Path, variable: str, tmp_path: Path
) -> None:
    if variable == "REPARTEE_TLS_CERT_FILE":
        settings = issue(days=-1, since=90)
    else:
        settings = issue().model_copy(update={"upstream_ca_file": expired})
    with pytest.raises(PreconditionFailed, match=f"{variable} names a certificate that expired on .* UTC: put one"):
        async with running(settings=settings):
            pass
    with pytest.raises(PreconditionFailed, match=variable):
        open_channel(
            "127.0.0.1:1",
            services=[],
            tls=ClientTls(
                ca_file=expired if variable == "REPARTEE_UPSTREAM_CA_FILE" else None,
                cert_file=tmp_path / "cert.pem",
                key_file=tmp_path / "key.pem",
            ),
        )


def test_one_file_of_two_and_roots_without_a_certificate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PreconditionFailed, match="Set both"):
        CertificateFiles.of(ServiceSettings(port=0, tls_cert_file=tmp_path / "cert.pem"))
    with pytest.raises(PreconditionFailed, match="REPARTEE_TLS_CA_FILE is of no use"):
        CertificateFiles.of(ServiceSettings(port=0, tls_ca_file=tmp_path / "roots.pem"))
    assert CertificateFiles.of(ServiceSettings(port=0)) is None


@pytest.mark.parametrize(
    ("days", "since", "complaint"),
    [
        (365, 1, ""),
        (15, 76, ""),
        (13, 77, "expires on .*, in 13.0 days"),
        # A mesh's certificates live for a day: a third of it left is soon.
        (0.5, 0.5, ""),
        (0.3, 0.7, "in 0.3 days"),
        (90, -1, "holds only from"),
    ],
)
async def test_what_is_due_is_told_in_the_log_and_to_operators(
    issue: Issue, days: float, since: float, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = files_of(issue(days=days, since=since))
    await files.tell()
    state = files.state()
    if not complaint:
        assert (state.state, caplog.records) == ("up", [])
        assert state.detail.startswith("In force until")
        return
    assert state.state == "degraded"
    (record,) = caplog.records

    assert re.search(complaint, record.message)
    assert re.search(complaint, state.detail)


def test_time_passes_for_a_certificate_that_stays(issue: Issue) -> None:
    now = [time.time()]
    files = files_of(issue(days=90), clock=lambda: now[0])
    assert files.state().state == "up"
    now[0] += 80 * DAY
    assert files.state().state == "degraded"
    assert files.remaining_seconds() == pytest.approx(10 * DAY, abs=60)
    now[0] += 11 * DAY
    assert re.search("expired on .*: callers refuse this server", files.state().detail)


def test_an_expired_certificate_does_not_replace_one_that_expires(
    issue: Issue, caplog: pytest.LogCaptureFixture
) -> None:
    files = files_of(issue(days=3))
    before = files.pems
    issue(days=-1, since=90)
    assert not files.refresh()
    assert files.pems is before
    assert "certificate that expired on" in caplog.text


async def test_roots_by_which_others_are_known_are_told_too(authority_of: Callable[[float], Path]) -> None:
    files = CertificateFiles.of_upstreams(ServiceSettings(port=0, upstream_ca_file=authority_of(5)))
    assert files is not None
    assert files.state().state == "degraded"
    assert "The last root of REPARTEE_UPSTREAM_CA_FILE expires on" in files.state().detail
    assert files.remaining_seconds() == pytest.approx(5 * DAY, abs=60)


async def test_old_roots_beside_new_ones_are_no_complaint(authority_of: Callable[[float], Path]) -> None:
    """While an authority is exchanged, both are trusted."""
    old, new = authority_of(-1), authority_of(365)
    new.write_bytes(old.read_bytes() + new.read_bytes())
    files = CertificateFiles.of_upstreams(ServiceSettings(port=0, upstream_ca_file=new))
    assert files is not None
    assert files.state().state == "up"


async def test_the_status_names_the_certificate_and_probes_need_no_tls(
    issue: Issue, authority: trustme.CA, tmp_path: Path
) -> None:
    health_port = free_port_base()
    async with running(settings=issue(days=3, since=80, health_port=health_port)) as run:
        assert await is_serving("127.0.0.1", health_port)
        assert not await is_serving("127.0.0.1", run.server.port, timeout_seconds=1)
        tls = ClientTls(ca_file=tmp_path / "roots.pem")
        async with open_channel(
            f"127.0.0.1:{run.server.port}", services=[], tls=tls, authorization=OPERATOR
        ) as channel:
            status = await common_pb2_grpc.StatusServiceStub(channel).GetStatus(common_pb2.GetStatusRequest())
        assert status.degraded
        assert "expires on" in next(each.detail for each in status.dependencies if each.name == "certificate")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{health_port}") as channel:
            # Only health is there: nothing else may be asked without TLS.
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await router_pb2_grpc.RouterServiceStub(channel).Chat(TURN, timeout=5)
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        await run.server.health.enter_graceful_shutdown()
        assert not await is_serving("127.0.0.1", health_port)
