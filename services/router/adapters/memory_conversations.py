"""Conversations in this process's memory: used when no store is configured, and while one does not answer."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from libs.common.request_context import Principal, TenantId
from services.router.conversations import (
    DELETIONS_KEPT_SECONDS,
    AlreadyAnswered,
    Appended,
    AppendOutcome,
    Commit,
    CommitOutcome,
    Committed,
    ConversationRef,
    Page,
    SlotAwaited,
    Snapshot,
    Superseded,
    as_heard,
    deletion_mark,
    new_first_version,
    newest,
    page_bounds,
)
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored, Variant

_Key = tuple[TenantId, str]


@dataclass(slots=True)
class _Conversation:
    version: int = 0
    state: FlowState = NO_STATE
    messages: list[Message] = field(default_factory=list[Message])
    replies: dict[str, tuple[float, Reply]] = field(default_factory=dict[str, tuple[float, Reply]])
    users: set[str] = field(default_factory=set[str])
    began_with: Variant | None = None
    began_at: float = 0.0
    # A point of the monotonic clock.
    expires: float = math.inf


class MemoryConversations:
    """Keeps the `max_conversations` used last, as long as their commits say; a reply for `reply_ttl_seconds`."""

    stored = Stored.MEMORY

    def __init__(
        self,
        *,
        max_conversations: int = 10_000,
        max_messages: int = 2_000,
        history_messages: int = 20,
        reply_ttl_seconds: float = 86_400.0,
        first_version: Callable[[], int] = new_first_version,
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_conversations = max_conversations
        self._max_messages = max_messages
        self._history_messages = history_messages
        self._reply_ttl_seconds = reply_ttl_seconds
        self._first_version = first_version
        self._now = now
        self._clock = clock
        self._deleted: dict[str, float] = {}
        self._conversations: OrderedDict[_Key, _Conversation] = OrderedDict()

    async def load(self, ref: ConversationRef, turn_id: str) -> Snapshot:
        """Returns the conversation as it is kept here."""
        conversation = self._get(ref)
        if conversation is None:
            return Snapshot()
        return Snapshot(
            conversation.version,
            conversation.state,
            newest(conversation.messages, self._history_messages),
            self._first_reply(conversation, turn_id),
            self.stored,
            conversation.began_with,
            conversation.began_at,
        )

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        """Applies the turn in one step of the event loop."""
        conversation = self._get(ref) or _Conversation()
        if commit.keep_reply and (first := self._first_reply(conversation, commit.reply.turn_id)):
            return AlreadyAnswered(first, self.stored)
        if commit.base_version != conversation.version:
            return Superseded()
        conversation.state = commit.reply.state
        if conversation.began_with is None and commit.began_with is not None:
            conversation.began_with, conversation.began_at = commit.began_with, commit.began_at
        self._add(ref, conversation, commit, commit.reply)
        return Committed(self.stored, conversation.version)

    async def append(self, ref: ConversationRef, commit: Commit) -> AppendOutcome:
        """Adds the turn in one step of the event loop."""
        conversation = self._get(ref) or _Conversation()
        if commit.keep_reply and (first := self._first_reply(conversation, commit.reply.turn_id)):
            return AlreadyAnswered(first, self.stored)
        if conversation.state.awaiting_slot:
            return SlotAwaited()
        self._add(ref, conversation, commit, replace(commit.reply, state=conversation.state))
        return Appended(self.stored, conversation.state, conversation.version)

    async def amend(self, ref: ConversationRef, turn_id: str, heard_text: str) -> bool | None:
        """Changes the message in one step of the event loop."""
        conversation = self._get(ref)
        messages = conversation.messages if conversation else []
        for index, message in enumerate(messages):
            if message.turn_id == turn_id and message.author == "bot":
                messages[index] = as_heard(message, heard_text)
                return messages[index] != message
        return None

    async def page(self, ref: ConversationRef, *, size: int, token: str) -> Page | None:
        """Returns one page, or None."""
        conversation = self._get(ref)
        if conversation is None:
            return None
        first, end, next_token = page_bounds(len(conversation.messages), size=size, token=token)
        return Page(tuple(conversation.messages[first:end]), next_token, conversation.state)

    async def delete(self, ref: ConversationRef, *, user_id: str = "") -> bool:  # noqa: ARG002  # no list of its own
        """Forgets the conversation."""
        now = self._clock()
        self._deleted = {mark: at for mark, at in self._deleted.items() if at > now - DELETIONS_KEPT_SECONDS}
        self._deleted[deletion_mark(ref)] = now
        existed = self._get(ref) is not None
        self._conversations.pop(_key(ref), None)
        return existed

    async def deleted_since(self, since: float) -> Mapping[str, float]:
        """Returns what was deleted here."""
        return {mark: at for mark, at in self._deleted.items() if at >= since}

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns ids from a walk over everything that is kept."""
        tenant = principal.require_tenant()
        return [
            conversation_id
            for (owner, conversation_id), conversation in self._conversations.items()
            if owner == tenant and user_id in conversation.users
        ]

    def _get(self, ref: ConversationRef) -> _Conversation | None:
        found = self._conversations.get(_key(ref))
        return found if found and found.expires > self._now() else None

    def _add(self, ref: ConversationRef, conversation: _Conversation, commit: Commit, reply: Reply) -> None:
        key = _key(ref)
        conversation.version = conversation.version + 1 if conversation.version else self._first_version()
        conversation.expires = self._now() + commit.retention_seconds if commit.retention_seconds else math.inf
        conversation.messages.extend(commit.messages)
        del conversation.messages[: -self._max_messages]
        if commit.user_id:
            conversation.users.add(commit.user_id)
        if commit.keep_reply:
            self._keep_reply(conversation, reply)
        self._conversations[key] = conversation
        self._conversations.move_to_end(key)
        if len(self._conversations) > self._max_conversations:
            self._conversations.popitem(last=False)

    def _first_reply(self, conversation: _Conversation, turn_id: str) -> Reply | None:
        kept = conversation.replies.get(turn_id) if turn_id else None
        return kept[1] if kept and kept[0] > self._now() else None

    def _keep_reply(self, conversation: _Conversation, reply: Reply) -> None:
        now = self._now()
        for turn_id in [turn_id for turn_id, (expires, _) in conversation.replies.items() if expires <= now]:
            del conversation.replies[turn_id]
        conversation.replies[reply.turn_id] = (now + self._reply_ttl_seconds, reply)


def _key(ref: ConversationRef) -> _Key:
    return ref.principal.require_tenant(), ref.conversation_id
