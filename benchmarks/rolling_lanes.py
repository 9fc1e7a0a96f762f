"""What each replica served and when, from its spans; and the picture of it: a lane for each replica."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.rolling_fleet import Replica

_SERVED = {
    "router": "RouterService",
    "hybrid-engine": "EngineService",
    "classic-engine": "EngineService",
    "cache": "CacheService",
    "rag": "RagService",
    "voice": "VoiceService",
}
_WIDTH, _LEFT, _RIGHT, _TOP, _LANE, _GAP = 1080, 150, 76, 92, 20, 10
_COLOURS = {"starting": "#e3e6ea", "serving": "#d7ecdf", "leaving": "#f6e2b8", "calls": "#2e7d4f", "failed": "#c0392b"}
_LEGEND = (
    ("starting", "starts"),
    ("serving", "serves"),
    ("calls", "calls begun, a column a second"),
    ("leaving", "NOT_SERVING, ends what it has begun"),
    ("failed", "kill -9, and calls that clients saw fail"),
)
_STYLE = (
    "text{font:12.5px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2933}"
    ".title{font-size:17px;font-weight:600}.small{font-size:11.5px;fill:#52606d}.axis{stroke:#e3e6ea;stroke-width:1}"
)


@dataclass(frozen=True, slots=True)
class Lane:
    """A replica, and when the calls began that it served; in seconds since 1970."""

    replica: Replica
    begun: Sequence[float]

    @property
    def first_call_seconds(self) -> float:
        """How long it was ready before its first call; infinite without one."""
        return min(self.begun, default=float("inf")) - self.replica.ready_at


def lane_of(replica: Replica) -> Lane:
    """Reads the spans of a replica; a line that a killed process left unfinished is passed over."""
    served, begun = f"repartee.v1.{_SERVED[replica.service]}/", list[float]()
    for line in replica.spans.read_text(encoding="utf-8").splitlines() if replica.spans.exists() else []:
        if served in line:
            try:
                span = json.loads(line)
            except json.JSONDecodeError:
                continue
            if span["name"].startswith(served):
                begun.append(span["start_ns"] / 1e9)
    return Lane(replica, sorted(begun))


def picture(
    title: str, lanes: Iterable[Lane], failures: Mapping[str, Sequence[float]], moments: Mapping[str, float]
) -> str:
    """Returns the lanes as an SVG document that needs nothing else.

    Below them is a line for each of `failures`, by who saw them; `moments` are marked across. Times in seconds since
    1970.
    """
    ordered = sorted(lanes, key=lambda lane: (list(_SERVED).index(lane.replica.service), lane.replica.started_at))
    shown = [lane for lane in ordered if lane.begun]
    begins = min(*(lane.begun[0] for lane in shown), *moments.values())
    ends = max(lane.begun[-1] for lane in shown) + 1
    scale = _Scale(begins, ends)
    services = len({lane.replica.service for lane in ordered})
    height = _TOP + len(ordered) * (_LANE + 3) + services * _GAP + len(failures) * 18 + 64
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text class="title" x="24" y="32">{escape(title)}</text>',
        *_legend(),
        *_axis(scale, height),
        *(_moment(scale.x(at), words) for words, at in moments.items()),
    ]
    y, busiest, before = float(_TOP), _busiest(ordered), ""
    for lane in ordered:
        y += _GAP if before and lane.replica.service != before else 0
        before = lane.replica.service
        parts += _lane(lane, y, scale, busiest[before])
        y += _LANE + 3
    parts.append(f'<text class="small" x="24" y="{y + 20:.0f}">calls that failed, by whose client:</text>')
    for name, times in failures.items():
        y += 18
        parts.append(f'<text x="24" y="{y + 20:.0f}">{escape(name)}</text>')
        parts += [
            f'<rect x="{scale.x(at):.1f}" y="{y + 8:.0f}" width="2" height="14" fill="{_COLOURS["failed"]}"/>'
            for at in times
        ]
        parts.append(f'<text class="small" x="{_WIDTH - _RIGHT + 8}" y="{y + 20:.0f}">{len(times)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Scale:
    begins: float
    ends: float

    def x(self, at: float) -> float:
        share = (min(max(at, self.begins), self.ends) - self.begins) / (self.ends - self.begins)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _busiest(lanes: Sequence[Lane]) -> dict[str, int]:
    """Returns the most calls that a replica of each service began in a second: its columns are as high as that."""
    found: dict[str, int] = {}
    for lane in lanes:
        most = max(Counter(map(int, lane.begun)).values(), default=1)
        found[lane.replica.service] = max(most, found.get(lane.replica.service, 1))
    return found


def _legend() -> list[str]:
    parts, x = list[str](), 24.0
    for kind, words in _LEGEND:
        parts.append(f'<rect x="{x:.0f}" y="48" width="12" height="12" rx="2" fill="{_COLOURS[kind]}"/>')
        parts.append(f'<text class="small" x="{x + 17:.0f}" y="58">{words}</text>')
        x += 38 + 6.3 * len(words)
    return parts


def _axis(scale: _Scale, height: int) -> list[str]:
    length, parts = scale.ends - scale.begins, list[str]()
    step = 10 if length <= 120 else 20
    for at in range(0, int(length) + 1, step):
        x = scale.x(scale.begins + at)
        parts.append(f'<line class="axis" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{height - 34}"/>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{height - 18}" text-anchor="middle">{at} s</text>')
    return parts


def _moment(x: float, words: str) -> str:
    return f'<text class="small" x="{x:.1f}" y="{_TOP - 10}">{escape(words)} ↓</text>'


def _lane(lane: Lane, y: float, scale: _Scale, busiest: int) -> list[str]:
    replica = lane.replica
    leaves, gone = replica.leaving_at or scale.ends, replica.gone_at or scale.ends
    parts = [
        f'<text x="24" y="{y + 14:.0f}">{escape(replica.name)}</text>',
        _bar("starting", replica.started_at, replica.ready_at, y, scale),
        _bar("serving", replica.ready_at, min(leaves, gone), y, scale),
        _bar("leaving", leaves, gone, y, scale),
    ]
    columns = ""
    for second, count in sorted(Counter(map(int, lane.begun)).items()):
        x, tall = scale.x(second), max(1.0, count / busiest * (_LANE - 2))
        width = max(1.0, scale.x(second + 1) - x - 0.6)
        columns += f"M{x:.1f} {y + _LANE:.0f}v-{tall:.1f}h{width:.1f}v{tall:.1f}z"
    parts.append(f'<path d="{columns}" fill="{_COLOURS["calls"]}"/>')
    if replica.killed:
        x = scale.x(replica.gone_at)
        parts.append(
            f'<path d="M{x - 5:.1f} {y + 5}l10 10m0 -10l-10 10" stroke="{_COLOURS["failed"]}" stroke-width="2.5"/>'
        )
    parts.append(f'<text class="small" x="{_WIDTH - _RIGHT + 8}" y="{y + 14:.0f}">{len(lane.begun)}</text>')
    return parts


def _bar(kind: str, begins: float, ends: float, y: float, scale: _Scale) -> str:
    x = scale.x(begins)
    width = scale.x(ends) - x
    if width <= 0:
        return ""
    return f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{_LANE}" fill="{_COLOURS[kind]}"/>'
