"""What operators do with a tenant's patterns: look at a version, put in a set of their own, go back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from libs.common.errors import Conflict, FieldViolation, InvalidRequest, NotFound
from libs.common.request_context import Principal
from services.rag.patterns.pattern import LearnedPattern, PatternSet
from services.rag.patterns.safety import timed
from services.rag.patterns.shelf import Shelf
from services.rag.patterns.store import Held, PatternStore

MAX_PATTERNS = 200


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a tenant's own patterns; 0 when it has none."""

    number: int
    patterns: PatternSet


class Curation:
    """Changes are whole versions; a set that a person chose stays until patterns are learned by request."""

    def __init__(
        self,
        store: PatternStore,
        shelf: Shelf,
        *,
        wall: Callable[[], float] = time.time,
        is_safe: Callable[[str, str], float] = timed,
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._wall = wall
        self._is_safe = is_safe

    async def version(self, owner: Principal, number: int = 0) -> Version:
        """Returns a version, the one in use for 0. Raises NotFound (PATTERNS_VERSION_NOT_FOUND), Unavailable."""
        held = await self._store.read(owner, whole=number > 0)
        if not number:
            return Version(held.version, held.newest or PatternSet())
        return Version(number, _of(held, number))

    async def put(self, owner: Principal, patterns: Sequence[LearnedPattern], *, reason: str) -> int:
        """Replaces the tenant's patterns and returns the new version.

        Raises InvalidRequest (PATTERN_UNSAFE, INVALID_FIELD), Conflict (PATTERNS_CHANGED), Unavailable; then nothing
        is changed.
        """
        if len(patterns) > MAX_PATTERNS:
            raise InvalidRequest(
                "INVALID_FIELD",
                "Some fields are malformed; look at patterns.",
                violations=[FieldViolation("patterns", f"expected at most {MAX_PATTERNS}")],
            )
        for pattern in patterns:
            self._is_safe(pattern.field, pattern.expression)
        held = await self._store.read(owner)
        base = held.newest or PatternSet()
        # What was learned keeps its documents, so that it goes when they go.
        known = {(each.field, each.expression): each for each in base.patterns}
        kept = tuple(_with_witnesses(pattern, known.get((pattern.field, pattern.expression))) for pattern in patterns)
        return await self._keep(owner, held, replace(base, patterns=kept), reason)

    async def roll_back(self, owner: Principal, number: int, *, reason: str) -> int:
        """Makes a new version that equals an old one, and returns it.

        Raises NotFound (PATTERNS_VERSION_NOT_FOUND), Conflict (PATTERNS_CHANGED), Unavailable.
        """
        held = await self._store.read(owner, whole=True)
        return await self._keep(owner, held, _of(held, number), reason)

    async def _keep(self, owner: Principal, held: Held, patterns: PatternSet, reason: str) -> int:
        chosen = replace(patterns, pinned=True, learned_at=self._wall(), actor=owner.subject, reason=reason)
        if not await self._store.put(owner, chosen, after=held.version, rewritten={}, ttl_seconds=0):
            raise Conflict("PATTERNS_CHANGED", "The patterns changed meanwhile. Look at them, and try again.")
        self._shelf.forget(owner)
        return held.version + 1


def _with_witnesses(pattern: LearnedPattern, known: LearnedPattern | None) -> LearnedPattern:
    if known is None:
        return pattern
    return replace(known, status=pattern.status)


def _of(held: Held, number: int) -> PatternSet:
    found = held.history.get(number)
    if found is None:
        kept = ", ".join(str(version) for version in sorted(held.history)) or "none"
        raise NotFound("PATTERNS_VERSION_NOT_FOUND", f"There is no version {number} of the patterns; kept are: {kept}.")
    return found
