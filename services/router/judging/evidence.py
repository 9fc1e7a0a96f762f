"""How strongly bad events speak for harm, or for an improvement: an e-process that may be looked at any time.

Each bad event (an error, a slow turn…) came from hybrid with probability p, the share in force when it happened, if
hybrid is no worse. For a risk ratio r it came from hybrid with probability q = p·r / (p·r + 1 − p). The product over
all events of q / q₀ for hybrid's and (1 − q) / (1 − q₀) for classic's, where q₀ belongs to the risk ratio that is
tolerated, is a martingale of mean 1 when nothing is wrong, and so is the mean over a grid of r. By Ville's inequality
it reaches 1/α with probability α at most, however often one looks, whatever the base rate does over the day, and
however the share moves. Everything is kept as logarithms, which add: replicas may add theirs in any order.
"""

import math
from collections.abc import Iterable, Sequence

# Risk ratios tried for harm. The lowest says what is mostly left alone: 1.2 times as many errors rarely rolls back.
HARM_GRID = (1.5, 2.0, 3.0, 5.0, 10.0)
# Risk ratios tried for an improvement.
BETTER_GRID = (0.1, 0.2, 0.33, 0.5, 0.67)
# e-values are cut here, to remain numbers that JSON and audits can hold.
LARGEST = 1e300
_LOG_LARGEST = math.log(LARGEST)


def log_factors(share: float, grid: Sequence[float], *, is_hybrid: bool, tolerated: float = 1.0) -> tuple[float, ...]:
    """Returns, for each risk ratio of `grid`, the logarithm of what one bad event multiplies its product by.

    `share` is hybrid's part of the traffic, 0 to 1, when the event's turn was dealt; `tolerated` is the risk ratio that
    counts as no harm, over 0. At 0 and at 1 nothing was dealt, and the event says nothing.
    """
    if not 0.0 < share < 1.0:
        return (0.0,) * len(grid)
    odds = share / (1.0 - share)
    # q/q0 = r(1 + odds·r0) / r0(1 + odds·r), and (1-q)/(1-q0) is the same without r/r0.
    base = math.log1p(odds * tolerated)
    if is_hybrid:
        return tuple(math.log(ratio / tolerated) + base - math.log1p(odds * ratio) for ratio in grid)
    return tuple(base - math.log1p(odds * ratio) for ratio in grid)


def e_value(log_products: Iterable[float]) -> float:
    """Returns the mean of the products whose logarithms these are: 1 at the start, at most `LARGEST`."""
    logs = tuple(log_products)
    highest = max(logs)
    log_mean = highest + math.log(math.fsum(math.exp(each - highest) for each in logs) / len(logs))
    return LARGEST if log_mean >= _LOG_LARGEST else math.exp(log_mean)


def log_products_of_counts(
    grid: Sequence[float], *, share: float, old_events: int, hybrid_events: int, tolerated: float = 1.0
) -> tuple[float, ...]:
    """Returns the logarithms of the products after so many events at one share: the order of events plays no part."""
    old = log_factors(share, grid, is_hybrid=False, tolerated=tolerated)
    hybrid = log_factors(share, grid, is_hybrid=True, tolerated=tolerated)
    return tuple(old_events * o + hybrid_events * h for o, h in zip(old, hybrid, strict=True))
