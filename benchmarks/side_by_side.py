"""Kinds of call that take turns in one run, so that a neighbour's load on the machine weighs on all of them."""

import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

Call = Callable[[], Awaitable[object]]

_WARM_UP_ROUNDS, _WARM_UP_CALLS = 5, 5


async def side_by_side(calls: Mapping[str, Call], *, rounds: int, calls_each: int) -> dict[str, list[float]]:
    """Returns the median seconds of each kind of call in each round.

    A round makes `calls_each` calls of one kind, then of the next, in shuffled order: a call that alternated with
    another kind would also pay for waking other processes.
    """
    medians: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for number in range(_WARM_UP_ROUNDS + rounds):
        random.shuffle(order)
        for name in order:
            times = [await _timed(calls[name]) for _ in range(_WARM_UP_CALLS + calls_each)][_WARM_UP_CALLS:]
            if number >= _WARM_UP_ROUNDS:
                medians[name].append(statistics.median(times))
    return medians


def paired_ratio(medians: Mapping[str, Sequence[float]], ours: str, floor: str) -> float:
    """Returns the median over all rounds of one kind's median over the other's of the same round."""
    return statistics.median(above / below for above, below in zip(medians[ours], medians[floor], strict=True))


async def _timed(call: Call) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began
