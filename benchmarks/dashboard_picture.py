"""A dashboard as a picture: its panels where they stand, drawn from what their queries gave."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

from benchmarks.plot_scale import Scale, shown_value
from benchmarks.prometheus_server import Series

Answers = Sequence[Sequence[Series] | None]
Point = tuple[float, float]

_COLUMN, _LINE, _GAP, _HEAD = 60, 31, 8, 52
_LEGEND_LINES, _LEGEND_HEIGHT = 6, 15
_MIB = float(1 << 20)
_AXIS, _TITLE, _FOOT = 58, 30, 18
_TICK_SECONDS = 15
# Two samples missing.
_BROKEN_SECONDS = 2.5
_PALETTE = (
    "#73bf69",
    "#f2cc0c",
    "#5794f2",
    "#ff9830",
    "#f2495c",
    "#b877d9",
    "#8ab8ff",
    "#ffa6b0",
    "#96d98d",
    "#ffcb7d",
)
_LABEL = re.compile(r"\{\{(\w+)\}\}")
_NAMED = {"blue": "#5794f2", "orange": "#ff9830", "green": "#73bf69", "yellow": "#f2cc0c", "red": "#f2495c"}
_STYLE = (
    "text{font-family:Inter,Helvetica,Arial,sans-serif;fill:#ccccdc;font-size:11px}.t{font-size:14px;font-weight:500}"
    ".h{font-size:22px}.m{fill:#8e8e9c}.v{font-weight:600}.r{text-anchor:end}.c{text-anchor:middle}"
)


def picture_of(title: str, panels: Sequence[tuple[Mapping[str, Any], Answers]], began: float, end: float) -> str:
    """Returns an SVG of `panels`, each with the answers to its queries from `began` to `end`, seconds since 1970."""
    height = _HEAD + max(spec["gridPos"]["y"] + spec["gridPos"]["h"] for spec, _ in panels) * _LINE + _GAP
    width = 24 * _COLUMN + 2 * _GAP
    caption = f"{end - began:.0f} s of a stack under load, a sample a second"
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#111217"/>',
        f'<text class="h" x="{2 * _GAP}" y="34">{escape(title)}</text>',
        f'<text class="m r" x="{width - 2 * _GAP}" y="34">{caption}</text>',
    ]
    for spec, answers in panels:
        at = spec["gridPos"]
        x, y = at["x"] * _COLUMN + _GAP, at["y"] * _LINE + _HEAD
        wide, high = at["w"] * _COLUMN - _GAP, at["h"] * _LINE - _GAP
        drawn.append(f'<g transform="translate({x},{y})"><rect width="{wide}" height="{high}" rx="3" fill="#181b1f"/>')
        drawn.append(f'<text class="t" x="12" y="20">{escape(spec["title"])}</text>')
        draw = _stat if spec["type"] == "stat" else _curves
        drawn += draw(spec, answers, (began, end), wide, high)
        drawn.append("</g>")
    return "\n".join([*drawn, "</svg>\n"])


def _stat(spec: Mapping[str, Any], answers: Answers, span: Point, wide: int, high: int) -> list[str]:
    """One number, the last there was, above the course that it took."""
    samples = [each for series in answers[0] or () for each in series.samples if math.isfinite(each[1])]
    if not samples:
        return [f'<text class="m c" x="{wide / 2:.0f}" y="{high / 2 + 8:.0f}">no data</text>']
    defaults, value = spec["fieldConfig"]["defaults"], samples[-1][1]
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    color = _NAMED[steps[-1]["color"]]
    y = Scale.of([each for _, each in samples], bottom=high - 6, top=high - 34)
    path = _line(samples, Scale(*span, bottom=0, top=wide), y)
    text = shown_value(value, defaults["unit"], decimals=defaults.get("decimals"))
    return [
        f'<path d="{path}" fill="none" stroke="{color}" stroke-opacity=".55"/>',
        f'<text class="v c" x="{wide / 2:.0f}" y="{high / 2 + 14:.0f}" style="font-size:30px;fill:{color}">'
        f"{escape(text)}</text>",
    ]


def _curves(spec: Mapping[str, Any], answers: Answers, span: Point, wide: int, high: int) -> list[str]:
    """Curves over time with axes, and a legend of the largest with their mean and maximum."""
    defaults = spec["fieldConfig"]["defaults"]
    custom, unit = defaults["custom"], defaults["unit"]
    curves = sorted(_curves_of(spec, answers), key=lambda curve: -max(value for _, value in curve[1]))
    listed = curves if len(curves) <= _LEGEND_LINES else curves[: _LEGEND_LINES - 1]
    bottom = high - _FOOT - 4 - _LEGEND_HEIGHT * min(len(curves), _LEGEND_LINES)
    if not curves:
        return [f'<text class="m c" x="{wide / 2:.0f}" y="{high / 2:.0f}">no data</text>']
    colors = [_color(spec, name, number) for number, (name, _) in enumerate(curves)]
    layers = _stacked([samples for _, samples in curves]) if "stacking" in custom else [each for _, each in curves]
    values = [value for samples in layers for _, value in samples]
    is_log = "scaleDistribution" in custom
    y = Scale.of(values, bottom=bottom - _FOOT, top=_TITLE + 6, is_log=is_log, maximum=defaults.get("max"))

    x = Scale(*span, bottom=_AXIS, top=wide - 12)
    drawn = [
        f'<path d="M{_AXIS} {y(tick):.0f}H{wide - 12}" stroke="#2c3038"/>'
        f'<text class="m r" x="{_AXIS - 6}" y="{y(tick) + 4:.0f}">{escape(shown_value(tick, unit))}</text>'
        for tick in y.ticks(base=_MIB if unit == "bytes" else 1.0)
    ]
    drawn += [
        f'<text class="m c" x="{x(span[0] + seconds):.0f}" y="{bottom - 2:.0f}">{seconds} s</text>'
        for seconds in range(0, int(span[1] - span[0]), _TICK_SECONDS)
    ]
    for number in reversed(range(len(layers))):
        path, color = _line(layers[number], x, y), colors[number]
        if "stacking" in custom or custom["drawStyle"] == "bars":
            ends = layers[number][-1][0], layers[number][0][0]
            path += f"L{x(ends[0]):.1f} {y.bottom}L{x(ends[1]):.1f} {y.bottom}Z"
            drawn.append(f'<path d="{path}" fill="{color}" fill-opacity=".92" stroke="{color}"/>')
        else:
            dashes = ' stroke-dasharray="6 4"' if curves[number][0].startswith("limit of") else ""
            drawn.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.3"{dashes}/>')
    return drawn + _legend(listed, colors, len(curves) - len(listed), unit, bottom + 14, wide)


def _legend(
    listed: Sequence[tuple[str, Sequence[Point]]], colors: Sequence[str], left_out: int, unit: str, y: float, wide: int
) -> list[str]:
    drawn: list[str] = []
    for number, (name, samples) in enumerate(listed):
        values = [value for _, value in samples]
        at = y + number * _LEGEND_HEIGHT
        mean, most = (shown_value(each, unit) for each in (sum(values) / len(values), max(values)))
        drawn.append(
            f'<rect x="12" y="{at - 6:.0f}" width="12" height="3" fill="{colors[number]}"/>'
            f'<text x="30" y="{at:.0f}">{escape(name)}</text>'
            f'<text class="m r" x="{wide - 92}" y="{at:.0f}">mean {escape(mean)}</text>'
            f'<text class="m r" x="{wide - 10}" y="{at:.0f}">max {escape(most)}</text>'
        )
    if left_out:
        drawn.append(f'<text class="m" x="30" y="{y + len(listed) * _LEGEND_HEIGHT:.0f}">and {left_out} more</text>')
    return drawn


def _curves_of(spec: Mapping[str, Any], answers: Answers) -> list[tuple[str, list[Point]]]:
    curves: list[tuple[str, list[Point]]] = []
    for target, answer in zip(spec["targets"], answers, strict=True):
        for series in answer or ():
            name = _LABEL.sub(partial(_label, series.labels), target["legendFormat"])
            samples = [(at, value) for at, value in series.samples if math.isfinite(value)]
            if samples:
                curves.append((" ".join(name.split()), samples))
    return curves


def _label(labels: Mapping[str, str], found: re.Match[str]) -> str:
    return labels.get(found[1], "")


def _stacked(curves: Sequence[Sequence[Point]]) -> list[list[Point]]:
    """Returns each curve on top of those before it; where one has no value, nothing is added."""
    times = sorted({at for samples in curves for at, _ in samples})
    below = dict.fromkeys(times, 0.0)
    layers: list[list[Point]] = []
    for samples in curves:
        for at, value in samples:
            below[at] += value
        layers.append([(at, below[at]) for at in times])
    return layers


def _color(spec: Mapping[str, Any], name: str, number: int) -> str:
    for override in spec["fieldConfig"]["overrides"]:
        if re.fullmatch(override["matcher"]["options"], name):
            return _NAMED[override["properties"][0]["value"]["fixedColor"]]
    return _PALETTE[number % len(_PALETTE)]


def _line(samples: Sequence[Point], x: Scale, y: Scale) -> str:
    """Returns a path; it is broken where samples are missing."""
    path, before = "", -math.inf
    for at, value in samples:
        path += f"{'L' if at - before < _BROKEN_SECONDS else 'M'}{x(at):.1f} {y(value):.1f}"
        before = at
    return path
