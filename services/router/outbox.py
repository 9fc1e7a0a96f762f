"""Turns that wait for the store of conversations: what one is, and who holds it so that a killed process loses none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.router.conversations import Commit, ConversationRef


@dataclass(frozen=True, slots=True)
class Waiting:
    """A turn that the store has still to keep, and since when it waits, in seconds since 1970."""

    ref: ConversationRef
    commit: Commit
    since: float


class Outbox(Protocol):
    """Holds waiting turns beside this process's memory. No method raises for what its place does: they say False."""

    @property
    def outlives_process(self) -> bool:
        """Whether a turn that `append` takes now outlives the process."""
        ...

    async def append(self, turn: Waiting) -> bool:
        """Returns True once the turn is held; False when there is no room, or its place cannot be written."""
        ...

    async def keep_only(self, turns: Sequence[Waiting]) -> bool:
        """Holds these turns and those appended later, and nothing that was appended before and is not among them."""
        ...


class MemoryOutbox:
    """Holds nothing: turns wait in the process alone, and are lost with it."""

    outlives_process = False

    async def append(self, turn: Waiting) -> bool:  # noqa: ARG002  # its caller holds it in memory
        """Returns True: the caller's memory is all there is."""
        return True

    async def keep_only(self, turns: Sequence[Waiting]) -> bool:  # noqa: ARG002  # nothing is held
        """Returns True."""
        return True
