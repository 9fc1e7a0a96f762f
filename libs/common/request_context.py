"""Who is calling, until when, and under which ids: one object per call, reachable from anywhere below it."""

import contextlib
import re
import time
from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import NewType

from libs.common.errors import Denied, FieldViolation, InvalidRequest

TenantId = NewType("TenantId", str)

# A `:` or `*` in an id would be an attack on keys and patterns.
_TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,62}")


def parse_tenant_id(text: str, *, field_path: str = "tenant_id") -> TenantId:
    """Returns `text` as a tenant id; raises InvalidRequest (INVALID_FIELD) for what is not 2 to 63 of [A-Za-z0-9_-]."""
    if not _TENANT_ID.fullmatch(text):
        raise InvalidRequest(
            "INVALID_FIELD",
            "A tenant id is 2 to 63 letters, digits, '_' or '-', and begins with a letter or a digit.",
            violations=[FieldViolation(field_path, "expected ^[A-Za-z0-9][A-Za-z0-9_-]{1,62}$")],
        )
    return TenantId(text)


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. Only `libs.common.credentials` makes one from outside input.

    `tenant` is None for an operator who has not named a tenant to act on.
    """

    subject: str
    tenant: TenantId | None
    is_operator: bool = False

    def acting_on(self, tenant: TenantId) -> "Principal":
        """Returns this principal for `tenant`; raises Denied (TENANT_MISMATCH) unless it may act on it."""
        if self.tenant == tenant:
            return self
        if not self.is_operator:
            raise Denied("TENANT_MISMATCH", "The credential belongs to another tenant than the one named in the body.")
        return replace(self, tenant=tenant)

    def require_tenant(self) -> TenantId:
        """Returns the tenant; raises InvalidRequest (REQUIRED_FIELD) for an operator who named none."""
        if self.tenant is None:
            raise InvalidRequest(
                "REQUIRED_FIELD",
                "An operator must name the tenant to act on.",
                violations=[FieldViolation("tenant_id", "required for an operator's credential")],
            )
        return self.tenant


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left until a point in time, and how to share it out.

    `deadline` is in seconds of `now`, a monotonic clock.
    """

    deadline: float
    now: Callable[[], float] = field(default=time.monotonic, compare=False)

    @classmethod
    def of(cls, seconds: float, *, now: Callable[[], float] = time.monotonic) -> "Budget":
        """Returns a budget that ends `seconds` from now."""
        return cls(now() + seconds, now)

    def remaining(self) -> float:
        """Seconds left; negative when it is over."""
        return self.deadline - self.now()

    def timeout(self, cap: float, *, reserve: float = 0.0) -> float:
        """Seconds that one step may take: at most `cap`, and `reserve` is left for what follows; never under 0."""
        return max(0.0, min(cap, self.remaining() - reserve))


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Everything about a call that is not its message."""

    principal: Principal
    request_id: str
    budget: Budget
    # The caller's `authorization` value, handed on to the next service, which verifies it again.
    authorization: str = field(repr=False)


_current: ContextVar[RequestContext] = ContextVar("repartee_request_context")


def current() -> RequestContext:
    """Returns the context of the call being served; raises LookupError outside of one."""
    return _current.get()


def current_or_none() -> RequestContext | None:
    """Returns the context of the call being served, or None outside of one."""
    return _current.get(None)


@contextlib.contextmanager
def use_context(context: RequestContext) -> Generator[None]:
    """Makes `context` the current one within the block.

    Must not span a `yield` of a generator that another task may resume.
    """
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
