"""The certificate of a server: read from files, checked, taken anew when they change, and told before it expires."""

import datetime
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from libs.common.errors import PreconditionFailed
from libs.common.process_status import DependencyState
from libs.common.settings import ServiceSettings

_LOG = logging.getLogger(__name__)

# Certificates that live for a month or more are due; those of a mesh live for hours and rotate by themselves.
_SOON_DAYS = 14
_SOON_SHARE = 1 / 3
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, in force from `begins_at` to `expires_at`, in seconds since 1970."""

    chain: bytes
    key: bytes
    roots: bytes | None
    begins_at: float
    expires_at: float

    def complaint(self, now: float) -> str:
        """Returns what is wrong with it at `now`; empty when nothing is."""
        if now < self.begins_at:
            return f"The TLS certificate holds only from {_day(self.begins_at)} on: look at the clock, or replace it."
        left = self.expires_at - now
        if left <= 0:
            return f"The TLS certificate expired on {_day(self.expires_at)}: callers refuse this server. Replace it."
        if left < min(_SOON_DAYS * _DAY, (self.expires_at - self.begins_at) * _SOON_SHARE):
            return f"The TLS certificate expires on {_day(self.expires_at)}, in {left / _DAY:.1f} days: replace it."
        return ""


class CertificateFiles:
    """The files named by the settings. `fetch` may be called from any thread; `clock` counts seconds since 1970."""

    def __init__(self, cert: Path, key: Path, roots: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        """Raises PreconditionFailed (TLS_FILES) for files that are no certificate and its key."""
        self._cert, self._key, self._roots = cert, key, roots
        self._clock = clock
        self._seen = self._marks()
        self.certificate = self._read()

    @classmethod
    def of(cls, settings: ServiceSettings, *, clock: Callable[[], float] = time.time) -> "CertificateFiles | None":
        """Returns the files that the settings name, None for plaintext; raises PreconditionFailed (TLS_FILES)."""
        cert, key = settings.tls_cert_file, settings.tls_key_file
        if cert is None and key is None:
            if settings.tls_ca_file is not None:
                raise _wrong("REPARTEE_TLS_CA_FILE", "is of no use without REPARTEE_TLS_CERT_FILE")
            return None
        if cert is None or key is None:
            raise PreconditionFailed(
                "TLS_FILES", "Set both REPARTEE_TLS_CERT_FILE and REPARTEE_TLS_KEY_FILE, or neither."
            )
        return cls(cert, key, settings.tls_ca_file, clock=clock)

    def credentials(self) -> grpc.ServerCredentials:
        """Returns credentials that follow the files. Connections that are open keep what they began with."""
        # Its stub forgets that None keeps what is.
        fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", self.fetch)
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self.certificate), fetch, require_client_authentication=self._roots is not None
        )

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns the new certificate when the files changed and are right, None to keep what is."""
        return _configuration(self.certificate) if self.refresh() else None

    def refresh(self) -> bool:
        """Takes changed files when they are right; else keeps what is and says so once. Returns whether they were."""
        marks = self._marks()
        if marks == self._seen:
            return False
        # Set first: several handshakes come at once, and files that are wrong are told once.
        self._seen = marks
        try:
            self.certificate = self._read()
        except PreconditionFailed as error:
            _LOG.error("the new TLS files are not taken, the old ones stay in force: %s", error.message)
            return False
        _LOG.info("new TLS certificate, in force until %s", _day(self.certificate.expires_at))
        return True

    def remaining_seconds(self) -> float:
        """Returns how long the certificate in force still holds; below 0 once it expired."""
        return self.certificate.expires_at - self._clock()

    async def tell(self) -> None:
        """Logs what is wrong with the certificate in force, if anything is."""
        self.refresh()
        if complaint := self.certificate.complaint(self._clock()):
            _LOG.warning("%s", complaint)

    def state(self) -> DependencyState:
        """Returns how the certificate is, for operators."""
        complaint = self.certificate.complaint(self._clock())
        until = f"In force until {_day(self.certificate.expires_at)}."
        return DependencyState("certificate", "degraded" if complaint else "up", complaint or until)

    def _marks(self) -> tuple[tuple[int, int, int] | None, ...]:
        # A mounted Secret changes by a symbolic link, so the file behind it has another inode.
        return tuple(_mark(path) for path in (self._cert, self._key, self._roots) if path is not None)

    def _read(self) -> Certificate:
        chain, key = _content("REPARTEE_TLS_CERT_FILE", self._cert), _content("REPARTEE_TLS_KEY_FILE", self._key)
        roots = _content("REPARTEE_TLS_CA_FILE", self._roots) if self._roots is not None else None
        own, *_ = _certificates("REPARTEE_TLS_CERT_FILE", chain)
        if roots is not None:
            _certificates("REPARTEE_TLS_CA_FILE", roots)
        try:
            private = load_pem_private_key(key, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _wrong("REPARTEE_TLS_KEY_FILE", "names no PEM private key without a passphrase") from None
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if private.public_key().public_bytes(*form) != own.public_key().public_bytes(*form):
            raise _wrong("REPARTEE_TLS_KEY_FILE", "is not the key of the certificate of REPARTEE_TLS_CERT_FILE")
        begins, expires = own.not_valid_before_utc.timestamp(), own.not_valid_after_utc.timestamp()
        return Certificate(chain, key, roots, begins, expires)


def _configuration(certificate: Certificate) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(certificate.key, certificate.chain)], certificate.roots)


def _content(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _wrong(variable, f"names {str(path)!r}, which cannot be read ({error.strerror})") from None


def _certificates(variable: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise _wrong(variable, "names no PEM certificate") from None


def _wrong(variable: str, how: str) -> PreconditionFailed:
    return PreconditionFailed("TLS_FILES", f"{variable} {how}.")


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _day(at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M} UTC"
