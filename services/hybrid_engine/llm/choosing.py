"""Which cascade a tenant has: its own models when its bundle names some, else those of the installation."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from libs.common.request_context import parse_tenant_id
from libs.common.spending.ledger import Allowance, Ledger
from libs.common.spending.prices import Prices
from libs.common.tenants.bundle import TenantBundle, Tier
from services.hybrid_engine.llm.accounting import Account, Settling, TenantAccount, Unpaid
from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.llm.mode import LlmMode
from services.hybrid_engine.llm.trying import Try

# A tier that nobody has used for so long is closed; the next to use it opens it again.
_IDLE_SECONDS = 3600.0
_SWEEP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class OpenTier:
    """A tier that may be asked, and how it is closed."""

    guarded: GuardedTier
    aclose: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Books:
    """Where calls are paid."""

    ledger: Ledger
    prices: Prices
    settling: Settling


class Tell(Protocol):
    """Is told of every try of a tier when it is over."""

    def __call__(self, attempt: Try, *, is_installed: bool) -> None:
        """`is_installed` is true for a tier of the installation, false for one that a tenant's bundle names."""
        ...


def _nobody(attempt: Try, *, is_installed: bool) -> None:
    """Is told nothing."""
    del attempt, is_installed


class Cascades:
    """Cascades by tenant. Tenants that name the same tier share what is known of it, and its connections.

    `open_tier` makes a tier without connecting. Without `books` nothing is paid.
    """

    def __init__(
        self,
        tiers: Sequence[Tier] = (),
        *,
        open_tier: Callable[[Tier], OpenTier],
        mode: LlmMode = LlmMode.AUTO,
        books: Books | None = None,
        tell: Tell = _nobody,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process_tiers = tuple(tiers)
        self._open_tier = open_tier
        self._books = books
        self._tell_installed = partial(tell, is_installed=True)
        self._tell_foreign = partial(tell, is_installed=False)
        self._now = now
        self._mode = mode
        # Apart, because probes ask for all of them each second, and a tier takes long to be told by its value.
        self._process: dict[Tier, OpenTier] = {}
        self._foreign: dict[Tier, OpenTier] = {}
        self._used: dict[Tier, float] = {}
        # One for all: making one costs more than a request may.
        self._jitter = Random()  # noqa: S311

    @property
    def mode(self) -> LlmMode:
        """When models may be called in this process."""
        return self._mode

    def set_mode(self, mode: LlmMode) -> LlmMode:
        """Changes when models may be called, from the next request on; returns what it was."""
        previous, self._mode = self._mode, mode
        return previous

    @property
    def of_process(self) -> Cascade:
        """The cascade of tenants without models of their own, as it is without a tenant to pay for it."""
        return Cascade(self._guarded(self._process_tiers), mode=self._mode, now=self._now, jitter=self._jitter)

    def of(self, bundle: TenantBundle) -> Cascade:
        """Returns the cascade for `bundle`, paid by its tenant. Cheap: called for every request."""
        return Cascade(
            self._guarded(bundle.llm.tiers or self._process_tiers),
            mode=self._mode,
            account=self._account(bundle),
            now=self._now,
            jitter=self._jitter,
            tell=self._tell_foreign if bundle.llm.tiers else self._tell_installed,
        )

    def tiers(self) -> Sequence[GuardedTier]:
        """Returns the installation's tiers and those that tenants have used within the last hour."""
        return [*self._guarded(self._process_tiers), *(opened.guarded for opened in self._foreign.values())]

    async def close_idle(self) -> None:
        """Closes tenants' tiers that nobody has used for an hour."""
        before = self._now() - _IDLE_SECONDS
        for tier in [tier for tier, used in self._used.items() if used < before]:
            del self._used[tier]
            await self._foreign.pop(tier).aclose()

    async def close_idle_for_ever(self) -> None:
        """Does so every ten minutes, until it is cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self.close_idle()

    async def aclose(self) -> None:
        """Closes every tier."""
        for opened in (self._process, self._foreign):
            while opened:
                _, tier = opened.popitem()
                await tier.aclose()

    def _guarded(self, tiers: Sequence[Tier]) -> Sequence[GuardedTier]:
        return [self._opened(tier).guarded for tier in tiers]

    def _opened(self, tier: Tier) -> OpenTier:
        if tier in self._process_tiers:
            if tier not in self._process:
                self._process[tier] = self._open_tier(tier)
            return self._process[tier]
        if tier not in self._foreign:
            self._foreign[tier] = self._open_tier(tier)
        self._used[tier] = self._now()
        return self._foreign[tier]

    def _account(self, bundle: TenantBundle) -> Account:
        if self._books is None:
            return Unpaid()
        return TenantAccount(
            tenant=parse_tenant_id(bundle.id),
            allowance=Allowance.of(bundle.budget),
            ledger=self._books.ledger,
            prices=self._books.prices,
            settling=self._books.settling,
        )
