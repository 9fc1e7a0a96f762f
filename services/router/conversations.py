"""What keeping a conversation means: what is read before a turn, and the one atomic step after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.request_context import Principal
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored

MAX_PAGE_SIZE = 200
DEFAULT_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class ConversationRef:
    """A conversation of the principal's tenant."""

    principal: Principal
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A conversation as a turn finds it.

    `version` counts commits, 0 for a conversation that nobody began, and None when the store could not be asked.
    `history` holds the newest messages, oldest first, and may be parsed only when it is read. `first_reply` is the
    reply that this turn had already, `first_stored` how safely that one is kept.
    """

    version: int | None = 0
    state: FlowState = NO_STATE
    history: Sequence[Message] = ()
    first_reply: Reply | None = None
    first_stored: Stored = Stored.DURABLE


@dataclass(frozen=True, slots=True)
class Commit:
    """What a turn changes, all of it or nothing.

    `base_version` is the snapshot's; `keep_reply` stores the reply for 24 hours under its turn id. `user_id` may be
    empty.
    """

    base_version: int | None
    messages: tuple[Message, ...]
    reply: Reply
    keep_reply: bool
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """The turn is kept, this safely."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another turn was committed first: load again and answer on the new state. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class AlreadyAnswered:
    """This very turn was committed by another call; its reply stands. Nothing was changed."""

    reply: Reply
    stored: Stored


CommitOutcome = Committed | Superseded | AlreadyAnswered


@dataclass(frozen=True, slots=True)
class Appended:
    """The turn is kept, this safely; `state` is the conversation's, before and after it, `version` the one after."""

    stored: Stored
    state: FlowState
    version: int | None


@dataclass(frozen=True, slots=True)
class SlotAwaited:
    """The conversation waits for a slot, which the message may fill. Nothing was changed."""


AppendOutcome = Appended | SlotAwaited | AlreadyAnswered


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, oldest first, the token of the page before (empty at the beginning), and the state now."""

    messages: Sequence[Message]
    next_page_token: str
    state: FlowState


class Conversations(Protocol):
    """Keeps conversations of all tenants. Every method may raise Unavailable (STORE_UNAVAILABLE)."""

    # How safely a commit here is kept.
    stored: Stored

    async def load(self, ref: ConversationRef, turn_id: str) -> Snapshot:
        """Returns the conversation, and the reply that `turn_id` had already; an empty snapshot for a new one."""
        ...

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        """Appends the messages, sets the state and keeps the reply, if the version is still `base_version`."""
        ...

    async def append(self, ref: ConversationRef, commit: Commit) -> AppendOutcome:
        """Adds a turn that leaves the state as it is, whatever came before it, unless a slot is awaited.

        The commit's base version and the reply's state are not looked at: the reply is kept with the state found.
        """
        ...

    async def page(self, ref: ConversationRef, *, size: int, token: str) -> Page | None:
        """Returns up to `size` messages before `token`, the newest when it is empty; None for no such conversation.

        Raises InvalidRequest (INVALID_FIELD) for a token that no page gave.
        """
        ...

    async def delete(self, ref: ConversationRef) -> bool:
        """Removes messages, state and kept replies; returns whether the conversation existed."""
        ...

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns the ids of conversations in which this customer had a turn; some may be gone already."""
        ...


def newest(messages: Sequence[Message], count: int) -> tuple[Message, ...]:
    """Returns the last `count` messages, none for 0."""
    return tuple(messages[max(0, len(messages) - count) :])


def page_bounds(count: int, *, size: int, token: str) -> tuple[int, int, str]:
    """Returns first and end index of a page among `count` messages, and the token of the page before it.

    A token is the index at which the page after it began, so that new messages do not move a page.
    """
    end = count
    if token:
        if not token.isascii() or not token.isdigit() or len(token) > 9:
            raise InvalidRequest(
                "INVALID_FIELD",
                "The page token does not come from an earlier response.",
                violations=[FieldViolation("page_token", "expected next_page_token of the last response, or empty")],
            )
        end = min(int(token), count)
    first = max(0, end - size)
    return first, end, str(first) if first else ""
