"""Which system a conversation gets: a hash that never moves, held against a share that may."""

from dataclasses import dataclass
from hashlib import blake2b

from services.router.turn import Variant

BUCKETS = 100_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variant, the bucket (0 to 99,999) it was read from, and the rule that decided."""

    variant: Variant
    bucket: int
    decided_by: str


def bucket_of(salt: str, tenant: str, unit: str) -> int:
    """Returns the bucket of `unit`: the first 8 bytes of BLAKE2b(`salt|tenant|unit`), big-endian, modulo 100,000."""
    digest = blake2b(f"{salt}|{tenant}|{unit}".encode(), digest_size=64).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def assign(percent: float, *, salt: str, tenant: str, unit: str, source: str) -> Assignment:
    """Returns hybrid when the unit's bucket lies under `percent` (0 to 100, three decimals) of all buckets.

    The bucket does not depend on `percent`: raising it moves units from classic to hybrid only, lowering it back only.
    `source` names where the percent comes from, and becomes the rule that decided.
    """
    bucket = bucket_of(salt, tenant, unit)
    variant = Variant.HYBRID if bucket < round(percent * 1000) else Variant.CLASSIC
    return Assignment(variant, bucket, source)
