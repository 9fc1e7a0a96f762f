"""The picture of a trace: order, depth and scale."""

import json
from pathlib import Path

from rich.console import Console

from tools.waterfall import Span, in_tree_order, read_spans, waterfall

TRACE = "0af7651916cd43dd8448eb211c80319c"


def span(span_id: str, parent_id: str, start: int, end: int, service: str = "router", name: str = "step") -> Span:
    return Span(TRACE, span_id, parent_id, service, name, start, end)


def test_children_follow_their_parent_and_siblings_their_start() -> None:
    spans = [span("c", "a", 30, 40), span("b", "a", 10, 20), span("a", "", 0, 50), span("d", "c", 31, 32)]
    assert [(depth, found.span_id) for depth, found in in_tree_order(spans)] == [(0, "a"), (1, "b"), (1, "c"), (2, "d")]


def test_a_span_whose_parent_is_missing_is_shown_as_a_root() -> None:
    assert [depth for depth, _ in in_tree_order([span("b", "lost", 1, 2)])] == [0]


def test_bars_share_one_scale() -> None:
    console = Console(width=120, record=True, file=open("/dev/null", "w"), color_system=None)  # noqa: SIM115
    with console.file:
        spans = [span("a", "", 0, 4_000_000, name="whole"), span("b", "a", 2_000_000, 4_000_000, name="half")]
        console.print(waterfall(spans))
        whole, half = console.export_text().splitlines()[1:3]
    assert "4.00" in whole
    assert "2.00" in half
    assert whole.count("━") == 2 * half.count("━")
    assert half.index("━") > whole.index("━")


def test_only_the_trace_asked_for_is_read_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    def row(trace: str, span_id: str) -> str:
        return json.dumps(
            {
                "trace_id": trace,
                "span_id": span_id,
                "parent_id": None,
                "service": "cache",
                "name": "n",
                "start_ns": 1,
                "end_ns": 2,
                "status": "OK",
                "attributes": {},
            }
        )

    (tmp_path / "cache.jsonl").write_text(row(TRACE, "a") + "\n" + row("f" * 32, "b") + "\n" + row(TRACE, "c")[:40])
    assert [found.span_id for found in read_spans(tmp_path, TRACE)] == ["a"]


def test_what_failed_and_what_was_left_is_marked(tmp_path: Path) -> None:
    row = {"trace_id": TRACE, "parent_id": "", "service": "voice", "name": "n", "start_ns": 1, "end_ns": 2}
    ends = [
        {"span_id": "a", "status": "ERROR", "attributes": {"error.type": "STORE_UNAVAILABLE"}},
        {"span_id": "b", "status": "UNSET", "attributes": {"repartee.cancelled": True}},
        {"span_id": "c", "status": "UNSET", "attributes": {"repartee.interrupted": True}},
        {"span_id": "d", "status": "UNSET", "attributes": {}},
    ]
    (tmp_path / "voice.jsonl").write_text("".join(f"{json.dumps(row | end)}\n" for end in ends))
    assert [found.mark for found in read_spans(tmp_path, TRACE)] == [
        "✗ STORE_UNAVAILABLE",
        "✂ left",
        "✂ spoken over",
        "",
    ]
