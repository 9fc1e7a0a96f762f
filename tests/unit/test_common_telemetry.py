"""Spans and where they go."""

import json
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NoOpTracer, SpanKind

from libs.common.otlp_sink import readable
from libs.common.settings import ServiceSettings
from libs.common.spans import RecordedSpan, RecordingTracer
from libs.common.stages import no_stages
from libs.common.telemetry import current_trace_id, stages, start_telemetry


def test_without_traces_nothing_is_made() -> None:
    telemetry = start_telemetry("x", ServiceSettings(port=0))
    assert isinstance(telemetry.tracer, NoOpTracer)
    assert stages(telemetry.tracer) is no_stages
    with no_stages("search"):
        assert current_trace_id() == ""
    telemetry.shutdown()


def test_a_file_holds_one_object_a_span(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "spans.jsonl"
    telemetry = start_telemetry("rag", ServiceSettings(port=0, traces=f"file:{path}"))
    in_stage = stages(telemetry.tracer)
    with in_stage("retrieve"):
        outer_trace = current_trace_id()
        with in_stage("search"):
            assert current_trace_id() == outer_trace
    telemetry.shutdown()
    telemetry.shutdown()
    search, retrieve = (json.loads(line) for line in path.read_text().splitlines())
    assert [search["name"], retrieve["name"]] == ["search", "retrieve"]
    assert {search["trace_id"], retrieve["trace_id"]} == {outer_trace}
    assert (search["parent_id"], retrieve["parent_id"]) == (retrieve["span_id"], "")
    assert retrieve["start_ns"] <= search["start_ns"] <= search["end_ns"] <= retrieve["end_ns"]
    assert (search["service"], search["status"], search["attributes"]) == ("rag", "UNSET", {})


def test_a_stage_that_fails_is_marked_without_its_text() -> None:
    kept: list[RecordedSpan] = []
    with pytest.raises(ValueError, match="hello"), stages(RecordingTracer(kept.append))("word"):
        raise ValueError("hello")
    assert kept[0].is_error
    assert "hello" not in str(kept[0].attributes)


def test_a_span_ends_once() -> None:
    kept: list[RecordedSpan] = []
    span = RecordingTracer(kept.append).start("a", SpanKind.INTERNAL, {})
    span.end()
    span.end()
    assert len(kept) == 1
    assert not span.is_recording()


def test_a_collector_gets_the_same_span() -> None:
    tracer = RecordingTracer(lambda _span: None)
    with tracer.start_as_current_span("outer") as outer:
        inner = tracer.start("inner", SpanKind.CLIENT, {"rpc.method": "Chat"})
        inner.is_error = True
        inner.end()
    sent = readable(inner, Resource({"service.name": "x"}))
    assert sent.parent is not None
    assert (sent.context.trace_id, sent.parent.span_id) == (int(inner.trace_id, 16), outer.get_span_context().span_id)
    assert (sent.name, sent.kind, sent.status.is_ok) == ("inner", SpanKind.CLIENT, False)
    assert dict(sent.attributes or {}) == {"rpc.method": "Chat"}
