"""Durations in buckets that grow by a tenth each: counters that add up over replicas, and quantiles to within 5 %."""

import math
from collections.abc import Mapping

GROWTH = 1.1
SHORTEST_SECONDS = 0.001
# The last bucket holds everything longer than ten minutes.
LAST_BUCKET = 140
_LOG_GROWTH = math.log(GROWTH)


def bucket_of(seconds: float) -> int:
    """Returns the bucket of a duration: 0 up to 1 ms, then one for each further tenth, 140 for all over 10 minutes."""
    if seconds <= SHORTEST_SECONDS:
        return 0
    return min(LAST_BUCKET, math.ceil(math.log(seconds / SHORTEST_SECONDS) / _LOG_GROWTH))


def upper_edge(bucket: int) -> float:
    """Returns the longest duration of a bucket, in seconds."""
    return SHORTEST_SECONDS * GROWTH**bucket


def quantile(counts: Mapping[int, int], share: float) -> float:
    """Returns the duration in seconds that `share` (0 to 1) of all are not longer than; 0 when there are none.

    It is the geometric middle of the bucket in which that duration lies: at most 4.9 % off between 1 ms and 10 minutes.
    """
    bucket = _quantile_bucket(counts, share)
    return 0.0 if bucket is None else upper_edge(bucket) / math.sqrt(GROWTH)


def quantile_ceiling(counts: Mapping[int, int], share: float) -> float:
    """As `quantile`, but the upper edge of the bucket: never below the true quantile. 0 when there are none."""
    bucket = _quantile_bucket(counts, share)
    return 0.0 if bucket is None else upper_edge(bucket)


def _quantile_bucket(counts: Mapping[int, int], share: float) -> int | None:
    rank = max(1, math.ceil(share * sum(counts.values())))
    below = 0
    for bucket in sorted(counts):
        below += counts[bucket]
        if below >= rank:
            return bucket
    return None
