"""A scene as a picture: when there was sound and when silence, before and after."""

from html import escape

from tools.voice_scenes import Played, Scene

_WIDTH, _LEFT, _RIGHT = 960, 90, 24
_BAR, _ROW, _TOP = 34, 78, 74
# What a caller says between two turns is drawn as a pause of this length.
_CALLER_MS = 700.0
_COLOURS = {"content": "#2e7d4f", "filler": "#d99a2b", "gap": "#c0392b", "wait": "#e3e6ea", "caller": "#8fa3bf"}
_LEGEND = (
    *(("content", "reply"), ("filler", "filler")),
    *(("wait", "silence before the first sound"), ("gap", "silence within"), ("caller", "caller speaks")),
)
_STYLE = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2933}"
    ".title{font-size:17px;font-weight:600}.small{font-size:11.5px;fill:#52606d}.axis{stroke:#cbd2d9;stroke-width:1}"
)


def timeline(scene: Scene, before: Played, after: Played) -> str:
    """Returns the scene as an SVG document that needs nothing else."""
    total = max(_length(before), _length(after), 1.0)
    height = _TOP + 2 * _ROW + 62
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(scene.title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text class="title" x="24" y="32">{escape(scene.title)}</text>',
        *_legend(),
        *_axis(total, height),
        *_row("before", before, _TOP, total),
        *_row("after", after, _TOP + _ROW, total),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _length(played: Played) -> float:
    return sum(turn.ends_ms for turn in played.turns) + _CALLER_MS * (len(played.turns) - 1)


def _legend() -> list[str]:
    parts: list[str] = []
    x = 24.0
    for kind, words in _LEGEND:
        parts.append(f'<rect x="{x:.0f}" y="46" width="12" height="12" rx="2" fill="{_COLOURS[kind]}"/>')
        parts.append(f'<text class="small" x="{x + 17:.0f}" y="56">{words}</text>')
        x += 34 + 6.3 * len(words)
    return parts


def _axis(total: float, height: int) -> list[str]:
    step = 500 if total <= 5_000 else 1_000 if total <= 12_000 else 2_000
    parts: list[str] = []
    for at in range(0, int(total) + 1, step):
        x = _x(at, total)
        parts.append(f'<line class="axis" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{height - 54}"/>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{height - 38}" text-anchor="middle">{at / 1_000:g} s</text>')
    return parts


def _row(name: str, played: Played, top: int, total: float) -> list[str]:
    parts = [f'<text x="24" y="{top + 24}">{name}</text>']
    offset = 0.0
    for index, turn in enumerate(played.turns):
        if index:
            parts.append(_bar("caller", offset, _CALLER_MS, top, total))
            offset += _CALLER_MS
        heard_until, kind = 0.0, "wait"
        for stretch in turn.stretches:
            if stretch.begins_ms - heard_until > 1.0:
                parts.append(_bar(kind, offset + heard_until, stretch.begins_ms - heard_until, top, total))
            sound = "filler" if stretch.is_filler else "content"
            parts.append(_bar(sound, offset + stretch.begins_ms, stretch.lasts_ms, top, total))
            heard_until, kind = stretch.ends_ms, "gap"
        offset += turn.ends_ms
    parts.append(
        f'<text class="small" x="{_LEFT}" y="{top + _BAR + 22}">'
        f"first sound {played.worst(lambda turn: turn.first_audio_ms):.0f} ms · "
        f"largest gap {played.worst(lambda turn: turn.largest_gap_ms):.0f} ms · "
        f"reply begins {played.worst(lambda turn: turn.content_ms):.0f} ms · "
        f"{played.provider_calls} texts made by a voice</text>"
    )
    return parts


def _bar(kind: str, begins: float, lasts: float, top: int, total: float) -> str:
    x, width = _x(begins, total), max(1.0, _x(begins + lasts, total) - _x(begins, total))
    return (
        f'<rect x="{x:.1f}" y="{top + 4}" width="{width:.1f}" height="{_BAR}" fill="{_COLOURS[kind]}">'
        f"<title>{kind}, {lasts:.0f} ms</title></rect>"
    )


def _x(ms: float, total: float) -> float:
    return _LEFT + ms / total * (_WIDTH - _LEFT - _RIGHT)
