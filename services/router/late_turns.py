"""Turns that waited, given to the store of conversations when it is back: each once, on the state as it is by then."""

from dataclasses import replace

from libs.common.errors import Unavailable
from services.router.conversations import Committed, Conversations, Superseded
from services.router.outage_memory import OutageMemory, conversation_key
from services.router.outbox import Waiting

MAX_REPLAY_TRIES = 5


class LateTurns:
    """Keeps waiting turns in the order they are given; `memory` is told where their conversations stand."""

    def __init__(self, store: Conversations, memory: OutageMemory) -> None:
        self._store = store
        self._memory = memory
        # Where a conversation stands after its last turn that was kept here.
        self._versions: dict[object, int] = {}

    async def keep(self, turn: Waiting, *, deleted_at: float | None) -> None:
        """Keeps the turn; `deleted_at` is when its conversation was deleted, None for never.

        Raises Unavailable (STORE_UNAVAILABLE).
        """
        ref, commit = turn.ref, turn.commit
        if deleted_at is not None and turn.since <= deleted_at:
            return
        turn_id, key = commit.reply.turn_id, conversation_key(ref)
        for _ in range(MAX_REPLAY_TRIES):
            now = await self._store.load(ref, turn_id)
            version = now.version or 0
            if now.first_reply or any(message.turn_id == turn_id for message in now.history):
                # The commit that seemed to fail had arrived.
                self._versions[key] = version
                return
            # When another replica moved the conversation on meanwhile, its state stands and the messages are added. A
            # conversation that is not there was lost by the store, and is restored; or deleted, and begins anew.
            follows = version in (commit.base_version, self._versions.get(key)) or (version == 0 and deleted_at is None)
            state = commit.reply.state if follows else now.state
            change = replace(commit, base_version=version, reply=replace(commit.reply, state=state), keep_reply=True)
            outcome = await self._store.commit(ref, change)
            if isinstance(outcome, Committed):
                self._versions[key] = outcome.version or version + 1
                self._memory.remember(ref, self._versions[key], state, change)
            if not isinstance(outcome, Superseded):
                return
        raise Unavailable("STORE_UNAVAILABLE", "The conversation moves on faster than a waiting turn can be kept.")
