"""One turn decided by both engines, and the sums over many: what is counted, and where it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.request_context import Principal, TenantId
from services.router.turn import Usage

MAX_DIFFERING_TURNS = 50


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over pairs: time in microseconds, tokens of prompts and completions, money in micro-dollars.

    Whole numbers, so that replicas can add to them in any order.
    """

    micros: int = 0
    tokens: int = 0
    cost_micro_usd: int = 0

    @classmethod
    def of(cls, seconds: float, usage: Usage) -> "Sums":
        """Returns what one answer took; the tokens of text that was thrown away count too."""
        tokens = usage.prompt_tokens + usage.completion_tokens + usage.wasted_tokens
        return cls(round(seconds * 1e6), tokens, usage.cost_micro_usd)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.micros + other.micros, self.tokens + other.tokens, self.cost_micro_usd + other.cost_micro_usd)


NOTHING = Sums()


@dataclass(frozen=True, slots=True)
class ShadowPair:
    """A turn that both were asked. Nothing that was said is in it.

    `same_state` compares everything that the two made of the turn, `same_ask` only the slot asked for next. `failed`
    means that the unseen engine gave no answer; then nothing is compared.
    """

    principal: Principal
    conversation_id: str
    turn_id: str
    failed: bool = False
    same_state: bool = False
    same_ask: bool = False
    served: Sums = NOTHING
    shadow: Sums = NOTHING


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """How the unseen engine would have done. `differing_turns` are `conversation turn`, newest first."""

    pairs: int = 0
    same_state: int = 0
    same_ask: int = 0
    failed: int = 0
    served: Sums = NOTHING
    shadow: Sums = NOTHING
    differing_turns: Sequence[str] = ()


class ShadowCounts(Protocol):
    """Counts pairs for each tenant and for all. Every method may raise Unavailable (STORE_UNAVAILABLE)."""

    async def add(self, pair: ShadowPair) -> None:
        """Counts a pair for its tenant and for all; keeps it among the tenant's newest when its states differ."""
        ...

    async def report(self, principal: Principal | None) -> ShadowReport:
        """Returns the sums of a tenant, or of all for None, whose turns have no names: ids are the tenants' own."""
        ...

    async def forget(self, principal: Principal, conversation_id: str) -> None:
        """Removes a deleted conversation's turns from the tenant's list; sums hold nothing of it."""
        ...


def turn_name(conversation_id: str, turn_id: str) -> str:
    """Returns how the report names a turn; ids have no blanks."""
    return f"{conversation_id} {turn_id}"


def tenant_of(pair: ShadowPair) -> TenantId:
    """Returns the tenant that a pair belongs to."""
    return pair.principal.require_tenant()
