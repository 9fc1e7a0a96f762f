"""A load test as one picture: each RPC's p50 to p99 on a logarithmic scale, and when the chunks of streams came."""

import math
from collections.abc import Sequence
from html import escape

from tools.load.rpcs import Measured
from tools.load.streams import Heard, StreamsMeasured

_WIDTH, _LEFT, _RIGHT, _MARGIN = 960, 250, 110, 24
_ROW, _STREAM_ROW, _HEAD, _GAP = 24, 9, 96, 64
_SHOWN_STREAMS = 6
_INK, _QUIET, _LINE = "#1f2933", "#52606d", "#d9e0e6"
_BAR, _MEDIAN, _FLOOR, _SHORT = "#9dbfd9", "#1b4f72", "#b0553a", "#c0392b"
_SERVICE_COLOURS = {"text": "#2e7d4f", "audio": "#7a4fa3"}
_STYLE = (
    f"text{{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:{_INK}}}"
    f".title{{font-size:17px;font-weight:600}}.small{{font-size:11.5px;fill:{_QUIET}}}"
    f".group{{font-size:12px;font-weight:600;fill:{_QUIET}}}.line{{stroke:{_LINE};stroke-width:1}}"
)


def picture(rpcs: Sequence[Measured], streams: Sequence[StreamsMeasured], *, caption: str) -> str:
    """Returns an SVG document that needs nothing else. A part without rows is left out."""
    parts: list[str] = []
    bottom = float(_MARGIN)
    if rpcs:
        drawn, bottom = _latencies(rpcs, bottom)
        parts += drawn
    if streams:
        drawn, bottom = _timelines(streams, bottom)
        parts += drawn
    height = bottom + 30
    parts.append(f'<text class="small" x="{_MARGIN}" y="{bottom + 12:.0f}">{escape(caption)}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="Load test">'
    )
    ground = f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", ground, *parts, "</svg>"]) + "\n"


