"""Certificates of a process that are followed on disk: taken anew when they change, told before they expire."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc

from libs.common.certificates import PemPaths, Pems, day_of, read_pems, wrong_file
from libs.common.errors import PreconditionFailed
from libs.common.process_status import DependencyState
from libs.common.settings import ServiceSettings

_LOG = logging.getLogger(__name__)


class CertificateFiles:
    """The files of one use of TLS. `fetch` may be called from any thread; `clock` counts seconds since 1970."""

    def __init__(self, paths: PemPaths, *, name: str = "certificate", clock: Callable[[], float] = time.time) -> None:
        """Raises PreconditionFailed (TLS_FILES). `name` is the use, for logs and GetStatus."""
        self._paths, self._name, self._clock = paths, name, clock
        self._seen = self._marks()
        self.pems = self._read()

    @classmethod
    def of(cls, settings: ServiceSettings, *, clock: Callable[[], float] = time.time) -> "CertificateFiles | None":
        """Returns what a server of these settings shows, None for plaintext; raises PreconditionFailed (TLS_FILES)."""
        cert, key = settings.tls_cert_file, settings.tls_key_file
        if cert is None and key is None:
            if settings.tls_ca_file is not None:
                raise wrong_file("REPARTEE_TLS_CA_FILE", "is of no use without REPARTEE_TLS_CERT_FILE")
            return None
        if cert is None or key is None:
            raise PreconditionFailed(
                "TLS_FILES", "Set both REPARTEE_TLS_CERT_FILE and REPARTEE_TLS_KEY_FILE, or neither."
            )
        return cls(PemPaths(cert=cert, key=key, roots=settings.tls_ca_file), clock=clock)

    @classmethod
    def of_upstreams(
        cls, settings: ServiceSettings, *, clock: Callable[[], float] = time.time
    ) -> "CertificateFiles | None":
        """Returns the roots by which the called services are known, None for plaintext; raises PreconditionFailed."""
        if settings.upstream_ca_file is None:
            return None
        paths = PemPaths(roots=settings.upstream_ca_file, roots_variable="REPARTEE_UPSTREAM_CA_FILE")
        return cls(paths, name="certificate:upstreams", clock=clock)

    def server_credentials(self) -> grpc.ServerCredentials:
        """Returns credentials that follow the files. Connections that are open keep what they began with."""
        # Its stub forgets that None keeps what is.
        fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", self.fetch)
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self.pems), fetch, require_client_authentication=self.pems.roots is not None
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Returns credentials of what the files hold now; the system's roots where none are named."""
        return grpc.ssl_channel_credentials(self.pems.roots, self.pems.key, self.pems.chain)

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns the new certificate when the files changed and are right, None to keep what is."""
        return _configuration(self.pems) if self.refresh() else None

    def refresh(self) -> bool:
        """Takes changed files when they are right; else keeps what is and says so once. Returns whether they were."""
        marks = self._marks()
        if marks == self._seen:
            return False
        # Set first: several handshakes come at once, and files that are wrong are told once.
        self._seen = marks
        try:
            self.pems = self._read()
        except PreconditionFailed as error:
            _LOG.error("new TLS files are not taken (%s), the old ones stay in force: %s", self._name, error.message)
            return False
        _LOG.info("new TLS files (%s), in force until %s", self._name, day_of(self.pems.expires_at))
        return True

    def remaining_seconds(self) -> float:
        """Returns how long what is in force still holds; below 0 once the first of it expired."""
        return self.pems.expires_at - self._clock()

    async def tell(self) -> None:
        """Logs what is wrong with what is in force, if anything is."""
        self.refresh()
        if complaint := self.pems.complaint(self._clock()):
            _LOG.warning("%s", complaint)

    def state(self) -> DependencyState:
        """Returns how the certificates are, for operators."""
        complaint = self.pems.complaint(self._clock())
        until = f"In force until {day_of(self.pems.expires_at)}."
        return DependencyState(self._name, "degraded" if complaint else "up", complaint or until)

    def _read(self) -> Pems:
        return read_pems(self._paths, now=self._clock())

    def _marks(self) -> tuple[tuple[int, int, int] | None, ...]:
        # A mounted Secret changes by a symbolic link, so the file behind it has another inode.
        named = (self._paths.cert, self._paths.key, self._paths.roots)
        return tuple(_mark(path) for path in named if path is not None)


def _configuration(pems: Pems) -> grpc.ServerCertificateConfiguration:
    if pems.key is None or pems.chain is None:
        raise TypeError("a server shows a certificate")
    return grpc.ssl_server_certificate_configuration([(pems.key, pems.chain)], pems.roots)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
