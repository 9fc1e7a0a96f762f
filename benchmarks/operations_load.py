"""A stack under load: each RPC against its floor, streams, overload, a loud neighbour, and 200 conversations at once.

The same parts as `repartee load`, in short. Goals are ratios, which hold on any machine; docs/LOAD.md tells why these.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.figure import Figure
from tools.load.calls import CALLS, STREAMS, LoadedCall
from tools.load.command import DRIVERS
from tools.load.driver import Driver, choose, is_installed
from tools.load.ghz_driver import GhzDriver
from tools.load.overload import Overload, measure_overload
from tools.load.own_driver import OwnDriver
from tools.load.own_stack import own_stack, use_models
from tools.load.pace import Pace
from tools.load.playing import Part, Scene, play
from tools.load.report import Report
from tools.load.rpcs import measure_rpcs
from tools.load.streams import StreamsMeasured
from tools.load.target import Target

EXAMPLES = Path(__file__).parent.parent / "examples" / "tenants"
GENTLE = Pace(seconds=2.0, per_second=40)
PARTS = (Part.RPCS, Part.STREAMS, Part.NEIGHBOURS, Part.CROWD)
# Of what a machine can do and of what it does when it is asked for twice that, one round says little.
OVERLOAD_ROUNDS = 3
AGREEING_ROUNDS = 3


async def measure() -> list[Figure]:
    """Starts a stack as it is shipped, and returns the figures."""
    driver = choose("auto", DRIVERS)
    sender = driver if driver.name == "ghz" else OwnDriver()
    async with own_stack(EXAMPLES) as (stack, target):
        scene = Scene(target=target, driver=driver, pace=GENTLE, stack=stack)
        report = Report(target="an embedded stack", pace=GENTLE, drivers=[await driver.version()])
        await play(scene, PARTS, report, lambda step: print(f"  {step}", flush=True))
        await use_models(stack, enabled=True)
        whole = await OwnDriver().send(_unary(STREAMS[0]), target, Pace(seconds=20, calls=24))
        await use_models(stack, enabled=False)
        agreement = await _agreement(target)
        overloads = [await _overload(call, target, sender) for call in CALLS[:2]]
    _show(report, overloads)
    if report.neighbours is None or report.crowd is None:
        raise AssertionError("every part was played")
    hit = next(each for each in report.rpcs if each.call is CALLS[0])
    text = [each for each in report.streams if each.call is STREAMS[0]]
    audio = [each for each in report.streams if each.call.stream == "audio"]
    failed = sum(each.outcome.failed for each in report.rpcs) + sum(each.failed for each in report.streams)
    return [
        Figure("load_rpcs_measured", len(report.rpcs), "rpcs", ("==", len(CALLS))),
        Figure("load_failed_calls", failed + whole.failed, "calls", ("==", 0)),
        Figure("load_slowest_p50_over_health", max(each.times_floor for each in report.rpcs), "times", ("<=", 20)),
        Figure("load_chat_hit_p50_over_health", hit.times_floor, "times", ("<=", 7)),
        Figure("load_goodput_at_overload", overloads[0].goodput_ratio, "of-capacity", (">=", 0.9)),
        Figure("load_goodput_at_overload_of_engines", overloads[1].goodput_ratio, "of-capacity", (">=", 0.85)),
        Figure("load_neighbour_p50_ratio", report.neighbours.ratio(0.5), "times", ("<=", 1.5)),
        Figure("load_neighbour_p99_ratio", report.neighbours.ratio(0.99), "times", ("<=", 2)),
        Figure("load_neighbour_failed_calls", report.neighbours.failed, "calls", ("==", 0)),
        Figure(
            "load_stream_text_first_chunk_over_unary", text[0].first(0.5) / whole.percentile(0.5), "of", ("<=", 0.6)
        ),
        Figure("load_stream_audio_largest_gap", _worst_gap(audio) * 1000, "ms", ("<=", 400)),
        Figure("load_conversations_answered", report.crowd.answered, "conversations", ("==", 200)),
        *agreement,
    ]


def _unary(stream: LoadedCall) -> LoadedCall:
    """Returns the call that answers the stream's question at once."""
    return LoadedCall("router", "RouterService/Chat", stream.template["turn"], 0.0, case="with a model")


def _worst_gap(streams: Sequence[StreamsMeasured]) -> float:
    return max(each.gap(1.0) for each in streams)


async def _overload(call: LoadedCall, target: Target, driver: Driver) -> Overload:
    """Returns the median of several rounds."""
    print(f"  overload: {call.name}", flush=True)
    rounds = [await measure_overload(call, target, driver, seconds=3.0) for _ in range(OVERLOAD_ROUNDS)]
    return sorted(rounds, key=lambda each: each.goodput_ratio)[OVERLOAD_ROUNDS // 2]


async def _agreement(target: Target) -> list[Figure]:
    """How far two drivers are apart in what a call takes above its floor; nothing where ghz is not installed.

    Each driver adds a time of its own to every call, the floor's too.
    """
    if not is_installed("ghz"):
        print("ghz is not installed: nothing to compare our own driver with")
        return []
    drivers: Sequence[Driver] = (GhzDriver(), OwnDriver())
    above: dict[str, list[float]] = {each.name: [] for each in drivers}
    for _ in range(AGREEING_ROUNDS):
        for driver in drivers:
            (found,), _left = await measure_rpcs(target, driver, GENTLE, only=["RetrievePassages"])
            above[driver.name].append(found.outcome.percentile(0.5) - found.floor.percentile(0.5))
    by_ghz, by_own = (statistics.median(above[driver.name]) * 1000 for driver in drivers)
    print(f"RetrievePassages takes {by_ghz:.2f} ms above the floor by ghz, {by_own:.2f} by our own driver")
    return [Figure("load_drivers_apart", max(by_ghz / by_own, by_own / by_ghz), "times", ("<=", 1.5))]


def _show(report: Report, overloads: Sequence[Overload]) -> None:
    console = Console(width=140, highlight=False)
    for table in report.tables():
        console.print(table)
    for sentence in report.sentences():
        console.print(sentence)
    for each in overloads:
        console.print(
            f"At {each.factor:g} times the capacity, {each.call.name}: "
            f"{each.goodput_ratio:.2f} of a capacity of {each.capacity.goodput:.0f} a second."
        )