class _LogScale:
    """Milliseconds to places, from a power of ten at or below the least to one of 1, 2 or 5 at or above the most."""

    def __init__(self, least: float, most: float) -> None:
        self.low = 10.0 ** math.floor(math.log10(least))
        if self.low * 5 <= least:
            self.low *= 5
        elif self.low * 2 <= least:
            self.low *= 2
        self.high = most * 1.1

    def at(self, ms: float) -> float:
        share = math.log(ms / self.low) / math.log(self.high / self.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def ticks(self) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = (digit * 10.0**power for power in powers for digit in (1, 2, 5))
        return [value for value in values if self.low <= value <= self.high]


def _latencies(rpcs: Sequence[Measured], top: float) -> tuple[list[str], float]:
    """Draws a bar for each RPC, by service, with the service's floor as a line through its bars."""
    values = [_ms(each.outcome.percentile(share)) for each in rpcs for share in (0.5, 0.99)]
    values += [_ms(each.floor.percentile(0.5)) for each in rpcs]
    scale = _LogScale(min(values), max(values))
    services = list(dict.fromkeys(each.call.service for each in rpcs))
    parts = [
        f'<text class="title" x="{_MARGIN}" y="{top + 16:.0f}">How long each RPC takes</text>',
        f'<text class="small" x="{_MARGIN}" y="{top + 38:.0f}">milliseconds, logarithmic; right: p50 as a multiple of '
        f"the floor</text>",
        *_latency_legend(top + 38),
    ]
    first = y = top + _HEAD - 22
    rows: list[str] = []
    for service in services:
        rows.append(f'<text class="group" x="{_MARGIN}" y="{y + 13:.1f}">{escape(service)}</text>')
        y += 20
        of_service = sorted(
            (each for each in rpcs if each.call.service == service), key=lambda each: each.outcome.percentile(0.5)
        )
        floor = scale.at(_ms(of_service[0].floor.percentile(0.5)))
        rows.append(
            f'<line x1="{floor:.1f}" y1="{y:.1f}" x2="{floor:.1f}" y2="{y + _ROW * len(of_service):.1f}" '
            f'stroke="{_FLOOR}" stroke-width="1.5" stroke-dasharray="4 3"/>'
        )
        for each in of_service:
            rows += _latency_row(each, scale, y)
            y += _ROW
        y += 8
    for tick in scale.ticks():
        x = scale.at(tick)
        parts.append(f'<line class="line" x1="{x:.1f}" y1="{first:.1f}" x2="{x:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{tick:g}</text>')
    return [*parts, *rows], y + _GAP


def _latency_legend(y: float) -> list[str]:
    x = 520
    return [
        f'<rect x="{x}" y="{y - 9:.0f}" width="46" height="10" rx="3" fill="{_BAR}"/>',
        f'<circle cx="{x}" cy="{y - 4:.0f}" r="5" fill="{_MEDIAN}"/>',
        f'<text class="small" x="{x + 54}" y="{y:.0f}">p50 to p99</text>',
        f'<line x1="{x + 150}" y1="{y - 12:.0f}" x2="{x + 150}" y2="{y + 3:.0f}" stroke="{_FLOOR}" stroke-width="1.5" '
        f'stroke-dasharray="4 3"/>',
        f'<text class="small" x="{x + 158}" y="{y:.0f}">floor: p50 of a health check</text>',
    ]


def _latency_row(each: Measured, scale: _LogScale, y: float) -> list[str]:
    median, tail = _ms(each.outcome.percentile(0.5)), _ms(each.outcome.percentile(0.99))
    left, right, middle = scale.at(median), scale.at(tail), y + _ROW / 2
    colour = _MEDIAN if each.holds else _SHORT
    told = f"{each.call.name}: p50 {median:.2f} ms, p99 {tail:.2f} ms, {each.outcome.calls} calls"
    return [
        f'<text x="{_LEFT - 12}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(each.call.name)}</text>',
        f'<rect x="{left:.1f}" y="{middle - 5:.1f}" width="{max(1.0, right - left):.1f}" height="10" rx="3" '
        f'fill="{_BAR}"><title>{escape(told)}</title></rect>',
        f'<circle cx="{left:.1f}" cy="{middle:.1f}" r="5" fill="{colour}"/>',
        f'<text class="small" x="{_WIDTH - _MARGIN}" y="{middle + 4:.1f}" text-anchor="end" style="fill:{colour}">'
        f"{each.times_floor:.1f} ×</text>",
    ]


def _timelines(streams: Sequence[StreamsMeasured], top: float) -> tuple[list[str], float]:
    """Draws a few streams of each RPC: silence until the first chunk, then a tick for each, or the sound itself."""
    shown = [(each, _middle(each)) for each in streams]
    longest = max((heard.ended for _, some in shown for heard in some), default=1.0) or 1.0
    parts = [
        f'<text class="title" x="{_MARGIN}" y="{top + 16:.0f}">When the chunks of streams come</text>',
        f'<text class="small" x="{_MARGIN}" y="{top + 38:.0f}">seconds after the call; grey until the first chunk, '
        f"then a mark for each chunk; {_SHOWN_STREAMS} streams of each, around the median</text>",
    ]
    first = y = top + 56
    rows: list[str] = []
    for each, some in shown:
        colour = _SERVICE_COLOURS[each.call.stream]
        rows.append(f'<text x="{_LEFT - 12}" y="{y + 18:.1f}" text-anchor="end">{escape(each.call.name)}</text>')
        kind = "silence" if each.call.stream == "audio" else "gap"
        rows.append(
            f'<text class="small" x="{_LEFT - 12}" y="{y + 35:.1f}" text-anchor="end">first '
            f"{_ms(each.first(0.5)):.0f} ms, longest {kind} {_ms(each.gap(1.0)):.0f} ms</text>"
        )
        for heard in some:
            rows += _stream_row(heard, y, longest, colour)
            y += _STREAM_ROW
        y += max(0, 48 - _STREAM_ROW * len(some)) + 12
    step = next(size for size in (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60) if longest / size <= 10)
    for number in range(math.floor(longest / step) + 1):
        x = _time_at(number * step, longest)
        parts.append(f'<line class="line" x1="{x:.1f}" y1="{first:.1f}" x2="{x:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="small" x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{number * step:g} s</text>'
        )
    return [*parts, *rows], y + 44


def _stream_row(heard: Heard, y: float, longest: float, colour: str) -> list[str]:
    begin, first, end = (_time_at(at, longest) for at in (0.0, heard.first, heard.ended))
    parts = [
        f'<rect x="{begin:.1f}" y="{y + 3:.1f}" width="{first - begin:.1f}" height="3" fill="#c3ccd5"/>',
        f'<rect x="{first:.1f}" y="{y + 3:.1f}" width="{max(1.0, end - first):.1f}" height="3" fill="{colour}" '
        f'opacity="0.28"/>',
    ]
    for chunk in heard.chunks:
        x = _time_at(chunk.at, longest)
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="2" height="8" fill="{colour}"/>')
    return parts


def _middle(each: StreamsMeasured) -> list[Heard]:
    good = sorted((heard for heard in each.heard if not heard.failure), key=lambda heard: heard.first)
    skipped = max(0, (len(good) - _SHOWN_STREAMS) // 2)
    return good[skipped : skipped + _SHOWN_STREAMS]


def _time_at(seconds: float, longest: float) -> float:
    return _LEFT + seconds / longest * (_WIDTH - _LEFT - _RIGHT)


def _ms(seconds: float) -> float:
    return seconds * 1000
