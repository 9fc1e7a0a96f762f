"""Keeps a tenant's patterns in step with its documents: learns when asked and in the background, and unlearns."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from libs.common.errors import Conflict, PreconditionFailed, ReparteeError
from libs.common.request_context import Principal, TenantId
from services.rag.patterns.keeper import TenantTexts
from services.rag.patterns.learning import MAX_CHARACTERS, MAX_DOCUMENTS, learn
from services.rag.patterns.pattern import PatternSet
from services.rag.patterns.shelf import Shelf
from services.rag.patterns.store import PatternStore
from services.rag.tenant_scope import TenantScope

_LOG = logging.getLogger(__name__)

FRESH_DAYS = 7
_DAY_SECONDS = 86_400.0
# Of the seven days, so that a thousand tenants do not come due together.
_JITTER = 0.1
# What is too old is still served while it is learned anew: it stays in the store twice as long as it is fresh.
_KEPT_TIMES = 2
# Long enough for a learning that began before to end, and find that it came too late.
_TOUCHED_SECONDS = 3600.0
_QUIET_SECONDS = 5.0
_TRIES = 5
_LOGGED_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned, the version it is kept as (the one in use before for a dry run), and how much was read."""

    patterns: PatternSet
    version: int
    document_count: int


class Teacher:
    """Implements PatternKeeper. Use it with `async with`: the background ends with the block.

    Tenants whose documents changed are learned one after the other, five seconds after the first change.
    """

    def __init__(
        self,
        store: PatternStore,
        texts: TenantTexts,
        shelf: Shelf,
        *,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._texts = texts
        self._shelf = shelf
        self._wall = wall
        self._chance = chance
        self._wait = wait
        self._due: dict[TenantId, Principal] = {}
        self._changed = asyncio.Event()
        self._background: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._background = asyncio.create_task(self._learn_what_changed(), name="pattern-learning")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._background is not None:
            self._background.cancel()
            with suppress(asyncio.CancelledError):
                await self._background

    async def learn(self, owner: Principal, *, dry_run: bool = False) -> Lesson:
        """Learns from the tenant's documents, and uses what was learned from now on, unless it is a dry run.

        Raises PreconditionFailed (NO_DOCUMENTS), Unavailable, Conflict (PATTERNS_CHANGED) when others change the
        documents or the patterns faster than they can be learned.
        """
        for _ in range(_TRIES):
            # The version first: what is deleted from here on moves it, and then nothing of this is kept.
            version = (await self._store.read(owner)).version
            documents = await self._texts.texts(
                TenantScope(owner), max_documents=MAX_DOCUMENTS, max_characters=MAX_CHARACTERS
            )
            if not documents:
                raise PreconditionFailed("NO_DOCUMENTS", "The tenant has no documents to learn from. Index some first.")
            learned = (await asyncio.to_thread(learn, documents)).patterns
            if dry_run:
                return Lesson(learned, version, len(documents))
            now = self._wall()
            fresh = FRESH_DAYS * _DAY_SECONDS * (1 + _JITTER * (2 * self._chance() - 1))
            patterns = replace(learned, learned_at=now, fresh_until=now + fresh)
            if await self._store.put(owner, patterns, after=version, rewritten={}, ttl_seconds=fresh * _KEPT_TIMES):
                self._shelf.forget(owner)
                _log_examples(patterns)
                return Lesson(patterns, version + 1, len(documents))
        raise _changed()

    def documents_changed(self, owner: Principal) -> None:
        """See PatternKeeper."""
        self._due[owner.require_tenant()] = owner
        self._changed.set()

    async def documents_gone(self, owner: Principal, document_ids: Sequence[str]) -> None:
        """See PatternKeeper. Every kept version is cleaned; a learning that is under way is not kept."""
        for _ in range(_TRIES):
            held = await self._store.read(owner, whole=True)
            if held.newest is None:
                done = await self._store.touch(owner, after=held.version, ttl_seconds=_TOUCHED_SECONDS)
            else:
                cleaned = {version: each.without(document_ids) for version, each in held.history.items()}
                newest = cleaned[held.version]
                left = 0.0 if newest.pinned else max(1.0, newest.fresh_until - self._wall()) * _KEPT_TIMES
                done = await self._store.put(owner, newest, after=held.version, rewritten=cleaned, ttl_seconds=left)
            if done:
                self._shelf.forget(owner)
                self.documents_changed(owner)
                return
        raise _changed()

    async def _learn_what_changed(self) -> None:
        while True:
            await self._changed.wait()
            await self._wait(_QUIET_SECONDS)
            self._changed.clear()
            while self._due:
                _, owner = self._due.popitem()
                try:
                    await self._learn_unless_pinned(owner)
                except ReparteeError as error:
                    _LOG.info("patterns stay as they are: %s", error.reason)

    async def _learn_unless_pinned(self, owner: Principal) -> None:
        newest = (await self._store.read(owner)).newest
        if newest is None or not newest.pinned:
            await self.learn(owner)


def _log_examples(patterns: PatternSet) -> None:
    """Logs what each pattern found in the tenant's own documents; nothing that a customer wrote gets here."""
    for pattern in patterns.active[:_LOGGED_EXAMPLES]:
        if pattern.examples:
            _LOG.info("[REGEX] %s: %s", pattern.field, pattern.examples[0].text)


def _changed() -> Conflict:
    return Conflict("PATTERNS_CHANGED", "The patterns or the documents changed meanwhile, again and again. Try again.")
