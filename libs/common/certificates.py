"""Certificates and keys as PEM files hold them: read, checked, and said to be due before they expire."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from libs.common.errors import PreconditionFailed

# Certificates that live for a month or more are due; those of a mesh live for hours and rotate by themselves.
_SOON_DAYS = 14
_SOON_SHARE = 1 / 3
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PemPaths:
    """Where a certificate, its key and the roots that vouch for the other side are; any may be missing."""

    cert: Path | None = None
    key: Path | None = None
    roots: Path | None = None
    # The setting that names the roots, for those who have to replace them.
    roots_variable: str = "REPARTEE_TLS_CA_FILE"


@dataclass(frozen=True, slots=True)
class Term:
    """How long something that a file names holds: from `begins_at` to `expires_at`, in seconds since 1970."""

    what: str
    begins_at: float
    expires_at: float
    # What happens once it is over.
    consequence: str

    def complaint(self, now: float) -> str:
        """Returns what is wrong with it at `now`; empty when nothing is."""
        if now < self.begins_at:
            return f"{self.what} holds only from {day_of(self.begins_at)} on: look at the clock, or replace it."
        left = self.expires_at - now
        if left <= 0:
            return f"{self.what} expired on {day_of(self.expires_at)}: {self.consequence}. Replace it."
        if left < min(_SOON_DAYS * _DAY, (self.expires_at - self.begins_at) * _SOON_SHARE):
            return f"{self.what} expires on {day_of(self.expires_at)}, in {left / _DAY:.1f} days: replace it."
        return ""


@dataclass(frozen=True, slots=True)
class Pems:
    """What the files hold, and how long."""

    chain: bytes | None
    key: bytes | None
    roots: bytes | None
    terms: Sequence[Term]

    @property
    def expires_at(self) -> float:
        """When the first of it expires, in seconds since 1970; never, where there is nothing."""
        return min((term.expires_at for term in self.terms), default=float("inf"))

    def complaint(self, now: float) -> str:
        """Returns what is wrong at `now`, in a sentence for each file; empty when nothing is."""
        return " ".join(filter(None, (term.complaint(now) for term in self.terms)))


def read_pems(paths: PemPaths, *, now: float) -> Pems:
    """Reads and checks the files; raises PreconditionFailed (TLS_FILES) by the variable that names the wrong one.

    A certificate that has expired is refused: nobody on the other side would take it. One that does not hold yet is
    not: it will, and as a rule a clock is off.
    """
    chain = _content("REPARTEE_TLS_CERT_FILE", paths.cert)
    key = _content("REPARTEE_TLS_KEY_FILE", paths.key)
    roots = _content(paths.roots_variable, paths.roots)
    terms: list[Term] = []
    if chain is not None:
        own = _certificates("REPARTEE_TLS_CERT_FILE", chain)
        _check_key(key, own[0])
        # A chain is as good as the first of its links to break.
        begins = max(each.not_valid_before_utc.timestamp() for each in own)
        expires = min(each.not_valid_after_utc.timestamp() for each in own)
        _refuse_expired("REPARTEE_TLS_CERT_FILE", expires, now)
        terms.append(Term("The TLS certificate", begins, expires, "callers refuse this server"))
    if roots is not None:
        known = _certificates(paths.roots_variable, roots)
        # Old and new roots lie side by side while they are exchanged: the last one counts.
        begins = min(each.not_valid_before_utc.timestamp() for each in known)
        expires = max(each.not_valid_after_utc.timestamp() for each in known)
        _refuse_expired(paths.roots_variable, expires, now)
        consequence = "no certificate of the other side is accepted"
        terms.append(Term(f"The last root of {paths.roots_variable}", begins, expires, consequence))
    return Pems(chain, key, roots, tuple(terms))


def day_of(at: float) -> str:
    """Returns a time in seconds since 1970 for people."""
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M} UTC"


def wrong_file(variable: str, how: str) -> PreconditionFailed:
    """Returns the error of a file that cannot serve, by the variable that names it."""
    return PreconditionFailed("TLS_FILES", f"{variable} {how}.")


def _content(variable: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise wrong_file(variable, f"names {str(path)!r}, which cannot be read ({error.strerror})") from None


def _certificates(variable: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise wrong_file(variable, "names no PEM certificate") from None


def _check_key(key: bytes | None, own: x509.Certificate) -> None:
    try:
        private = load_pem_private_key(key or b"", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise wrong_file("REPARTEE_TLS_KEY_FILE", "names no PEM private key without a passphrase") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != own.public_key().public_bytes(*form):
        raise wrong_file("REPARTEE_TLS_KEY_FILE", "is not the key of the certificate of REPARTEE_TLS_CERT_FILE")


def _refuse_expired(variable: str, expires_at: float, now: float) -> None:
    if expires_at <= now:
        raise wrong_file(
            variable, f"names a certificate that expired on {day_of(expires_at)}: put one there that is in force"
        )
