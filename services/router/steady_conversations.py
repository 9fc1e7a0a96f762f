"""Conversations that outlive their store: while it is away turns wait here, and are kept when it is back."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from libs.common.errors import Unavailable
from libs.common.interceptors.guard import stack_without_text
from libs.common.request_context import Principal
from services.router.conversations import (
    AlreadyAnswered,
    Appended,
    AppendOutcome,
    Commit,
    CommitOutcome,
    Committed,
    ConversationRef,
    Conversations,
    Page,
    SlotAwaited,
    Snapshot,
    Superseded,
    deletion_mark,
    newest,
)
from services.router.late_turns import MAX_REPLAY_TRIES, LateTurns
from services.router.outage_memory import OutageMemory
from services.router.outbox import MemoryOutbox, Outbox, Waiting
from services.router.turn import Stored

_log = logging.getLogger(__name__)

# How far this machine's clock may be off the store's.
_MAX_CLOCK_ERROR_SECONDS = 60.0


class SteadyConversations:
    """Conversations whose `load`, `commit` and `append` never fail. The other methods do while the store is away.

    Keeps the last state of the `recent` conversations served here, so that an order goes on through an outage; one
    that was served elsewhere begins anew until the store is back. What waits is held by `outbox` too; `left` is what
    an earlier process left there. A turn that the outbox does not hold within `outbox_timeout_seconds` waits all the
    same, and is said to be NOT_KEPT.
    """

    stored = Stored.DURABLE

    def __init__(
        self,
        store: Conversations,
        *,
        is_back: Callable[[], Awaitable[bool]],
        outbox: Outbox | None = None,
        left: Sequence[Waiting] = (),
        max_waiting: int = 10_000,
        history_messages: int = 20,
        recent: int = 10_000,
        timeout_seconds: float = 0.1,
        outbox_timeout_seconds: float = 0.05,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._is_back = is_back
        self._outbox = outbox or MemoryOutbox()
        self._max_waiting = max_waiting
        self._history_messages = history_messages
        self._timeout_seconds = timeout_seconds
        self._outbox_timeout_seconds = outbox_timeout_seconds
        self._clock = clock
        self._memory = OutageMemory(max_recent=recent)
        self._waiting = deque(left)
        for turn in left:
            self._memory.hold(turn.ref, turn.commit)
        # Deletions are heard from here on, also of conversations that have turns waiting.
        self._heard_until = min((turn.since for turn in left), default=clock()) - _MAX_CLOCK_ERROR_SECONDS
        self._replayed = 0
        self._replaying = asyncio.Lock()
        self.is_down = bool(left)
        # Turns that found the waiting room full, or that the store could not take, and were not kept at all.
        self.lost = 0

    @property
    def waiting(self) -> int:
        """Turns that the store has still to keep."""
        return len(self._waiting)

    @property
    def waits_on_disk(self) -> bool:
        """Whether a turn that waits outlives this process."""
        return self._outbox.outlives_process

    async def load(self, ref: ConversationRef, turn_id: str) -> Snapshot:
        """Returns the conversation from the store, or what is known of it here."""
        if not self.is_down:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._store.load(ref, turn_id)
            except (Unavailable, TimeoutError):
                self._note_outage()
        away = self._memory.away(ref)
        return Snapshot(
            away.version,
            away.state,
            newest(away.messages, self._history_messages),
            away.replies.get(turn_id),
            away.stored(turn_id),
            away.began_with,
            away.began_at,
        )

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        """Keeps the turn in the store, or here until it is back."""
        if not self.is_down:
            if commit.base_version is None:
                # Answered without the stored state, and the store is back now.
                return Superseded()
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    outcome = await self._store.commit(ref, commit)
            except (Unavailable, TimeoutError):
                self._note_outage()
            else:
                if isinstance(outcome, Committed):
                    self._memory.remember(ref, outcome.version or 0, commit.reply.state, commit)
                return outcome
        return await self._keep_here(ref, commit)

    async def append(self, ref: ConversationRef, commit: Commit) -> AppendOutcome:
        """Adds the turn in the store, or here until it is back."""
        if not self.is_down:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    outcome = await self._store.append(ref, commit)
            except (Unavailable, TimeoutError):
                self._note_outage()
            else:
                if isinstance(outcome, Appended):
                    self._memory.remember(ref, outcome.version or 0, outcome.state, commit)
                return outcome
        away = self._memory.away(ref)
        if away.state.awaiting_slot:
            return SlotAwaited()
        state = away.state
        change = replace(commit, base_version=away.version, reply=replace(commit.reply, state=state))
        kept = await self._keep_here(ref, change)
        return kept if isinstance(kept, AlreadyAnswered) else Appended(kept.stored, state, away.version)

    async def amend(self, ref: ConversationRef, turn_id: str, heard_text: str) -> bool | None:
        """Amends the reply in the store, and what is remembered of it for an outage."""
        self._refuse_while_away()
        changed = await self._store.amend(ref, turn_id, heard_text)
        if changed:
            self._memory.amend(ref, turn_id, heard_text)
        return changed

    async def page(self, ref: ConversationRef, *, size: int, token: str) -> Page | None:
        """Returns one page from the store."""
        return await self._store.page(ref, size=size, token=token)

    async def delete(self, ref: ConversationRef, *, user_id: str = "") -> bool:
        """Removes the conversation from the store, from here, and from the disk."""
        self._refuse_while_away()
        # Nothing waits now: what the outbox may still hold is in the store already.
        await self._outbox.keep_only(())
        existed = await self._store.delete(ref, user_id=user_id)
        self._memory.forget(ref)
        return existed

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns ids from the store."""
        # While turns wait the store's list is not whole.
        self._refuse_while_away()
        return await self._store.conversations_of(principal, user_id)

    async def deleted_since(self, since: float) -> Mapping[str, float]:
        """Returns what the store knows."""
        return await self._store.deleted_since(since)

    async def replay(self) -> bool:
        """Gives the store what waits, in order, if it is back; returns whether turns go to it again.

        Also hears of conversations that other replicas deleted. To be called twice a second.
        """
        async with self._replaying:
            return await self._replay()

    async def _replay(self) -> bool:
        try:
            if self.is_down and not await self._is_back():
                return False
            async with asyncio.timeout(self._timeout_seconds * MAX_REPLAY_TRIES):
                deleted = await self._store.deleted_since(self._heard_until)
        except (Unavailable, TimeoutError):
            return not self.is_down
        self._memory.forget_marked(deleted)
        if self.is_down and not await self._replay_all(deleted):
            # Half of what the outbox holds is in the store already: worth writing it anew.
            if self._replayed > len(self._waiting):
                self._replayed = 0
                await self._outbox.keep_only(tuple(self._waiting))
            return False
        self._heard_until = max((self._heard_until, *deleted.values()))
        return True

    async def _replay_all(self, deleted: Mapping[str, float]) -> bool:
        late = LateTurns(self._store, self._memory)
        while self._waiting:
            turn = self._waiting[0]
            try:
                async with asyncio.timeout(self._timeout_seconds * MAX_REPLAY_TRIES):
                    await late.keep(turn, deleted_at=deleted.get(deletion_mark(turn.ref)))
            except (Unavailable, TimeoutError):
                return False
            except Exception as problem:  # noqa: BLE001  # one turn must not hold back all that wait behind it
                self.lost += 1
                _log.error("a waiting turn cannot be kept and is lost\n%s", stack_without_text(problem))
            self._waiting.popleft()
            self._replayed += 1
        # No await since the last look at what waits: no turn can have come in between.
        self._memory.come_back()
        self.is_down = False
        self._replayed = 0
        _log.info("the store of conversations is back; every waiting turn is kept")
        await self._outbox.keep_only(())
        return True

    def _note_outage(self) -> None:
        if not self.is_down:
            self.is_down = True
            _log.warning("the store of conversations does not answer; turns wait until it is back")

    def _refuse_while_away(self) -> None:
        if self.is_down:
            raise Unavailable("STORE_UNAVAILABLE", "Kept conversations cannot be changed while their store is away.")

    async def _keep_here(self, ref: ConversationRef, commit: Commit) -> Committed | AlreadyAnswered:
        away, turn_id = self._memory.away(ref), commit.reply.turn_id
        if first := away.replies.get(turn_id):
            return AlreadyAnswered(first, away.stored(turn_id))
        if len(self._waiting) >= self._max_waiting:
            self.lost += 1
            return Committed(Stored.NOT_KEPT)
        turn = Waiting(ref, commit, self._clock())
        self._waiting.append(turn)
        away = self._memory.hold(ref, commit)
        away.unheld.add(turn_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._outbox_timeout_seconds):
                if await self._outbox.append(turn):
                    away.unheld.discard(turn_id)
        return Committed(away.stored(turn_id), away.version)
