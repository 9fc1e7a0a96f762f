"""One trace from a caller to the providers, counted: on a real stack, over OTLP, with words of customers to be found.

What tracing and metrics add to a hop is measured apart, where calls with and without them take turns.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import hop
from benchmarks.figure import Figure
from libs.common.attributes import Names
from tests.fakes.marked_turns import TENANT, Caller, Played, found_in
from tests.fakes.traced_stack import TracedStack, traced_stack
from tools.waterfall import Span, short_name, waterfall

_CACHE = ("LookupAnswer", "exact", "redis MGET", "semantic", "embed", "redis take-lease", "redis keep-answer")
_RAG = ("RetrievePassages", "redis GET", "embed", "search", "qdrant query", "rerank", "rerank rerank-", "format")
_ROUTER = ("redis count-turn", "LookupAnswer", "redis load-conversation", "redis commit-turn", "store-answer")
_ENGINE = ("decide", "retrieve", "RetrievePassages", "chat ", "check", "redis settle-charge")
STAGES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "written": {
        "router": ("Chat", *_ROUTER, "GenerateAnswer"),
        "cache": _CACHE,
        "hybrid-engine": ("GenerateAnswer", *_ENGINE, "word"),
        "rag": _RAG,
    },
    "repeated": {
        "router": ("Chat", "redis count-turn", "LookupAnswer", "redis append-turn"),
        "cache": ("LookupAnswer", "exact", "redis MGET"),
    },
    "spoken": {
        "voice": ("Converse", "spoken-turn", "StreamChat", "text_to_speech ", "redis settle-charge", "AmendReply"),
        "router": ("StreamChat", *_ROUTER, "StreamAnswer", "AmendReply", "redis amend-reply"),
        "cache": _CACHE,
        "hybrid-engine": ("StreamAnswer", *_ENGINE),
        "rag": _RAG,
    },
}
"""By what was played and by service, the spans that have to be there: each by the beginning of its name."""


# In whose traces a part may have been left before its end.
_MAY_BE_LEFT = ("left", "spoken")
_SENT_ON = ("traceparent", "tracestate", "baggage")


@dataclass(frozen=True, slots=True)
class Counted:
    """What is not as it should be in the traces, metrics and log lines of one run, and who took part in one trace."""

    participants: set[str]
    orphans: list[Span]
    missing: list[tuple[str, str, str]]
    # Spans that failed or were left where nothing failed and nobody left, and those of a trace that is not to be kept.
    wrong: list[tuple[str, str, str]]
    leaks: list[tuple[str, str, int]]
    lines_without_trace: list[str]
    lines: int


async def play(state: Path) -> tuple[TracedStack, Played]:
    """Plays the turns on a stack of its own, and returns once it has stopped and sent all that it had."""
    async with traced_stack(state) as traced:
        caller = Caller(traced)
        await caller.prepare()
        played = await caller.play()
    return traced, played


def count(traced: TracedStack, played: Played) -> Counted:
    """Returns what came of a run."""
    of = {name: traced.collector.of(trace_id) for name, trace_id in played.traces.items()}
    lines, without_trace = _lines(traced)
    return Counted(
        participants=_participants(of["spoken"]),
        orphans=[span for name, spans in of.items() for span in _orphans(spans, root=played.roots[name])],
        missing=[
            (name, service, stage)
            for name, services in STAGES.items()
            for service, stages in services.items()
            for stage in stages
            if not any(span.service == service and short_name(span.name).startswith(stage) for span in of[name])
        ],
        wrong=[(name, span.service, f"{short_name(span.name)} {span.mark}") for name, span in _wrong(of)],
        leaks=_leaks(traced),
        lines_without_trace=without_trace,
        lines=lines,
    )


def _participants(spans: Sequence[Span]) -> set[str]:
    """Returns the services of a trace, and the providers that they asked."""
    providers = {
        str(span.attributes[Names.GEN_AI_PROVIDER]) for span in spans if Names.GEN_AI_PROVIDER in span.attributes
    }
    return {span.service for span in spans} | {f"provider {name}" for name in providers}


def _orphans(spans: Sequence[Span], *, root: str) -> list[Span]:
    known = {root, *(span.span_id for span in spans)}
    return [span for span in spans if span.parent_id not in known]


def _wrong(of: Mapping[str, Sequence[Span]]) -> list[tuple[str, Span]]:
    wrong = [("not kept", span) for span in of["not kept"]]
    for name, spans in of.items():
        wrong += [(name, span) for span in spans if span.is_error or (span.mark and name not in _MAY_BE_LEFT)]
    return wrong


def _leaks(traced: TracedStack) -> list[tuple[str, str, int]]:
    """Returns where customers' words or names were found, tenants in metrics, and traces that a provider was told."""
    metrics = "".join(traced.collector.metrics)
    texts = {
        "traces": repr(traced.collector.spans),
        "metrics": metrics,
        "logs": "".join(child.log.read_text(encoding="utf-8") for child in traced.stack.children),
    }
    leaks = [(where, mark, times) for where, text in texts.items() for mark, times in found_in(text).items()]
    leaks += [("metrics", TENANT, metrics.count(TENANT))] if TENANT in metrics else []
    told = traced.stack.fake_llm.headers if traced.stack.fake_llm else []
    return leaks + [("a provider", name, 1) for headers in told for name in headers if name.lower() in _SENT_ON]


def _lines(traced: TracedStack) -> tuple[int, list[str]]:
    """Returns how many lines were written in calls, and those among them that name no trace.

    A line is written in a call when it names a request, or comes from where others named one.
    """
    lines = traced.log_lines()
    loggers = {(service, line.get("logger")) for service, line in lines if "request_id" in line}
    in_calls = [line for service, line in lines if (service, line.get("logger")) in loggers]
    return len(in_calls), [str(line) for line in in_calls if not (line.get("trace_id") and line.get("span_id"))]


async def measure() -> list[Figure]:
    """Plays the turns once, prints two of their traces, and measures the hop."""
    with tempfile.TemporaryDirectory(prefix="repartee-") as folder:
        traced, played = await play(Path(folder))
        counted = count(traced, played)
    console = Console(width=140)
    for name in ("repeated", "spoken"):
        console.print(f"\n{name}: trace {played.traces[name]}")
        console.print(waterfall(traced.collector.of(played.traces[name])))
    print(f"\n{len(traced.collector.spans)} spans, {counted.lines} log lines in calls")
    print(f"in one trace: {', '.join(sorted(counted.participants))}")
    for each in (*counted.orphans, *counted.missing, *counted.wrong, *counted.leaks, *counted.lines_without_trace):
        print(f"  not as it should be: {each}")
    hops = await asyncio.to_thread(hop.measure)
    for name, value in hops.items():
        print(f"  {name} {value:.3f}")
    return [
        Figure("trace_services_in_one_trace", len(counted.participants), "services", (">=", 6)),
        Figure("trace_orphan_spans", len(counted.orphans), "spans", ("==", 0)),
        Figure("trace_stages_missing", len(counted.missing), "stages", ("==", 0)),
        Figure("trace_wrong_statuses", len(counted.wrong), "spans", ("==", 0)),
        Figure("telemetry_personal_data_leaks", len(counted.leaks), "places", ("==", 0)),
        Figure("log_lines_without_trace_in_calls", len(counted.lines_without_trace), "lines", ("==", 0)),
        Figure("telemetry_on_a_hop_ratio", hops["telemetry_ratio"], "x", ("<=", 1.05)),
    ]


def main() -> None:
    """Prints every figure."""
    for figure in asyncio.run(measure()):
        print(figure)


if __name__ == "__main__":
    main()
