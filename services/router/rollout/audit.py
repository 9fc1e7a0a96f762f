"""The audit: entries chained by their hashes, so that one changed, dropped or moved afterwards is seen."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, cast

from services.router.rollout.state import canonical_json


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry's place and hash; 0 and empty while nothing was written."""

    sequence: int = 0
    hash: str = ""


NO_ENTRY = Head()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `at_ms` is in milliseconds since 1970, `before` and `after` are JSON, hashes are SHA-256 in hex."""

    sequence: int
    tenant: str
    at_ms: int
    actor: str
    action: str
    reason: str
    before: str
    after: str
    previous_hash: str = ""
    hash: str = ""

    @property
    def head(self) -> Head:
        """The entry's place and hash."""
        return Head(self.sequence, self.hash)

    def to_json(self) -> str:
        """Returns the entry as it is kept."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "AuditEntry":
        """Returns the entry that `to_json` wrote; raises ValueError for anything else."""
        try:
            return cls(**cast("dict[str, Any]", json.loads(text)))
        except (TypeError, ValueError) as error:
            raise ValueError("not an entry of the audit") from error


def chained(entry: AuditEntry, head: Head) -> AuditEntry:
    """Returns `entry` as the one that follows `head`, with its hash."""
    follows = replace(entry, sequence=head.sequence + 1, previous_hash=head.hash)
    return replace(follows, hash=_hash_of(follows))


def is_intact(newest_first: Sequence[AuditEntry], *, head: Head | None = None) -> bool:
    """Says whether each entry has its own hash, and follows the one after it in `newest_first` without a gap.

    With `head`, the first must be the newest that was ever written. The oldest is believed about its predecessor,
    unless it is entry 1, which has none: to check a page, give one entry more than it shows.
    """
    if head is not None and (newest_first[0].head if newest_first else NO_ENTRY) != head:
        return False
    if any(each.hash != _hash_of(each) for each in newest_first):
        return False
    if newest_first and newest_first[-1].sequence == 1 and newest_first[-1].previous_hash:
        return False
    return all(
        newer.sequence == older.sequence + 1 and newer.previous_hash == older.hash
        for newer, older in itertools.pairwise(newest_first)
    )


def _hash_of(entry: AuditEntry) -> str:
    """The SHA-256 of the canonical JSON of everything but the hash itself; the hash before it is part of that."""
    return sha256(replace(entry, hash="").to_json().encode()).hexdigest()
