"""What a replica remembers of conversations, so that an order goes on while their store is away."""

from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass, field, replace

from libs.common.request_context import TenantId
from services.router.conversations import Commit, ConversationRef, deletion_mark
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored, Variant

_Key = tuple[TenantId | None, str]


@dataclass(frozen=True, slots=True)
class _Recent:
    ref: ConversationRef
    version: int
    state: FlowState
    messages: tuple[Message, ...]
    began_with: Variant | None
    began_at: float


@dataclass(slots=True)
class Away:
    """A conversation while the store is away: what was known of it, and what came since.

    `unheld` are the turns among `replies` that nothing but this memory holds, where something should.
    """

    version: int | None = None
    state: FlowState = NO_STATE
    messages: list[Message] = field(default_factory=list[Message])
    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])
    unheld: set[str] = field(default_factory=set[str])
    began_with: Variant | None = None
    began_at: float = 0.0

    def stored(self, turn_id: str) -> Stored:
        """Returns how safely a turn is kept that waits."""
        return Stored.NOT_KEPT if turn_id in self.unheld else Stored.PENDING

    def add(self, commit: Commit) -> None:
        """Applies a turn that waits."""
        self.replies[commit.reply.turn_id] = commit.reply
        self.state = commit.reply.state
        self.messages.extend(commit.messages)
        if self.version is None:
            self.version = commit.base_version
        if self.version is not None:
            self.version += 1
        if self.began_with is None and commit.began_with is not None:
            self.began_with, self.began_at = commit.began_with, commit.began_at


class OutageMemory:
    """The last turn of the `max_recent` conversations served here, and all that is done while the store is away."""

    def __init__(self, *, max_recent: int) -> None:
        self._max_recent = max_recent
        self._recent: OrderedDict[_Key, _Recent] = OrderedDict()
        self._away: dict[_Key, Away] = {}

    def remember(self, ref: ConversationRef, version: int, state: FlowState, commit: Commit) -> None:
        """Notes where a conversation stands after a turn that the store has kept."""
        key = conversation_key(ref)
        known = self._recent.get(key)
        began_with, began_at = commit.began_with, commit.began_at
        if began_with is None and known is not None:
            began_with, began_at = known.began_with, known.began_at
        self._recent[key] = _Recent(ref, version, state, commit.messages, began_with, began_at)
        self._recent.move_to_end(key)
        if len(self._recent) > self._max_recent:
            self._recent.popitem(last=False)

    def away(self, ref: ConversationRef) -> Away:
        """Returns the conversation as it goes on without the store; only `hold` makes it last."""
        key = conversation_key(ref)
        away = self._away.get(key)
        if away is None:
            known = self._recent.get(key)
            away = Away()
            if known is not None:
                away.version, away.state, away.messages = known.version, known.state, list(known.messages)
                away.began_with, away.began_at = known.began_with, known.began_at
        return away

    def hold(self, ref: ConversationRef, commit: Commit) -> Away:
        """Applies a turn that waits to its conversation, and returns that."""
        away = self._away.setdefault(conversation_key(ref), self.away(ref))
        away.add(commit)
        return away

    def come_back(self) -> None:
        """Forgets what was done without the store, which has it now."""
        self._away.clear()

    def forget(self, ref: ConversationRef) -> None:
        """Forgets a conversation."""
        self._recent.pop(conversation_key(ref), None)

    def amend(self, ref: ConversationRef, turn_id: str, heard_text: str) -> None:
        """Keeps of a remembered reply what was heard."""
        known = self._recent.get(conversation_key(ref))
        if known is not None:
            said = tuple(
                replace(each, text=heard_text) if each.turn_id == turn_id and each.author == "bot" else each
                for each in known.messages
            )
            self._recent[conversation_key(ref)] = replace(known, messages=said)

    def forget_marked(self, marks: Container[str]) -> None:
        """Forgets conversations that were deleted, by `deletion_mark`."""
        for key in [key for key, recent in self._recent.items() if deletion_mark(recent.ref) in marks]:
            del self._recent[key]


def conversation_key(ref: ConversationRef) -> _Key:
    """Returns what tells conversations of all tenants apart."""
    return ref.principal.tenant, ref.conversation_id
