"""What a load test found, as a table for people: in the terminal and as Markdown."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from tools.load.crowd import Crowd
from tools.load.neighbours import Neighbours
from tools.load.outcome import OK, Outcome
from tools.load.overload import Overload
from tools.load.pace import Pace
from tools.load.rpcs import Measured, NotLoaded
from tools.load.streams import StreamsMeasured

_RPC_COLUMNS = (
    "service",
    "RPC",
    "driver",
    "calls",
    "failed",
    "p50 ms",
    "p99 ms",
    "p50 / floor",
    "at most",
    "p99 / floor",
)
_STREAM_COLUMNS = (
    "service",
    "stream",
    "streams",
    "failed",
    "first chunk p50 ms",
    "p99 ms",
    "largest gap ms",
    "whole ms",
)

GOOD_AT_OVERLOAD = 0.9
"""Goodput at overload over that at capacity, from which nothing need be done."""

_ADVICE = "docs/LOAD.md tells what to look at."


def conditions_here() -> dict[str, str]:
    """Returns what the numbers depend on: this machine's cores and how busy they were."""
    return {
        "Cores": str(os.cpu_count()),
        "load average before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
    }


@dataclass(slots=True, kw_only=True)
class Report:
    """One run: what was asked, by what, and what came of each part; a part that was not run is empty."""

    target: str
    pace: Pace
    drivers: Sequence[str]
    rpcs: Sequence[Measured] = ()
    not_loaded: Sequence[NotLoaded] = ()
    streams: Sequence[StreamsMeasured] = ()
    overload: Overload | None = None
    neighbours: Neighbours | None = None
    crowd: Crowd | None = None
    conditions: Mapping[str, str] = field(default_factory=conditions_here)

    @property
    def shortfalls(self) -> list[str]:
        """What did not hold, one sentence each."""
        short = [_rpc_shortfall(each) for each in self.rpcs if not each.holds]
        short += [f"{each.call.name}: {each.failed} streams failed" for each in self.streams if each.failed]
        if self.crowd is not None and self.crowd.answered < self.crowd.conversations:
            short.append(f"{self.crowd.conversations - self.crowd.answered} conversations were not answered to the end")
        if self.neighbours is not None and self.neighbours.failed:
            short.append(f"{self.neighbours.failed} calls of the quiet company failed beside a loud one")
        return short

    def tables(self) -> list[Table]:
        """Returns the tables for the terminal."""
        return [_rich(title, columns, rows) for title, columns, rows in self._sections() if rows]

    def sentences(self) -> list[str]:
        """Returns what is one figure and not a table."""
        found: list[str] = []
        late = [each.outcome.late_seconds for each in self.rpcs if math.isfinite(each.outcome.late_seconds)]
        if late:
            found.append(
                f"Our own driver sent 99 of 100 calls at most {_ms(max(late))} ms late; their latency counts from when "
                "they were due."
            )
        if (load := self.overload) is not None:
            found.append(
                f"Overload: {load.capacity.goodput:.0f} calls of {load.call.name} a second at capacity; at "
                f"{load.factor:g} times that, {load.overloaded.goodput:.0f} a second were answered in time, "
                f"{load.goodput_ratio:.2f} of capacity. {_endings(load.overloaded)}."
                + ("" if load.goodput_ratio >= GOOD_AT_OVERLOAD else f" {_ADVICE}")
            )
        if (beside := self.neighbours) is not None:
            found.append(
                f"Neighbours: beside a company far above its limit ({beside.refused_share:.0%} of its calls refused) "
                f"another company's p50 was {beside.ratio(0.5):.2f} and its p99 {beside.ratio(0.99):.2f} times its own "
                f"alone; {beside.failed} of its calls failed."
            )
        if (crowd := self.crowd) is not None:
            troubles = ", ".join(f"{count} {name}" for name, count in crowd.troubles.items()) or "nothing went wrong"
            found.append(
                f"Crowd: {crowd.answered} of {crowd.conversations} conversations at once were answered to the end in "
                f"{crowd.seconds:.1f} s, a turn in {_ms(crowd.percentile(0.5))} ms p50 and "
                f"{_ms(crowd.percentile(0.99))} ms p99; {troubles}."
            )
        return found

    def markdown(self) -> str:
        """Returns the whole report as Markdown."""
        loop = "closed loop" if self.pace.is_closed else f"open loop, {self.pace.per_second:g} calls a second"
        parts = [
            "# Load test",
            f"Target: {self.target}. {loop.capitalize()}, {self.pace.seconds:g} s for each RPC, "
            f"{self.pace.connections} connections. Drivers: {'; '.join(self.drivers)}.",
            f"{', '.join(f'{name} {value}' for name, value in self.conditions.items())}.",
        ]
        for title, columns, rows in self._sections():
            if rows:
                head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
                parts.append("\n".join([f"## {title}\n", head, *(f"| {' | '.join(row)} |" for row in rows)]))
        parts += self.sentences()
        short = self.shortfalls
        parts.append("Everything held." if not short else "\n".join(["Fell short:", *(f"- {each}" for each in short)]))
        return "\n\n".join(parts) + "\n"

    def _sections(self) -> list[tuple[str, Sequence[str], list[Sequence[str]]]]:
        return [
            ("Each RPC against a health check of its service", _RPC_COLUMNS, [_rpc_row(each) for each in self.rpcs]),
            ("Streams", _STREAM_COLUMNS, [_stream_row(each) for each in self.streams]),
            (
                "Not loaded",
                ("service", "RPC", "why"),
                [(each.call.service, each.call.name, each.reason) for each in self.not_loaded],
            ),
        ]


def _rpc_row(each: Measured) -> Sequence[str]:
    outcome = each.outcome
    return (
        each.call.service,
        each.call.name,
        each.driver,
        str(outcome.calls),
        str(outcome.failed),
        _ms(outcome.percentile(0.5)),
        _ms(outcome.percentile(0.99)),
        f"{each.times_floor:.1f}",
        f"{each.call.most_times_floor:g}",
        f"{each.tail_times_floor:.1f}",
    )


def _stream_row(each: StreamsMeasured) -> Sequence[str]:
    return (
        each.call.service,
        each.call.name,
        f"{len(each.heard)}, {each.concurrency} at once",
        str(each.failed),
        _ms(each.first(0.5)),
        _ms(each.first(0.99)),
        _ms(each.gap(1.0)),
        _ms(each.whole(0.5)),
    )


def _rpc_shortfall(each: Measured) -> str:
    if each.outcome.failed:
        return f"{each.call.name}: {_endings(each.outcome)}"
    return f"{each.call.name}: p50 is {each.times_floor:.1f} times the floor, at most {each.call.most_times_floor:g}"


def _endings(outcome: Outcome) -> str:
    failed = [f"{count} {ending}" for ending, count in sorted(outcome.endings.items()) if ending != OK]
    return f"Of {outcome.calls} calls {', '.join(failed) if failed else 'none'} failed"


def _ms(seconds: float) -> str:
    return "—" if math.isnan(seconds) else f"{seconds * 1000:.1f}"


def _rich(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in columns:
        is_number = name not in ("service", "RPC", "stream", "driver", "why")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
