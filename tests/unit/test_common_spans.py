"""Which traces are kept, how spans end, and steps that outlive a block."""

import ast
import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.trace import SpanKind

from libs.common.attributes import Names
from libs.common.errors import Unavailable
from libs.common.interceptors import tracing
from libs.common.span_export import span_line
from libs.common.spans import CURRENT, RecordedSpan, RecordingTracer
from libs.common.stages import begin_model_call, begin_step, model_call, note_on_call, store_call
from libs.common.telemetry import current_trace_id, stages

ROOT = Path(__file__).parent.parent.parent
CALLER = f"00-{'a' * 32}-{'b' * 16}"


@pytest.fixture(autouse=True)
def outside() -> Iterator[None]:
    """A call that is served ends with its task; a test is none."""
    token = CURRENT.set(None)
    yield
    CURRENT.reset(token)


class Kept:
    """A tracer and the spans it kept."""

    def __init__(self, share: float = 1.0) -> None:
        self.spans: list[RecordedSpan] = []
        self.tracer = RecordingTracer(self.spans.append, share=share)

    def serve(self, traceparent: str | None = None) -> RecordedSpan:
        spans = tracing.method_spans(self.tracer, "repartee.v1.RouterService/Chat")
        assert spans is not None
        return spans.start_served(traceparent)


def test_a_trace_is_kept_as_its_caller_decided() -> None:
    for share in (0.0, 1.0):
        kept = Kept(share)
        for flags, is_kept in (("01", True), ("03", True), ("00", False)):
            span = kept.serve(f"{CALLER}-{flags}")
            assert tracing.write_traceparent(span).endswith("-01" if is_kept else "-00")
            assert current_trace_id() == "a" * 32
            below = begin_step("step")
            below.end()
            tracing.finish(span, grpc.StatusCode.OK)
        assert [span.name for span in kept.spans] == ["step", "repartee.v1.RouterService/Chat"] * 2


def test_of_traces_that_begin_here_a_share_is_kept() -> None:
    kept = Kept(0.25)
    for _ in range(4000):
        tracing.finish(kept.serve(), grpc.StatusCode.OK)
    assert 850 < len(kept.spans) < 1150
    # Everybody who decides with that share decides alike.
    assert all(int(span.trace_id[16:], 16) < 1 << 62 for span in kept.spans)


@pytest.mark.parametrize(
    ("code", "server", "client"),
    [
        (grpc.StatusCode.OK, False, False),
        (grpc.StatusCode.CANCELLED, False, False),
        (grpc.StatusCode.INVALID_ARGUMENT, False, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False, True),
        (grpc.StatusCode.UNAVAILABLE, True, True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, True, True),
        (grpc.StatusCode.INTERNAL, True, True),
    ],
)
def test_who_failed_is_marked(code: grpc.StatusCode, *, server: bool, client: bool) -> None:
    kept = Kept()
    for kind in (SpanKind.SERVER, SpanKind.CLIENT):
        tracing.finish(kept.tracer.start("call", kind, {}), code, "A_REASON")
    assert [span.is_error for span in kept.spans] == [server, client]
    assert [span.attributes.get(Names.CANCELLED, False) for span in kept.spans] == [code.name == "CANCELLED"] * 2


def test_a_stage_that_is_cancelled_has_not_failed() -> None:
    kept = Kept()
    stage = stages(kept.tracer)
    for problem in (asyncio.CancelledError(), Unavailable("STORE_UNAVAILABLE", "private words")):
        with contextlib.suppress(asyncio.CancelledError, Unavailable), stage("search"):
            raise problem
    left, failed = kept.spans
    assert (left.is_error, left.attributes) == (False, {Names.CANCELLED: True})
    assert (failed.is_error, failed.attributes) == (True, {Names.ERROR_TYPE: "STORE_UNAVAILABLE"})


async def test_a_step_owns_the_tasks_that_begin_within_it() -> None:
    kept = Kept()
    call = kept.serve()
    note_on_call({Names.CACHE: "exact"})
    step = begin_step("spoken-turn")

    async def work() -> None:
        begin_step("inner").end()

    with step.within():
        task = asyncio.create_task(work())
    begin_step("beside").end()
    step.end()
    await task
    by_name = {span.name: span for span in kept.spans}
    assert by_name["inner"].parent_id == by_name["spoken-turn"].span_id
    assert by_name["beside"].parent_id == by_name["spoken-turn"].parent_id == call.span_id
    assert call.attributes[Names.CACHE] == "exact"


def test_a_call_of_a_model_says_whom_it_asked_and_why_it_failed() -> None:
    kept = Kept()
    kept.serve()
    with contextlib.suppress(Unavailable), model_call("rerank", provider="cohere", model="m") as call:
        call.note(Names.ITEMS, 3)
        raise Unavailable("RERANKER_LIMITED", "private words")
    with store_call("qdrant", "query"):
        pass
    rerank, query = kept.spans
    assert (rerank.name, rerank.kind, rerank.is_error) == ("rerank m", SpanKind.CLIENT, True)
    assert rerank.attributes == {
        "gen_ai.operation.name": "rerank",
        "gen_ai.provider.name": "cohere",
        "gen_ai.request.model": "m",
        "repartee.items": 3,
        "error.type": "RERANKER_LIMITED",
    }
    assert (query.name, query.attributes) == (
        "qdrant query",
        {"db.system.name": "qdrant", "db.operation.name": "query"},
    )


def test_outside_of_a_call_nothing_is_recorded() -> None:
    step = begin_model_call("chat", provider="p", model="m")
    step.note(Names.ITEMS, 1)
    step.fail("X")
    with step.within():
        assert current_trace_id() == ""
    step.end()
    note_on_call({Names.CACHE: "exact"})


def test_a_callers_id_is_shown_without_its_telephone_number() -> None:
    kept = Kept()
    kept.serve().attributes[Names.REQUEST_ID] = "+22507879988"
    tracing.finish(kept.serve(), grpc.StatusCode.OK)
    span = kept.tracer.start("a", SpanKind.INTERNAL, {Names.REQUEST_ID: "+22507879988"})
    span.end()
    assert "07879988" not in span_line("router", span)
    assert span.attributes[Names.REQUEST_ID] == "+22507879988"


def test_every_attribute_of_a_span_is_one_of_the_names() -> None:
    """What is written to a span by another name, or by a name made up on the way, is not known to be harmless."""
    given: set[str] = set()
    paths = [*(ROOT / "services").rglob("*.py"), *(ROOT / "libs" / "common").rglob("*.py")]
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr="note"), args=[key, _]):
                    is_spans = ast.unparse(owner) in {"step", "call", "self._step"}
                case ast.Subscript(value=owner, slice=key):
                    is_spans = ast.unparse(owner).endswith("span.attributes")
                case _:
                    continue
            if is_spans and path.name != "stages.py":
                given.add(ast.unparse(key))
    assert len(given) > 15
    assert {key for key in given if not key.startswith("Names.")} == set()
