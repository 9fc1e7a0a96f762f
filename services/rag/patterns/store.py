"""Where patterns are kept: the port, and what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from libs.common.request_context import Principal
from services.rag.patterns.pattern import PatternSet

KEPT_VERSIONS = 10


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of one tenant. `version` 0: nothing ever was. The newest version may have no patterns at all."""

    version: int = 0
    history: Mapping[int, PatternSet] = field(default_factory=dict[int, PatternSet])

    @property
    def newest(self) -> PatternSet | None:
        """The patterns in use, also when their time is over; None when there are none."""
        return self.history.get(self.version)


class PatternStore(Protocol):
    """Patterns of every tenant, each reached through its own principal. All raise Unavailable (STORE_UNAVAILABLE)."""

    async def read(self, owner: Principal, *, whole: bool = False) -> Held:
        """Returns the newest version, with the others that are kept when `whole`."""
        ...

    async def put(
        self,
        owner: Principal,
        newest: PatternSet,
        *,
        after: int,
        rewritten: Mapping[int, PatternSet],
        ttl_seconds: float,
    ) -> bool:
        """Keeps `newest` as version `after` + 1 and the last 9 before it, with `rewritten` in place of older ones.

        Returns False, and changes nothing, unless the newest version is still `after`. Everything is forgotten after
        `ttl_seconds`; 0 is never.
        """
        ...

    async def touch(self, owner: Principal, *, after: int, ttl_seconds: float) -> bool:
        """Moves the version on by one where there are no patterns, so that no older work is kept; as `put`."""
        ...

    async def count(self) -> int:
        """Returns how many tenants have patterns here."""
        ...
