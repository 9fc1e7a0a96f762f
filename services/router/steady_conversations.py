"""Conversations that outlive their store: while it is away, turns wait in memory, and are kept when it is back."""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from libs.common.errors import Unavailable
from libs.common.interceptors.guard import stack_without_text
from libs.common.request_context import Principal, TenantId
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
    newest,
)
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored

_log = logging.getLogger(__name__)

_Key = tuple[TenantId | None, str]
_MAX_REPLAY_TRIES = 5


@dataclass(slots=True)
class _Away:
    """A conversation while the store is away: what was known of it, and what came since."""

    version: int | None
    state: FlowState
    messages: list[Message]
    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])


class SteadyConversations:
    """Conversations whose `load`, `commit` and `append` never fail. The other methods do while the store is away.

    Keeps the last state of the `recent` conversations served here, so that an order goes on through an outage; one
    that was served elsewhere begins anew until the store is back. What waits is lost with the process.
    """

    stored = Stored.DURABLE

    def __init__(
        self,
        store: Conversations,
        *,
        is_back: Callable[[], Awaitable[bool]],
        max_waiting: int = 10_000,
        history_messages: int = 20,
        recent: int = 10_000,
        timeout_seconds: float = 0.1,
    ) -> None:
        self._store = store
        self._is_back = is_back
        self._max_waiting = max_waiting
        self._history_messages = history_messages
        self._max_recent = recent
        self._timeout_seconds = timeout_seconds
        self._recent: OrderedDict[_Key, tuple[int, FlowState, tuple[Message, ...]]] = OrderedDict()
        self._away: dict[_Key, _Away] = {}
        self._waiting: deque[tuple[ConversationRef, Commit]] = deque()
        self.is_down = False
        # Turns that found the waiting room full, or that the store could not take, and were not kept at all.
        self.lost = 0

    @property
    def waiting(self) -> int:
        """Turns that the store has still to keep."""
        return len(self._waiting)

    async def load(self, ref: ConversationRef, turn_id: str) -> Snapshot:
        """Returns the conversation from the store, or what is known of it here."""
        if not self.is_down:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._store.load(ref, turn_id)
            except (Unavailable, TimeoutError):
                self._note_outage()
        away = self._away_for(_key(ref))
        history = newest(away.messages, self._history_messages)
        return Snapshot(away.version, away.state, history, away.replies.get(turn_id), Stored.PENDING)

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
                    self._remember(_key(ref), (commit.base_version or 0) + 1, commit.reply.state, commit.messages)
                return outcome
        return self._keep_here(ref, commit)

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
                    self._remember(_key(ref), outcome.version or 0, outcome.state, commit.messages)
                return outcome
        away = self._away_for(_key(ref))
        if away.state.awaiting_slot:
            return SlotAwaited()
        change = replace(commit, base_version=away.version, reply=replace(commit.reply, state=away.state))
        kept = self._keep_here(ref, change)
        return kept if isinstance(kept, AlreadyAnswered) else Appended(kept.stored, away.state, away.version)

    async def page(self, ref: ConversationRef, *, size: int, token: str) -> Page | None:
        """Returns one page from the store."""
        return await self._store.page(ref, size=size, token=token)

    async def delete(self, ref: ConversationRef) -> bool:
        """Removes the conversation from the store and from here."""
        if self.is_down:
            raise Unavailable("STORE_UNAVAILABLE", "Conversations cannot be deleted while their store is away.")
        existed = await self._store.delete(ref)
        self._recent.pop(_key(ref), None)
        return existed

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns ids from the store."""
        return await self._store.conversations_of(principal, user_id)

    async def replay(self) -> bool:
        """Gives the store what waits, in order, if it is back; returns whether turns go to it again."""
        if not self.is_down:
            return True
        if not await self._is_back():
            return False
        versions: dict[_Key, int] = {}
        while self._waiting:
            ref, commit = self._waiting[0]
            try:
                async with asyncio.timeout(self._timeout_seconds * _MAX_REPLAY_TRIES):
                    await self._replay_one(ref, commit, versions)
            except (Unavailable, TimeoutError):
                return False
            except Exception as problem:  # noqa: BLE001  # one turn must not hold back all that wait behind it
                self.lost += 1
                _log.error("a waiting turn cannot be kept and is lost\n%s", stack_without_text(problem))
            self._waiting.popleft()
        # No await since the last look at what waits: no turn can have come in between.
        self._away.clear()
        self.is_down = False
        _log.info("the store of conversations is back; every waiting turn is kept")
        return True

    async def _replay_one(self, ref: ConversationRef, commit: Commit, versions: dict[_Key, int]) -> None:
        turn_id, key = commit.reply.turn_id, _key(ref)
        for _ in range(_MAX_REPLAY_TRIES):
            now = await self._store.load(ref, turn_id)
            version = now.version or 0
            if now.first_reply or any(message.turn_id == turn_id for message in now.history):
                # The commit that seemed to fail had arrived.
                versions[key] = version
                return
            # When another replica moved the conversation on meanwhile, its state stands and the messages are added.
            follows = version in (0, commit.base_version, versions.get(key))
            state = commit.reply.state if follows else now.state
            change = replace(commit, base_version=version, reply=replace(commit.reply, state=state), keep_reply=True)
            if not isinstance(await self._store.commit(ref, change), Superseded):
                versions[key] = version + 1
                return
        raise Unavailable("STORE_UNAVAILABLE", "The conversation moves on faster than a waiting turn can be kept.")

    def _note_outage(self) -> None:
        if not self.is_down:
            self.is_down = True
            _log.warning("the store of conversations does not answer; turns wait in memory until it is back")

    def _keep_here(self, ref: ConversationRef, commit: Commit) -> Committed | AlreadyAnswered:
        away = self._away_for(_key(ref))
        turn_id = commit.reply.turn_id
        if first := away.replies.get(turn_id):
            return AlreadyAnswered(first, Stored.PENDING)
        if len(self._waiting) >= self._max_waiting:
            self.lost += 1
            return Committed(Stored.NOT_KEPT)
        self._waiting.append((ref, commit))
        away.replies[turn_id] = commit.reply
        away.state = commit.reply.state
        away.messages.extend(commit.messages)
        away.version = None if away.version is None else away.version + 1
        return Committed(Stored.PENDING)

    def _away_for(self, key: _Key) -> _Away:
        away = self._away.get(key)
        if away is None:
            known = self._recent.get(key)
            away = _Away(known[0], known[1], list(known[2])) if known else _Away(None, NO_STATE, [])
            self._away[key] = away
        return away

    def _remember(self, key: _Key, version: int, state: FlowState, messages: tuple[Message, ...]) -> None:
        self._recent[key] = (version, state, messages)
        self._recent.move_to_end(key)
        if len(self._recent) > self._max_recent:
            self._recent.popitem(last=False)


def _key(ref: ConversationRef) -> _Key:
    return ref.principal.tenant, ref.conversation_id
