"""Conversations in this process's memory: used when no store is configured, and while one does not answer."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from libs.common.request_context import Principal, TenantId
from services.router.conversations import (
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
    newest,
    page_bounds,
)
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored

_Key = tuple[TenantId, str]


@dataclass(slots=True)
class _Conversation:
    version: int = 0
    state: FlowState = NO_STATE
    messages: list[Message] = field(default_factory=list[Message])
    replies: dict[str, tuple[float, Reply]] = field(default_factory=dict[str, tuple[float, Reply]])
    users: set[str] = field(default_factory=set[str])


class MemoryConversations:
    """Keeps the `max_conversations` used last; a kept reply answers retries for `reply_ttl_seconds`."""

    stored = Stored.MEMORY

    def __init__(
        self,
        *,
        max_conversations: int = 10_000,
        max_messages: int = 2_000,
        history_messages: int = 20,
        reply_ttl_seconds: float = 86_400.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_conversations = max_conversations
        self._max_messages = max_messages
        self._history_messages = history_messages
        self._reply_ttl_seconds = reply_ttl_seconds
        self._now = now
        self._conversations: OrderedDict[_Key, _Conversation] = OrderedDict()

    async def load(self, ref: ConversationRef, turn_id: str) -> Snapshot:
        """Returns the conversation as it is kept here."""
        conversation = self._conversations.get(_key(ref))
        if conversation is None:
            return Snapshot()
        return Snapshot(
            conversation.version,
            conversation.state,
            newest(conversation.messages, self._history_messages),
            self._first_reply(conversation, turn_id),
            self.stored,
        )

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        """Applies the turn in one step of the event loop."""
        key = _key(ref)
        conversation = self._conversations.get(key) or _Conversation()
        if commit.keep_reply and (first := self._first_reply(conversation, commit.reply.turn_id)):
            return AlreadyAnswered(first, self.stored)
        if commit.base_version != conversation.version:
            return Superseded()
        conversation.state = commit.reply.state
        self._add(key, conversation, commit, commit.reply)
        return Committed(self.stored)

    async def append(self, ref: ConversationRef, commit: Commit) -> AppendOutcome:
        """Adds the turn in one step of the event loop."""
        key = _key(ref)
        conversation = self._conversations.get(key) or _Conversation()
        if commit.keep_reply and (first := self._first_reply(conversation, commit.reply.turn_id)):
            return AlreadyAnswered(first, self.stored)
        if conversation.state.awaiting_slot:
            return SlotAwaited()
        self._add(key, conversation, commit, replace(commit.reply, state=conversation.state))
        return Appended(self.stored, conversation.state, conversation.version)

    async def page(self, ref: ConversationRef, *, size: int, token: str) -> Page | None:
        """Returns one page, or None."""
        conversation = self._conversations.get(_key(ref))
        if conversation is None:
            return None
        first, end, next_token = page_bounds(len(conversation.messages), size=size, token=token)
        return Page(tuple(conversation.messages[first:end]), next_token, conversation.state)

    async def delete(self, ref: ConversationRef) -> bool:
        """Forgets the conversation."""
        return self._conversations.pop(_key(ref), None) is not None

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns ids from a walk over everything that is kept."""
        tenant = principal.require_tenant()
        return [
            conversation_id
            for (owner, conversation_id), conversation in self._conversations.items()
            if owner == tenant and user_id in conversation.users
        ]

    def _add(self, key: _Key, conversation: _Conversation, commit: Commit, reply: Reply) -> None:
        conversation.version += 1
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
