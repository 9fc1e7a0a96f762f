"""Which system a conversation gets: a hash that never moves, held against a share that may."""

from dataclasses import dataclass
from hashlib import blake2b

from services.router.turn import Variant

BUCKETS = 100_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variant, the unit's bucket (0 to 99,999), the rule that decided, and what was hashed.

    `unit_kind` is `conversation`, `user` or `request`; what is hashed by its request is dealt anew with the next one.
    """

    variant: Variant
    bucket: int
    decided_by: str
    unit_kind: str = "conversation"
    # When the conversation that is pinned began, in seconds since 1970; 0 for one that is not.
    pinned_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Pin:
    """What a conversation's first turn was assigned to, and when, in seconds since 1970."""

    variant: Variant
    began_at: float


def unit_of(conversation_id: str, user_id: str, request_id: str) -> tuple[str, str]:
    """Returns the first of the three that is there, and its kind."""
    if conversation_id:
        return conversation_id, "conversation"
    if user_id:
        return user_id, "user"
    return request_id, "request"


def bucket_of(salt: str, tenant: str, unit: str) -> int:
    """Returns the bucket of `unit`: the first 8 bytes of BLAKE2b(`salt|tenant|unit`), big-endian, modulo 100,000."""
    digest = blake2b(f"{salt}|{tenant}|{unit}".encode(), digest_size=64).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def is_hybrid(bucket: int, percent: float) -> bool:
    """Says whether `bucket` lies under `percent` (0 to 100, three decimals) of all buckets.

    The bucket does not depend on the percent: raising it moves units from classic to hybrid only, and lowering it
    back only.
    """
    return bucket < round(percent * 1000)
