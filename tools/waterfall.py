"""One trace as bars in the terminal: which service did what, when, for how long, and what failed or was left."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from libs.common.attributes import Names

_BAR_CELLS = 30
_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")


@dataclass(frozen=True, slots=True)
class Span:
    """A span as the file exporter writes it; times in nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    start_ns: int
    end_ns: int
    is_error: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def mark(self) -> str:
        """What is worth a word beside the name: why it failed, or that whoever asked has left or spoken over it."""
        if self.is_error:
            return f"✗ {self.attributes.get(Names.ERROR_TYPE, '')}".rstrip()
        if self.attributes.get(Names.INTERRUPTED):
            return "✂ spoken over"
        if self.attributes.get(Names.CANCELLED):
            return "✂ left"
        return ""


def read_spans(folder: Path, trace_id: str) -> list[Span]:
    """Returns the spans of one trace from every `*.jsonl` of `folder`; a half-written last line is passed over."""
    spans: list[Span] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if trace_id not in line:
                continue
            try:
                row: dict[str, Any] = json.loads(line)
            except json.JSONDecodeError:
                continue
            if row["trace_id"] == trace_id:
                spans.append(
                    Span(
                        trace_id,
                        row["span_id"],
                        row.get("parent_id") or "",
                        row["service"],
                        row["name"],
                        row["start_ns"],
                        row["end_ns"],
                        row.get("status") == "ERROR",
                        row.get("attributes") or {},
                    )
                )
    return spans


def in_tree_order(spans: Iterable[Span]) -> list[tuple[int, Span]]:
    """Returns the spans with their depth, parents before children, siblings by start."""
    spans = list(spans)
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    ordered: list[tuple[int, Span]] = []

    def visit(parent: str, depth: int) -> None:
        for span in children.get(parent, []):
            ordered.append((depth, span))
            visit(span.span_id, depth + 1)

    visit("", 0)
    return ordered


def short_name(name: str) -> str:
    """Returns `LookupAnswer` for `repartee.v1.CacheService/LookupAnswer`, and a stage's name as it is."""
    return name.rpartition("/")[2]


def waterfall(spans: Sequence[Span]) -> Table:
    """Returns the picture of a trace. Bars share one scale, from the first start to the last end."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("service", no_wrap=True)
    table.add_column("step", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    if not spans:
        return table
    begin = min(span.start_ns for span in spans)
    length = max(span.end_ns for span in spans) - begin or 1
    services = list(dict.fromkeys(span.service for _, span in in_tree_order(spans)))
    for depth, span in in_tree_order(spans):
        colour = _COLOURS[services.index(span.service) % len(_COLOURS)]
        left = round((span.start_ns - begin) / length * _BAR_CELLS)
        cells = max(1, round((span.end_ns - span.start_ns) / length * _BAR_CELLS))
        left = min(left, _BAR_CELLS - 1)
        table.add_row(
            Text(span.service, style=colour),
            Text.assemble(" " * depth + short_name(span.name), (f" {span.mark}" if span.mark else "", "red")),
            f"{(span.end_ns - span.start_ns) / 1e6:.2f}",
            Text(" " * left + "━" * min(cells, _BAR_CELLS - left), style=colour),
        )
    return table
