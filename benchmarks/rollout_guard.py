"""The guard's evidence on simulated traffic: false rollbacks without harm, and how soon real harm is found.

`python -m benchmarks.rollout_guard` prints the table beside the values it was designed for, each simulated now with a
fixed seed, and a test of proportions that is looked at again and again, for contrast.
"""

import asyncio
import math
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import Figure
from services.router.judging.evidence import HARM_GRID, log_factors

REQUESTS = 20_000
CALM_RUNS = 4_000
HARM_RUNS = 2_000
RISKS = (2.0, 3.0, 5.0)
SEED = 20_251
# A dashboard that tests its counts every 50 requests.
LOOK_EVERY = 50

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """A row of the table, with the values it was designed for: median requests by risk ratio, false alarms."""

    alpha: float
    share: float
    base_rate: float
    designed: tuple[int, int, int]
    designed_false: float


TABLE = (
    Setting(0.01, 0.10, 0.015, (7_970, 2_842, 1_052), 0.006),
    Setting(0.01, 0.10, 0.08, (1_688, 540, 177), 0.007),
    Setting(0.01, 0.50, 0.015, (3_714, 1_136, 438), 0.007),
    Setting(0.01, 0.50, 0.08, (701, 216, 82), 0.008),
    Setting(0.05, 0.10, 0.08, (1_150, 348, 122), 0.037),
)


@dataclass(frozen=True)
class Row:
    """What one setting came to: medians of the runs that found the harm, their shares, and false alarms."""

    medians: tuple[float, ...]
    found: tuple[float, ...]
    false_alarms: float


def events_of(
    generator: np.random.Generator, *, share: float, base_rate: float, risk: float
) -> tuple[NDArray[np.int64], Bools]:
    """Returns at which requests of one run something bad happened, from 1, and whether it was hybrid's."""
    draws = generator.random(REQUESTS)
    of_hybrid = share * base_rate * risk
    places = np.flatnonzero(draws < of_hybrid + (1 - share) * base_rate)
    return places + 1, draws[places] < of_hybrid


def e_values(is_hybrid: Bools, share: float) -> Floats:
    """Returns the evidence after each event: the module's own factors, summed up for all events at once."""
    hybrid = np.cumsum(is_hybrid)
    classic = np.arange(1, len(is_hybrid) + 1) - hybrid
    of_hybrid = np.array(log_factors(share, HARM_GRID, is_hybrid=True))
    of_classic = np.array(log_factors(share, HARM_GRID, is_hybrid=False))
    products = np.exp(np.minimum(hybrid[:, None] * of_hybrid + classic[:, None] * of_classic, 600.0))
    return products.mean(axis=1)


def first_alarm(generator: np.random.Generator, setting: Setting, risk: float) -> float:
    """Returns after how many requests one run rolls back; infinite when it never does."""
    places, is_hybrid = events_of(generator, share=setting.share, base_rate=setting.base_rate, risk=risk)
    over = np.flatnonzero(e_values(is_hybrid, setting.share) >= 1 / setting.alpha)
    return float(places[over[0]]) if len(over) else math.inf


def simulate(setting: Setting, generator: np.random.Generator) -> Row:
    """Returns one row of the table."""
    medians: list[float] = []
    found: list[float] = []
    for risk in RISKS:
        alarms = [first_alarm(generator, setting, risk) for _ in range(HARM_RUNS)]
        caught = [alarm for alarm in alarms if alarm < math.inf]
        medians.append(float(np.median(caught)))
        found.append(len(caught) / HARM_RUNS)
    false_alarms = sum(first_alarm(generator, setting, 1.0) < math.inf for _ in range(CALM_RUNS)) / CALM_RUNS
    return Row(tuple(medians), tuple(found), false_alarms)


def naive_false_alarms(generator: np.random.Generator, *, share: float, base_rate: float, alpha: float) -> float:
    """Returns the share of harmless runs in which a one-sided z-test of proportions, repeated, once cries harm."""
    limit = {0.05: 1.6449, 0.01: 2.3263}[alpha]
    runs, alarms = CALM_RUNS // 4, 0
    for _ in range(runs):
        on_hybrid = generator.random(REQUESTS) < share
        is_bad = generator.random(REQUESTS) < base_rate
        looks = slice(LOOK_EVERY - 1, None, LOOK_EVERY)
        n = np.cumsum(on_hybrid)[looks].astype(float)
        m = np.arange(LOOK_EVERY, REQUESTS + 1, LOOK_EVERY) - n
        a, b = np.cumsum(on_hybrid & is_bad)[looks], np.cumsum(~on_hybrid & is_bad)[looks]
        pooled = (a + b) / (n + m)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)))
        # Nobody tests before there are some errors.
        usable = (a + b >= 5) & (n > 0) & (m > 0)
        z = np.where(usable, (a / np.maximum(n, 1) - b / np.maximum(m, 1)) / np.maximum(spread, 1e-12), 0.0)
        alarms += bool((z > limit).any())
    return alarms / runs


def figures() -> list[Figure]:
    """Prints the table; returns its worst values."""
    generator = np.random.default_rng(SEED)
    began = time.perf_counter()
    rows = [(setting, simulate(setting, generator)) for setting in TABLE]
    print("median requests until rollback (share of runs found), simulated | designed for")
    for setting, row in rows:
        cells = "   ".join(
            f"RR {risk:g} {median:6.0f} ({found:4.0%}) | {designed:5}"
            for risk, median, found, designed in zip(RISKS, row.medians, row.found, setting.designed, strict=True)
        )
        print(
            f"alpha {setting.alpha:4.0%} share {setting.share:3.0%} base {setting.base_rate:5.1%}   {cells}   "
            f"false {row.false_alarms:.2%} | {setting.designed_false:.1%}"
        )
    naive = {alpha: naive_false_alarms(generator, share=0.5, base_rate=0.08, alpha=alpha) for alpha in (0.05, 0.01)}
    for alpha, share in naive.items():
        print(f"for contrast: a z-test at {alpha:.0%}, every {LOOK_EVERY} requests, cries harm in {share:.1%} of runs")
    seconds = time.perf_counter() - began
    print(f"{seconds:.0f} s; {CALM_RUNS} runs without harm, {HARM_RUNS} with, of {REQUESTS} requests each")

    def worst_false(alpha: float) -> float:
        return max(row.false_alarms for setting, row in rows if setting.alpha == alpha)

    def worst_ratio(place: int) -> float:
        return max(row.medians[place] / setting.designed[place] for setting, row in rows)

    return [
        Figure("rollout_false_rollbacks_alpha_1", worst_false(0.01), "share", ("<=", 0.01)),
        Figure("rollout_false_rollbacks_alpha_5", worst_false(0.05), "share", ("<=", 0.05)),
        *(
            Figure(f"rollout_detection_rr{risk:g}_over_design", worst_ratio(place), "ratio", ("<=", 1.15))
            for place, risk in enumerate(RISKS)
        ),
    ]


async def measure() -> list[Figure]:
    """As `figures`, off the event loop."""
    return await asyncio.to_thread(figures)


def main() -> int:
    """Prints table and figures; 1 when one falls short."""
    found = figures()
    for figure in found:
        print(figure)
    return 0 if all(figure.met for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
