"""The comparison of a replay as one HTML page that needs nothing but itself."""

from collections.abc import Sequence
from html import escape

from repartee.v1 import common_pb2
from tools.replaying import CLASSIC, ENGINES, HYBRID, Outcome, ReplayedTurn, Totals, totals

_BAR_WIDTH = 220
_STYLE = """
:root { color-scheme: light dark; --line: #d5d9e0; --dim: #69707d; --classic: #8a63d2; --hybrid: #1f8a70;
  --bad: #c0392b; --card: #f6f7f9; --ground: #ffffff; --ink: #1c2330; }
@media (prefers-color-scheme: dark) { :root { --line: #353b47; --dim: #98a1b0; --card: #1d222b; --ground: #14181f;
  --ink: #e8ebf0; --classic: #b294f0; --hybrid: #4cc4a4; --bad: #ef7a6d; } }
body { margin: 0 auto; max-width: 1100px; padding: 2rem 1rem 4rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem; }
p.note { color: var(--dim); margin: 0 0 1.4rem; } p.verdict { font-weight: 600; } p.verdict.bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: right; padding: .3rem .7rem;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
section { border: 1px solid var(--line); border-radius: 8px; margin: .8rem 0; overflow: hidden; }
section.bad { border-color: var(--bad); } header { background: var(--card); padding: .55rem .9rem; }
header b { display: block; white-space: pre-wrap; } header span { color: var(--dim); font-size: .85rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; } .pair > div { padding: .6rem .9rem; min-width: 0; }
.pair > div + div { border-left: 1px solid var(--line); } .text { white-space: pre-wrap; overflow-wrap: anywhere; }
.chips { font-size: .8rem; color: var(--dim); margin-top: .35rem; } .fail { color: var(--bad); }
h3 { font-size: .8rem; margin: 0 0 .25rem; text-transform: uppercase; letter-spacing: .05em; }
.classic { color: var(--classic); } .hybrid { color: var(--hybrid); }
svg .classic { fill: var(--classic); } svg .hybrid { fill: var(--hybrid); } svg .track { fill: var(--line); }
@media (max-width: 640px) { .pair { grid-template-columns: 1fr; } .pair > div + div { border-left: 0;
  border-top: 1px solid var(--line); } }
"""


def page(turns: Sequence[ReplayedTurn], *, title: str) -> str:
    """Returns the page: the totals, then every turn with both answers side by side."""
    scale = max((turn.outcomes[name].seconds for turn in turns for name in ENGINES), default=0.0)
    unfaithful = [turn for turn in turns if not turn.is_faithful]
    compared = sum(turn.by_engine and bool(turn.recorded_digest) for turn in turns)
    verdict = (
        f'<p class="verdict bad">Hybrid decides {len(unfaithful)} of {compared} turns otherwise than it did; '
        f"the first is {escape(unfaithful[0].name)}.</p>"
        if unfaithful
        else f'<p class="verdict">Hybrid decides all {compared} turns as it did, bit for bit.</p>'
    )
    differing = sum(1 for turn in turns if _both_answered(turn) and not turn.agrees)
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Replay of {escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Replay of {escape(title)}</h1>",
            f'<p class="note">{len(turns)} turns through both engines; on {differing} their states differ.</p>',
            verdict,
            _totals_table(totals(turns, CLASSIC), totals(turns, HYBRID)),
            "<h2>Turn by turn</h2>",
            *(_turn(turn, scale) for turn in turns),
            "</body></html>\n",
        )
    )


def _totals_table(left: Totals, right: Totals) -> str:
    rows = (
        ("Turns answered", f"{left.answered}", f"{right.answered}"),
        ("Turns failed", f"{left.failed}", f"{right.failed}"),
        ("Mean time", f"{left.mean_seconds * 1000:.1f} ms", f"{right.mean_seconds * 1000:.1f} ms"),
        ("95 % within", f"{left.p95_seconds * 1000:.1f} ms", f"{right.p95_seconds * 1000:.1f} ms"),
        ("Tokens", f"{left.tokens}", f"{right.tokens}"),
        ("Cost", f"{left.cost_micro_usd / 1e6:.6f} $", f"{right.cost_micro_usd / 1e6:.6f} $"),
    )
    body = "".join(f"<tr><td>{name}</td><td>{one}</td><td>{other}</td></tr>" for name, one, other in rows)
    return (
        '<table><thead><tr><th></th><th class="classic">Classic</th><th class="hybrid">Hybrid</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _turn(turn: ReplayedTurn, scale: float) -> str:
    recorded = turn.turn.reply.action or "nothing"
    how = f"recorded: {recorded}" if turn.by_engine else f"recorded: {recorded}, without an engine"
    if not turn.is_faithful:
        how += f" · hybrid's state is not the recorded {turn.recorded_digest[:12]}"
    elif _both_answered(turn):
        how += " · same state" if turn.agrees else " · the states differ"
    sides = "".join(_side(name, turn.outcomes[name], scale) for name in ENGINES)
    return (
        f"<section{'' if turn.is_faithful else ' class=bad'}><header><b>{escape(_said(turn.turn.said))}</b>"
        f"<span>{escape(turn.name)} · {escape(how)}</span></header>"
        f'<div class="pair">{sides}</div></section>'
    )


def _side(name: str, outcome: Outcome, scale: float) -> str:
    heading = f'<h3 class="{name}">{name.capitalize()}</h3>'
    if outcome.failure:
        return f'<div>{heading}<div class="text fail">{escape(outcome.failure)}</div></div>'
    width = max(1.0, outcome.seconds / scale * _BAR_WIDTH) if scale else 1.0
    bar = (
        f'<svg width="{_BAR_WIDTH}" height="8" role="img" aria-label="{outcome.seconds * 1000:.1f} ms">'
        f'<rect class="track" width="{_BAR_WIDTH}" height="8" rx="4"/>'
        f'<rect class="{name}" width="{width:.1f}" height="8" rx="4"/></svg>'
    )
    chips = [
        outcome.action,
        f"asks {outcome.awaiting}" if outcome.awaiting else "",
        f"{outcome.seconds * 1000:.1f} ms",
        f"{outcome.tokens} tokens" if outcome.tokens else "",
        f"{outcome.cost_micro_usd / 1e6:.6f} $" if outcome.cost_micro_usd else "",
    ]
    line = " · ".join(escape(chip) for chip in chips if chip)
    return f'<div>{heading}<div class="text">{escape(outcome.text)}</div><div class="chips">{line}</div>{bar}</div>'


def _said(message: common_pb2.Message) -> str:
    return (message.text + " 📎" * len(message.attachments)).strip()


def _both_answered(turn: ReplayedTurn) -> bool:
    return not any(turn.outcomes[name].failure for name in ENGINES)
