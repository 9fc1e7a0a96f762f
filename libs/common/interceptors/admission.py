"""Who may call, for which tenant, until when, and whether there is room."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from libs.common.credentials import Authenticator, credential_missing
from libs.common.errors import DeadlineExceeded, Denied, FieldViolation, InvalidRequest
from libs.common.request_context import Principal, RequestContext, parse_tenant_id

AUTHORIZATION = "authorization"
REQUEST_ID = "x-request-id"

# Services that only an operator's credential opens, besides every `…AdminService`.
_OPERATOR_SERVICES = frozenset({"RolloutService", "TenantService", "UsageService", "StatusService"})

# Messages that carry another request carry its tenant too.
_NESTED_REQUESTS = ("turn", "lookup", "retrieval", "config")

MIN_DEADLINE_SECONDS = 0.005
MAX_DEADLINE_SECONDS = 3600.0
# Above this, `time_remaining` is an unset deadline that was rounded, not a wish: about 30 years.
_NO_DEADLINE_SECONDS = 1e9

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")

Metadata = Sequence[tuple[str, str | bytes]]


class Load:
    """Calls in flight in one server, and how many it takes."""

    __slots__ = ("in_flight", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0


def is_operator_only(service_name: str) -> bool:
    """Says whether a service, by its short name, takes operators' credentials only."""
    return service_name.endswith("AdminService") or service_name in _OPERATOR_SERVICES


def require_operator(principal: Principal) -> None:
    """Raises Denied (OPERATOR_ONLY) for anybody but an operator."""
    if not principal.is_operator:
        raise Denied("OPERATOR_ONLY", "This call needs an operator's credential.")


def is_loopback(peer: str) -> bool:
    """Says whether gRPC's name of a peer lies on this machine."""
    return peer.startswith(("ipv4:127.", "unix:", "ipv6:[::1]", "ipv6:%5B::1%5D"))


def verify(
    authenticator: Authenticator, values: Sequence[str | bytes], peer_is_loopback: bool
) -> tuple[Principal, str]:
    """Returns the caller and the one `authorization` value among `values`; raises Unauthenticated.

    Two values are refused even when equal: whoever reads the other one would see another caller.
    """
    if len(values) != 1 or not isinstance(values[0], str):
        raise credential_missing()
    authorization = values[0]
    return authenticator.authenticate(authorization, peer_is_loopback=peer_is_loopback), authorization


def request_id_of(given: str | bytes | None, trace_id: str = "") -> str:
    """Returns the caller's request id when it is well formed, else the trace's id, else a new one."""
    if isinstance(given, str) and _REQUEST_ID.fullmatch(given):
        return given
    return trace_id or f"{random.getrandbits(128):032x}"  # an id to find a call by, not a secret


def deadline_of(remaining: float | None, *, default_seconds: float, max_seconds: float) -> float:
    """Returns the seconds that a call may take; raises InvalidRequest (ABSURD_DEADLINE) or DeadlineExceeded.

    What begins with too little left has mostly waited on its way through a busy system: no fault of the caller's.
    """
    if remaining is None or remaining > _NO_DEADLINE_SECONDS:
        return default_seconds
    if remaining < MIN_DEADLINE_SECONDS:
        raise DeadlineExceeded("DEADLINE_EXCEEDED", "Less than 5 milliseconds were left when the call could begin.")
    if remaining > MAX_DEADLINE_SECONDS:
        raise InvalidRequest(
            "ABSURD_DEADLINE",
            "A deadline is at most one hour from now; send none to get the default.",
            violations=[FieldViolation("grpc-timeout", "expected 5 ms to 1 h when the call arrives")],
        )
    return min(remaining, max_seconds)


def tenant_reader(descriptor: Descriptor) -> Callable[[Any], tuple[str, str]] | None:
    """Returns what reads the tenant that a message names, with its field path; None where no field can name one.

    A message that is not set inside another, or that names no tenant, reads as ("", …).
    """
    fields = descriptor.fields_by_name
    if "tenant_id" in fields:
        return _own_tenant
    for name in _NESTED_REQUESTS:
        nested = fields.get(name)
        if nested is not None and nested.message_type is not None and "tenant_id" in nested.message_type.fields_by_name:
            return _nested_tenant(name)
    return None


def scoped(principal: Principal, named_tenant: tuple[str, str]) -> Principal:
    """Returns `principal` for the tenant that the body names; raises Denied (TENANT_MISMATCH) or InvalidRequest."""
    tenant, path = named_tenant
    if not tenant or tenant == principal.tenant:
        return principal
    if not principal.is_operator:
        # Before the id is looked at: a foreign tenant, an unknown one and nonsense answer alike.
        raise Denied("TENANT_MISMATCH", "The credential belongs to another tenant than the one named in the body.")
    return principal.acting_on(parse_tenant_id(tenant, field_path=path))


def rescoped(context: RequestContext, principal: Principal) -> RequestContext:
    """Returns `context` for `principal`."""
    if principal is context.principal:
        return context
    return RequestContext(principal, context.request_id, context.budget, context.authorization)


def _own_tenant(message: Any) -> tuple[str, str]:
    return message.tenant_id, "tenant_id"


def _nested_tenant(name: str) -> Callable[[Any], tuple[str, str]]:
    path = f"{name}.tenant_id"

    def read(message: Message) -> tuple[str, str]:
        return getattr(message, name).tenant_id, path

    return read
