"""What tries cost: held before each, charged after it, whatever became of it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from libs.common.request_context import TenantId
from libs.common.spending.ledger import Allowance, Charge, Ledger, Reservation, nameless, utc_day
from libs.common.spending.prices import FREE, Prices, Quote
from services.hybrid_engine.llm.chat import ChatPrompt, Purpose
from services.hybrid_engine.llm.model import TokenCount

# Roles and separators that every message costs beside its text.
_MESSAGE_TOKENS = 4
_CHARACTERS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """Returns about how many tokens a text has: a quarter of its characters, and at least its words."""
    return max(len(text.split()), -(-len(text) // _CHARACTERS_PER_TOKEN))


def estimate_prompt(prompt: ChatPrompt) -> int:
    """Returns about how many tokens a prompt has."""
    texts = [prompt.system, prompt.user, *(text for _, text in prompt.history)]
    return sum(estimate_tokens(text) + _MESSAGE_TOKENS for text in texts if text)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one try used. `used` is false where its text was thrown away."""

    tier: str
    model: str
    is_free: bool
    count: TokenCount
    used: bool
    attempt: int


class Account(Protocol):
    """Pays for the tries of one tenant."""

    async def hold(self, prompt: ChatPrompt, *, model: str, is_free: bool) -> Reservation | None:
        """Holds the most that a try may cost. Raises Exhausted (BUDGET_SPENT)."""
        ...

    def charge(self, held: Reservation | None, spent: Spent | None, purpose: Purpose) -> int:
        """Charges what a try cost, in the background, and returns it in micro-dollars; `None` gives back what is held.

        Works also where the caller is being cancelled.
        """
        ...


class Unpaid:
    """An `Account` that keeps no books: for calls without a tenant."""

    async def hold(self, prompt: ChatPrompt, *, model: str, is_free: bool) -> Reservation | None:
        """Holds nothing."""
        del prompt, model, is_free

    def charge(self, held: Reservation | None, spent: Spent | None, purpose: Purpose) -> int:
        """Charges nothing."""
        del held, spent, purpose
        return 0


@dataclass(slots=True)
class Settling:
    """Settlements under way. They belong to the process: a call that is cancelled still pays."""

    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` to its end, beside whatever the caller does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Returns when everything that has begun is settled."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator["Settling", None]:
        """Waits at the end of the block for what has begun in it."""
        try:
            yield self
        finally:
            await self.finish()


@dataclass(frozen=True, slots=True)
class TenantAccount:
    """The account of one tenant in the ledger. `clock` counts seconds since 1970."""

    tenant: TenantId
    allowance: Allowance
    ledger: Ledger
    prices: Prices
    settling: Settling
    clock: Callable[[], float] = time.time

    async def hold(self, prompt: ChatPrompt, *, model: str, is_free: bool) -> Reservation | None:
        """Holds what the prompt and the longest reply cost."""
        count = TokenCount(estimate_prompt(prompt), prompt.max_output_tokens)
        cost = self._quote(model, count, is_free=is_free).cost_micro_usd
        tokens = count.prompt + count.completion
        return await self.ledger.reserve(self.tenant, self.allowance, tokens=tokens, micro_usd=cost)

    def charge(self, held: Reservation | None, spent: Spent | None, purpose: Purpose) -> int:
        """Settles what was held."""
        if held is None:
            return 0
        if spent is None:
            self.settling.begin(self.ledger.settle(held, ()))
            return 0
        quote = self._quote(spent.model, spent.count, is_free=spent.is_free)
        charge = Charge(
            tenant=self.tenant,
            variant=purpose.variant,
            component=purpose.component,
            agent=purpose.agent,
            tier=spent.tier,
            model=spent.model,
            prompt_tokens=spent.count.prompt,
            completion_tokens=spent.count.completion,
            cost_micro_usd=quote.cost_micro_usd,
            used=spent.used,
            at=self.clock(),
            conversation_id=nameless(self.tenant, purpose.conversation_id),
            turn_id=nameless(self.tenant, purpose.turn_id),
            attempt=spent.attempt,
            price_known=quote.known,
        )
        self.settling.begin(self.ledger.settle(held, (charge,)))
        return quote.cost_micro_usd

    def _quote(self, model: str, count: TokenCount, *, is_free: bool) -> Quote:
        if is_free:
            return FREE
        return self.prices.quote(
            model, prompt_tokens=count.prompt, completion_tokens=count.completion, at=utc_day(self.clock())
        )
