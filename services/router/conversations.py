"""What keeping a conversation means: what is read before a turn, and the one atomic step after it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Protocol

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.request_context import Principal
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored, Variant

MAX_PAGE_SIZE = 200
DEFAULT_PAGE_SIZE = 50
# How long a replica may be away and still hear of every deletion when it is back.
DELETIONS_KEPT_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class ConversationRef:
    """A conversation of the principal's tenant."""

    principal: Principal
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A conversation as a turn finds it.

    `version` grows by one with each commit; it is 0 for a conversation that nobody began, and None when the store could
    not be asked. A conversation begins with a version of its own, so that a turn which read one that was deleted
    meanwhile cannot change the one after it. `history` holds the newest messages, oldest first, and may be parsed only
    when it is read. `first_reply` is the reply that this turn had already, `first_stored` how safely that one is kept.
    `began_with` is what the first turn that an engine served was assigned to, at `began_at` seconds since 1970; None
    before there was one.
    """

    version: int | None = 0
    state: FlowState = NO_STATE
    history: Sequence[Message] = ()
    first_reply: Reply | None = None
    first_stored: Stored = Stored.DURABLE
    began_with: Variant | None = None
    began_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Commit:
    """What a turn changes, all of it or nothing.

    `base_version` is the snapshot's; `keep_reply` stores the reply for 24 hours under its turn id. `user_id` may be
    empty. `retention_seconds` is how long the conversation is kept after this turn, 0 for the store's own length.
    `began_with` and `began_at` are the snapshot's, or of this turn when it is the first that an engine served; None
    when none did. What is stored already stands.
    """

    base_version: int | None
    messages: tuple[Message, ...]
    reply: Reply
    keep_reply: bool
    user_id: str = ""
    retention_seconds: int = 0
    began_with: Variant | None = None
    began_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Committed:
    """The turn is kept, this safely; `version` is the conversation's after it, where that is known."""

    stored: Stored
    version: int | None = field(default=None, compare=False)


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

    async def amend(self, ref: ConversationRef, turn_id: str, heard_text: str) -> bool | None:
        """Keeps `heard_text` alone of the bot's message in that turn; returns whether that changed it, None for none.

        State, version and the reply kept for retries stay as they are. Raises InvalidRequest (NOT_A_BEGINNING), and
        Conflict (CONVERSATION_BUSY) when others keep changing the same message.
        """
        ...

    async def page(self, ref: ConversationRef, *, size: int, token: str) -> Page | None:
        """Returns up to `size` messages before `token`, the newest when it is empty; None for no such conversation.

        Raises InvalidRequest (INVALID_FIELD) for a token that no page gave.
        """
        ...

    async def delete(self, ref: ConversationRef, *, user_id: str = "") -> bool:
        """Removes messages, state, kept replies and what its customers' lists say of it; returns whether it existed.

        With `user_id`, that customer's list forgets it also when it was gone already. A turn that is being answered
        meanwhile comes wholly before, and is removed, or wholly after, and begins the conversation anew. Raises
        Conflict (CONVERSATION_BUSY) when turns keep coming in between.
        """
        ...

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns the ids of conversations in which this customer had a turn; some may be gone already."""
        ...

    async def deleted_since(self, since: float) -> Mapping[str, float]:
        """Returns when conversations of any tenant were deleted, by `deletion_mark`, from `since` on.

        In seconds since 1970 by the store's clock; those of the last `DELETIONS_KEPT_SECONDS`.
        """
        ...


def as_heard(message: Message, heard_text: str) -> Message:
    """Returns a bot's message cut to what was heard of it; raises InvalidRequest (NOT_A_BEGINNING)."""
    if not message.text.startswith(heard_text):
        raise InvalidRequest(
            "NOT_A_BEGINNING",
            "Only a beginning of the reply can have been heard.",
            violations=[FieldViolation("heard_text", "expected a beginning of the reply as it is kept")],
        )
    return replace(message, text=heard_text)


def deletion_mark(ref: ConversationRef) -> str:
    """Returns what a deleted conversation is known by, so that other replicas forget it too: a digest, not its id."""
    tenant = ref.principal.require_tenant()
    return blake2b(f"{tenant}/{ref.conversation_id}".encode(), digest_size=16).hexdigest()


def new_first_version() -> int:
    """Returns the version that a new conversation begins with; two are the same once in 2⁴⁰ times."""
    # An integer of Lua, which is exact up to 2⁵³, however many turns come after it.
    return 1 + random.getrandbits(40)  # tells conversations apart, keeps nobody out


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
