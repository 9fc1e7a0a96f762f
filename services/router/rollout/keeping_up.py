"""Keeping a replica's view up with the store: following it, telling it what was decided without it, healing it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from libs.common.errors import Conflict, Unavailable
from services.router.rollout.audit import NO_ENTRY
from services.router.rollout.state import RolloutState
from services.router.rollout.store import RolloutStore
from services.router.rollout.view import View
from services.router.rollout.writing import Decision, Outcome, Writer, decided

_LOG = logging.getLogger(__name__)

# How long a decision that already holds here may wait for the store, before its caller is told that it is pending.
WRITE_SECONDS = 0.3


class Replica:
    """One replica's part in the rollout; `changed` is called whenever its view is."""

    def __init__(
        self,
        name: str,
        *,
        store: RolloutStore,
        view: View,
        writer: Writer,
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self._store = store
        self._view = view
        self._writer = writer
        self.changed = changed
        self._clock = clock
        self._known = NO_ENTRY
        self._waiting: list[tuple[Decision, RolloutState]] = []
        self.has_caught_up = False

    @property
    def waiting(self) -> int:
        """Decisions that hold here and that the store does not know yet."""
        return len(self._waiting)

    async def catch_up(self, *, wait_seconds: float) -> None:
        """Takes over what the store has, waiting up to `wait_seconds` for news. Raises Unavailable."""
        changes = await self._store.follow(self.name, self._known, wait_seconds=wait_seconds)
        if changes.lost:
            _LOG.error("the store of the rollout has lost what it had; it is written again")
            await self._restore()
        is_news = [self._view.keep(record) for record in changes.records]
        if any(is_news) or not self.has_caught_up:
            self.has_caught_up = True
            self.changed()
        if changes.head != self._known:
            self._known = changes.head
            # Asking again tells the store that this replica has got so far.
            await self.catch_up(wait_seconds=0.0)

    async def decide_here_first(self, decision: Decision) -> Outcome | None:
        """Makes `decision` hold on this replica at once, then writes it; None when the store has yet to be told.

        Until it is told, the decision wins here over whatever the store says. Raises Conflict (VERSION_MISMATCH) when
        somebody else decided before.
        """
        held = self._hold(decision)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                outcome = await self._writer.write(decision)
        except (Unavailable, TimeoutError):
            self._waiting.append((decision, held))
            _LOG.warning("the store of the rollout does not answer; what was decided holds here until it is told")
            return None
        except Conflict:
            self._view.lift(held)
            self.changed()
            raise
        except BaseException:
            # A caller that hangs up does not take the decision back.
            self._waiting.append((decision, held))
            raise
        self._view.lift(held)
        self.changed()
        return outcome

    async def tell(self) -> None:
        """Writes the decisions that wait. Raises Unavailable; then they go on waiting."""
        while self._waiting:
            first = decision, held = self._waiting[0]
            try:
                await self._writer.write(decision)
            except Conflict:
                _LOG.warning("a decision that waited for the store is dropped: somebody decided since")
            # Whoever else told the store meanwhile has removed it.
            if first in self._waiting:
                self._waiting.remove(first)
            self._view.lift(held)
            self.changed()

    def _hold(self, decision: Decision) -> RolloutState:
        before = self._view.own(decision.scope) or self._view.beginning(decision.scope)
        after = decided(decision, before, decision.change(before))
        held = replace(after, version=before.version)
        self._view.override(held)
        self.changed()
        return held

    async def _restore(self) -> None:
        for record in self._view.records():
            await self._writer.restore(record, replica=self.name, at=self._clock())
        self.changed()
