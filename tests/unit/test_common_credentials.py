"""Who a credential belongs to."""

import hashlib
import os
from pathlib import Path

import pytest

from libs.common.credentials import DevAuthenticator, FileAuthenticator, open_authenticator
from libs.common.errors import PreconditionFailed, Unauthenticated


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def line(token: str, fields: str) -> str:
    return f"- {{token_sha256: {hashlib.sha256(token.encode()).hexdigest()}, {fields}}}\n"


def credentials_file(folder: Path, *lines: str) -> Path:
    path = folder / "credentials.yaml"
    path.write_text("credentials:\n" + "".join(lines))
    return path


def reason(authenticator: DevAuthenticator | FileAuthenticator, authorization: str, *, loopback: bool = True) -> str:
    with pytest.raises(Unauthenticated) as caught:
        authenticator.authenticate(authorization, peer_is_loopback=loopback)
    return caught.value.reason


def test_a_development_credential_names_its_tenant() -> None:
    principal = DevAuthenticator().authenticate("Bearer dev:acme", peer_is_loopback=True)
    assert (principal.tenant, principal.is_operator) == ("acme", False)


def test_the_development_operator_has_no_tenant() -> None:
    principal = DevAuthenticator().authenticate("Bearer dev-operator", peer_is_loopback=True)
    assert (principal.tenant, principal.is_operator) == (None, True)


@pytest.mark.parametrize(
    "text", ["Bearer dev:", "Bearer dev:a*", "Bearer dev:a:b", "dev:acme", "Bearer x", "bearer dev:acme"]
)
def test_anything_else_is_unknown(text: str) -> None:
    assert reason(DevAuthenticator(), text) == "CREDENTIAL_UNKNOWN"


def test_a_development_credential_from_another_machine_is_unknown() -> None:
    """Also right after the same one was good from this machine: what is remembered is not who may use it."""
    authenticator = DevAuthenticator()
    authenticator.authenticate("Bearer dev:acme", peer_is_loopback=True)
    assert reason(authenticator, "Bearer dev:acme", loopback=False) == "CREDENTIAL_UNKNOWN"


def test_a_file_holds_digests_only(tmp_path: Path) -> None:
    path = credentials_file(
        tmp_path, line("t1", "tenant: acme, subject: shop"), line("t2", "subject: ops, operator: true")
    )
    authenticator = FileAuthenticator(path)
    client = authenticator.authenticate("Bearer t1", peer_is_loopback=False)
    operator = authenticator.authenticate("Bearer t2", peer_is_loopback=False)
    assert (client.subject, client.tenant, client.is_operator) == ("shop", "acme", False)
    assert (operator.tenant, operator.is_operator) == (None, True)
    assert reason(authenticator, "Bearer t3") == "CREDENTIAL_UNKNOWN"
    assert reason(authenticator, "") == "CREDENTIAL_MISSING"


def test_a_revoked_credential_stops_working_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    path = credentials_file(tmp_path, line("t1", "tenant: acme, subject: shop"))
    authenticator = FileAuthenticator(path, now=clock)
    credentials_file(tmp_path, line("t22", "tenant: acme, subject: shop"))
    os.utime(path, ns=(1, 1))
    clock.now = 1.0
    assert reason(authenticator, "Bearer t1") == "CREDENTIAL_UNKNOWN"
    assert authenticator.authenticate("Bearer t22", peer_is_loopback=False).tenant == "acme"


@pytest.mark.parametrize("broken", [b"credentials: [", b"\xff\xfe", b"credentials: 2024-99-99", b""])
def test_a_file_that_breaks_keeps_the_last_good_credentials(tmp_path: Path, broken: bytes) -> None:
    clock = Clock()
    path = credentials_file(tmp_path, line("t1", "tenant: acme, subject: shop"))
    authenticator = FileAuthenticator(path, now=clock)
    path.write_bytes(broken)
    clock.now = 1.0
    assert authenticator.authenticate("Bearer t1", peer_is_loopback=False).tenant == "acme"


def test_a_file_that_becomes_readable_again_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights that are put right change neither content nor time of modification."""
    clock = Clock()
    path = credentials_file(tmp_path, line("t1", "tenant: acme, subject: shop"))
    authenticator = FileAuthenticator(path, now=clock)
    credentials_file(tmp_path, line("t2", "tenant: acme, subject: shop"))
    clock.now = 1.0
    with monkeypatch.context() as unreadable:
        unreadable.setattr(Path, "read_text", _refused)
        assert authenticator.authenticate("Bearer t1", peer_is_loopback=False).tenant == "acme"
    path.chmod(0o600)
    clock.now = 2.0
    assert authenticator.authenticate("Bearer t2", peer_is_loopback=False).tenant == "acme"


def _refused(*_: object, **__: object) -> str:
    raise PermissionError


@pytest.mark.parametrize(
    "content",
    [
        "credentials: [",
        "[]",
        "credentials: [{token_sha256: abc, subject: s, tenant: acme}]",
        "credentials: [{subject: s}]",
        "credentials: 2024-99-99",
    ],
)
def test_a_broken_file_keeps_a_service_from_starting_and_is_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(PreconditionFailed, match="CREDENTIALS_FILE") as caught:
        FileAuthenticator(path)
    assert "abc" not in str(caught.value) + str(caught.value.violations)


def test_a_credential_of_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreconditionFailed):
        FileAuthenticator(credentials_file(tmp_path, line("t1", "subject: nobody")))


def test_without_a_file_and_off_loopback_nobody_gets_in() -> None:
    with pytest.raises(Unauthenticated):
        open_authenticator(credentials_file=None, allow_dev=False).authenticate("Bearer dev:a1", peer_is_loopback=True)


def test_a_file_switches_development_credentials_off(tmp_path: Path) -> None:
    path = credentials_file(tmp_path, line("t1", "tenant: acme, subject: shop"))
    with pytest.raises(Unauthenticated):
        open_authenticator(credentials_file=path, allow_dev=True).authenticate("Bearer dev:a1", peer_is_loopback=True)
