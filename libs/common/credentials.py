"""Who a credential belongs to: the only place that turns outside input into a Principal."""

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Protocol

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from libs.common.errors import FieldViolation, InvalidRequest, PreconditionFailed, ReparteeError, Unauthenticated
from libs.common.request_context import Principal, parse_tenant_id

_log = logging.getLogger(__name__)

_BEARER = "Bearer "
_DEV_OPERATOR = "Bearer dev-operator"
_DEV_TENANT = "Bearer dev:"

# How often a credentials file is looked at for a change.
_RECHECK_SECONDS = 1.0


class Authenticator(Protocol):
    """Verifies one `authorization` value."""

    def authenticate(self, authorization: str, *, peer_is_loopback: bool) -> Principal:
        """Returns whose credential it is; raises Unauthenticated (CREDENTIAL_MISSING, CREDENTIAL_UNKNOWN)."""
        ...


def credential_missing() -> Unauthenticated:
    """Returns the error for a call that names no credential, or several."""
    return Unauthenticated(
        "CREDENTIAL_MISSING", "Send exactly one `authorization` metadata value of the form `Bearer CREDENTIAL`."
    )


def credential_unknown() -> Unauthenticated:
    """Returns the error for a credential that nobody issued."""
    return Unauthenticated("CREDENTIAL_UNKNOWN", "Nobody issued this credential; ask an operator for one.")


class DevAuthenticator:
    """Credentials anybody can write: `Bearer dev:TENANT` and `Bearer dev-operator`, from this machine only.

    A proxy on this machine makes the whole world look local, so this is for development only.
    """

    def authenticate(self, authorization: str, *, peer_is_loopback: bool) -> Principal:
        if not authorization:
            raise credential_missing()
        principal = _dev_principal(authorization) if peer_is_loopback else None
        if principal is None:
            raise credential_unknown()
        return principal


@functools.lru_cache(maxsize=4096)
def _dev_principal(authorization: str) -> Principal | None:
    if authorization == _DEV_OPERATOR:
        return Principal("dev-operator", None, is_operator=True)
    if not authorization.startswith(_DEV_TENANT):
        return None
    try:
        tenant = parse_tenant_id(authorization.removeprefix(_DEV_TENANT))
    except InvalidRequest:
        return None
    return Principal(f"dev:{tenant}", tenant)


class _Credential(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    tenant: str = ""
    subject: Annotated[str, Field(min_length=1)]
    operator: bool = False

    @field_validator("tenant")
    @classmethod
    def _tenant_is_well_formed(cls, tenant: str) -> str:
        try:
            return parse_tenant_id(tenant) if tenant else ""
        except ReparteeError as error:
            raise ValueError(error.message) from None

    @model_validator(mode="after")
    def _belongs_to_somebody(self) -> "_Credential":
        if not self.tenant and not self.operator:
            raise ValueError("either `tenant` is named or `operator` is true")
        return self

    def principal(self) -> Principal:
        return Principal(self.subject, parse_tenant_id(self.tenant) if self.tenant else None, self.operator)


class _CredentialsDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    credentials: list[_Credential]


class FileAuthenticator:
    """Credentials of a YAML file that holds SHA-256 digests of tokens, read again within a second of a change.

    A file that breaks while the service runs keeps the last good credentials; a broken one at start raises
    PreconditionFailed (CREDENTIALS_FILE).
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now = now
        self._version = _version_of(path)
        self._principals = _read(path)
        self._next_check = now() + _RECHECK_SECONDS

    def authenticate(self, authorization: str, *, peer_is_loopback: bool) -> Principal:
        del peer_is_loopback
        if not authorization.startswith(_BEARER):
            raise credential_missing()
        self._reread_if_changed()
        digest = hashlib.sha256(authorization.removeprefix(_BEARER).encode()).hexdigest()
        principal = self._principals.get(digest)
        if principal is None:
            raise credential_unknown()
        return principal

    def _reread_if_changed(self) -> None:
        if self._now() < self._next_check:
            return
        self._next_check = self._now() + _RECHECK_SECONDS
        version = _version_of(self._path)
        if version is None or version == self._version:
            return
        self._version = version
        try:
            self._principals = _read(self._path)
        except PreconditionFailed as error:
            _log.warning("credentials file not taken, the last good one stays: %s", error.message)


class FirstMatch:
    """Asks each authenticator in turn; the last one's refusal is the answer."""

    def __init__(self, *authenticators: Authenticator) -> None:
        self._authenticators = authenticators

    def authenticate(self, authorization: str, *, peer_is_loopback: bool) -> Principal:
        refusal = credential_missing()
        for each in self._authenticators:
            try:
                return each.authenticate(authorization, peer_is_loopback=peer_is_loopback)
            except Unauthenticated as error:
                refusal = error
        raise refusal


def open_authenticator(*, credentials_file: Path | None, allow_dev: bool) -> Authenticator:
    """Returns the authenticator of a server: development credentials only where no file names real ones."""
    if credentials_file is not None:
        return FileAuthenticator(credentials_file)
    return DevAuthenticator() if allow_dev else FirstMatch()


def _version_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # The time of change too: rights that are put right leave the time of modification as it was.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _read(path: Path) -> Mapping[str, Principal]:
    try:
        document = _CredentialsDocument.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise PreconditionFailed(
            "CREDENTIALS_FILE", f"The credentials file {str(path)!r} cannot be read ({type(error).__name__})."
        ) from None
    except ValidationError as error:
        raise PreconditionFailed(
            "CREDENTIALS_FILE",
            f"The credentials file {str(path)!r} is not right; see the named places.",
            violations=[
                FieldViolation(".".join(map(str, problem["loc"])), problem["msg"])
                for problem in error.errors(include_input=False)
            ],
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        # ValueError: bytes that are no UTF-8, or a date that does not exist.
        raise PreconditionFailed("CREDENTIALS_FILE", f"The credentials file {str(path)!r} is not YAML.") from None
    return {each.token_sha256: each.principal() for each in document.credentials}
