"""Two figures beside the evidence: whether traffic was dealt as it should be, and how much worse hybrid may be."""

import math

# One-sided 95 % of the normal distribution.
_Z_95 = 1.6448536269514722


def sample_ratio_p(*, hybrid: int, expected: float, variance: float) -> float:
    """Returns the p-value of the chi-square test (1 degree of freedom) that conversations were dealt by the share.

    `expected` is the sum of the shares at which conversations were dealt, `variance` the sum of share·(1 − share),
    so that the share may move. 1 when none was dealt.
    """
    if variance <= 0.0:
        return 1.0
    return math.erfc(math.sqrt((hybrid - expected) ** 2 / variance / 2.0))


def risk_ratio_upper(*, old_events: int, old_count: int, hybrid_events: int, hybrid_count: int) -> float:
    """Returns the upper 95 % bound (one-sided) of hybrid's rate over classic's; infinite when a system has no turns.

    Katz's interval of the logarithm, with half an event added to each side for counts of 0 (Walter 1975).
    """
    if not old_count or not hybrid_count:
        return math.inf
    a, b = hybrid_events + 0.5, old_events + 0.5
    n, m = hybrid_count + 0.5, old_count + 0.5
    error = math.sqrt(max(0.0, 1 / a - 1 / n + 1 / b - 1 / m))
    return a / n / (b / m) * math.exp(_Z_95 * error)
