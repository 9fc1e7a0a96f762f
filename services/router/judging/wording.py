"""Rates and gains as operators read them."""

UNKNOWN = "n/a"


def error_rate(*, errors: int, count: int) -> str:
    """Returns such as `8.0%`, or `n/a` without turns."""
    return f"{100 * errors / count:.1f}%" if count else UNKNOWN


def time_improvement(*, old_seconds: float, hybrid_seconds: float, is_known: bool = True) -> str:
    """Returns such as `+65.2%`: how much less time hybrid takes; `n/a` when there is nothing to compare."""
    if not is_known or old_seconds <= 0:
        return UNKNOWN
    text = f"{100 * (old_seconds - hybrid_seconds) / old_seconds:+.1f}%"
    return "+0.0%" if text == "-0.0%" else text
