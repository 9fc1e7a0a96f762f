"""Metrics of a process: what is counted, under which labels, and how exporters see it."""

import asyncio
import urllib.request
from collections.abc import Sequence

import grpc
import pytest
from google.protobuf import text_format
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from libs.common.measure import Kind, Labels, prometheus_name
from libs.common.measures import ALL, Measures
from libs.common.metric_export import PrometheusFamilies, Pusher
from libs.common.metrics import MAX_SERIES, OTHER, Distribution, Histogram, Meter, Point, Reading
from libs.common.otlp_metrics import metrics_data
from libs.common.process_metrics import LOOK_SECONDS, LoopDelay
from libs.common.request_context import TenantId
from libs.common.settings import ServiceSettings
from libs.common.spans import RecordedSpan, RecordingTracer
from libs.common.spending.ledger import Allowance, Charge
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.metered_ledger import metered
from libs.common.stage_metrics import timed
from libs.common.stages import no_stages
from libs.common.telemetry import stages, start_telemetry
from repartee.v1 import router_pb2
from services.router.turn import Rung, Variant
from services.router.turn_metrics import MetricsOfTurns
from services.router.turn_record import TurnRecord
from tests.fakes.common_services import ROUTER, running
from tests.fakes.ended_spans import EndedSpans
from tests.fakes.otlp_receiver import otlp_receiver
from tests.fakes.virtual_time import VirtualTimeLoop

ACME = TenantId("acme")
TURN = router_pb2.ChatRequest(conversation_id="c", message="bonjour")
# What a metric may tell about a call. Longer lists cost every scrape; customers and tenants are never on one.
ALLOWED = {value for name, value in vars(Labels).items() if not name.startswith("_")}


def spans() -> tuple[RecordingTracer, list[RecordedSpan]]:
    kept: list[RecordedSpan] = []
    return RecordingTracer(kept.append), kept


def test_no_label_is_outside_the_list_and_none_names_who_called() -> None:
    assert {label for each in ALL for label in each.labels} <= ALLOWED
    for forbidden in ("tenant", "user", "conversation", "company", "turn_id", "phone", "message"):
        assert not [label for label in ALLOWED if forbidden in label]


def test_every_metric_has_a_unit_a_description_and_buckets_where_it_needs_them() -> None:
    assert len({each.name for each in ALL}) == len(ALL) > 10
    for each in ALL:
        assert each.unit, each.name
        assert each.description.endswith("."), each.name
        assert bool(each.buckets) == (each.kind is Kind.HISTOGRAM), each.name
        assert sorted(set(each.buckets)) == list(each.buckets), each.name


def test_names_in_prometheus_carry_their_unit() -> None:
    assert prometheus_name(Measures.SERVED) == "rpc_server_call_duration_seconds"
    assert prometheus_name(Measures.HYBRID_PERCENT) == "repartee_rollout_hybrid_percent"
    assert prometheus_name(Measures.TURNS) == "repartee_turns"


def test_a_value_falls_into_the_bucket_whose_bound_it_reaches() -> None:
    meter = Meter()
    calls = meter.histogram(Measures.SERVED, "s", "m", "OK")
    for seconds in (0.0, 0.001, 0.0011, 3600.0):
        calls.observe(seconds)
    (reading,) = meter.read()
    (point,) = reading.points
    assert isinstance(point, Distribution)
    assert (point.counts[0], point.counts[1], point.counts[-1], sum(point.counts)) == (2, 1, 1, 4)
    assert point.total == pytest.approx(3600.0021)
    assert meter.histogram(Measures.SERVED, "s", "m", "OK") is calls


def test_labels_that_a_measure_does_not_have_are_refused() -> None:
    meter = Meter()
    with pytest.raises(ValueError, match=r"repartee\.turns is a counter"):
        meter.counter(Measures.TURNS, "hybrid")
    with pytest.raises(ValueError, match="is a histogram"):
        meter.counter(Measures.SERVED, "s", "m", "OK")


def test_a_sum_that_is_kept_elsewhere_is_read_as_a_counter() -> None:
    meter, lost = Meter(), 3
    meter.total(Measures.OUTBOX_LOST, lambda: [((), lost)])
    assert meter.read() == [Reading(Measures.OUTBOX_LOST, [Point((), 3)])]
    with pytest.raises(ValueError, match="is a gauge"):
        meter.total(Measures.OUTBOX_WAITING, lambda: [])


def test_a_loop_that_is_held_up_is_late_by_so_much() -> None:
    loop = VirtualTimeLoop()
    delays = Histogram(Measures.LOOP_DELAY.buckets)
    watching = LoopDelay(loop, delays)
    loop.call_later(0.5 * LOOK_SECONDS, loop.jump, 0.3)
    loop.run_until_complete(asyncio.sleep(10 * LOOK_SECONDS))
    watching.stop()
    loop.run_until_complete(asyncio.sleep(1.0))
    loop.close()
    seen = delays.read(())
    late = dict(zip(Measures.LOOP_DELAY.buckets, seen.counts, strict=False))
    assert late[0.25] + late[0.5] == 1
    assert seen.total == pytest.approx(0.25)


def test_stages_are_timed_beside_their_spans() -> None:
    meter, (tracer, kept) = Meter(), spans()
    stage_of = timed(stages(tracer), meter)
    with tracer.start_as_current_span("call"), stage_of("search"):
        pass
    with pytest.raises(RuntimeError), stage_of("search"):
        raise RuntimeError
    (reading,) = meter.read()
    (point,) = reading.points
    assert isinstance(point, Distribution)
    assert (point.labels, sum(point.counts)) == (("search",), 2)
    assert {seen.span_id for seen in point.exemplars if seen} <= {
        span.span_id for span in kept if span.name == "search"
    }
    assert timed(no_stages, None) is no_stages


def test_what_comes_after_the_last_series_is_counted_together() -> None:
    meter = Meter()
    for number in range(MAX_SERIES + 7):
        meter.counter(Measures.COST, f"component-{number}", "true").add()
    (reading,) = meter.read()
    assert len(reading.points) == MAX_SERIES + 1
    assert Point((OTHER, OTHER), 7.0) in reading.points


async def test_calls_are_counted_on_both_sides_by_how_they_end() -> None:
    meter, spans = Meter(), EndedSpans()
    async with running(meter=meter, tracer=spans.tracer) as run:
        await run.chat.Chat(TURN, timeout=5)
        with pytest.raises(grpc.aio.AioRpcError):
            await run.chat.Chat(router_pb2.ChatRequest(), timeout=5)
        await spans.ended(4)
        readings = {each.measure: each for each in meter.read()}
    assert {point.labels for point in readings[Measures.SERVED].points} == {
        (ROUTER.full_name, "Chat", "OK"),
        (ROUTER.full_name, "Chat", "INVALID_ARGUMENT"),
    }
    assert readings[Measures.IN_FLIGHT].points == [Point((), 0.0)]
    served = next(point for point in readings[Measures.SERVED].points if "OK" in point.labels)
    assert isinstance(served, Distribution)
    (exemplar,) = [each for each in served.exemplars if each is not None]
    assert exemplar.trace_id in {span.trace_id for span in spans.kept}


async def test_without_metrics_nothing_is_counted() -> None:
    telemetry = start_telemetry("router", ServiceSettings(port=0))
    assert telemetry.meter is None
    MetricsOfTurns(None).record(_record())
    ledger = MemoryLedger()
    assert metered(ledger, None) is ledger


async def test_prometheus_sees_turns_and_which_service_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "libs.common.metric_export")
    telemetry = start_telemetry("router", ServiceSettings(port=0, metrics="prometheus:0"))
    assert telemetry.meter is not None
    try:
        MetricsOfTurns(telemetry.meter).record(_record())
        (port,) = caplog.records[0].args or ()
        text = await asyncio.to_thread(_scrape, port)
    finally:
        telemetry.shutdown()
    assert 'target_info{service_name="router"' in text
    assert (
        'repartee_turns_total{repartee_cache="hit",repartee_failed="false",repartee_rung="assigned",'
        'repartee_variant="hybrid"} 1.0' in text
    )
    assert 'repartee_turn_duration_seconds_bucket{le="0.25",repartee_cache="hit",repartee_variant="hybrid"} 1.0' in text
    assert "acme" not in text


def test_exemplars_lead_from_a_bucket_to_its_trace() -> None:
    """In OpenMetrics, which Prometheus asks for; its plain text has no place for them."""
    meter = Meter()
    tracer, kept = spans()
    with tracer.start_as_current_span("x"):
        pass
    meter.histogram(Measures.SERVED, "s", "m", "OK").observe(0.2, kept[0])
    registry = CollectorRegistry()
    registry.register(PrometheusFamilies("router", meter.read))
    text = generate_latest(registry).decode()
    (line,) = [each for each in text.splitlines() if " # {" in each]
    assert 'le="0.25"' in line
    assert f'trace_id="{kept[0].trace_id}"' in line


def test_failures_are_counted_from_zero() -> None:
    meter = Meter()
    MetricsOfTurns(meter)
    (reading,) = meter.read()
    assert Point(("hybrid", "emergency", "miss", "true"), 0.0) in reading.points
    assert Point(("classic", "assigned", "miss", "false"), 0.0) in reading.points


def test_a_collector_gets_the_same_numbers_with_the_trace_behind_them() -> None:
    meter = Meter(started_ns=1)
    tracer, kept = spans()
    with tracer.start_as_current_span("x"):
        pass
    meter.histogram(Measures.SERVED, "s", "m", "OK").observe(0.2, kept[0])
    meter.counter(Measures.TURNS, "hybrid", "assigned", "hit", "false").add(3)
    meter.gauge(Measures.OUTBOX_WAITING, lambda: [((), 7.0)])
    sent = encode_metrics(metrics_data(meter.read(), Resource({"service.name": "x"}), started_ns=1, now_ns=2))
    histogram, counter, gauge = sent.resource_metrics[0].scope_metrics[0].metrics
    point = histogram.histogram.data_points[0]
    assert (histogram.name, histogram.unit, point.count, point.sum) == ("rpc.server.call.duration", "s", 1, 0.2)
    assert not point.HasField("min")
    assert point.exemplars[0].trace_id == bytes.fromhex(kept[0].trace_id)
    assert counter.sum.is_monotonic
    assert counter.sum.data_points[0].as_double == 3
    assert gauge.gauge.data_points[0].as_double == 7


async def test_a_collector_on_the_network_gets_buckets_and_exemplars(monkeypatch: pytest.MonkeyPatch) -> None:
    tracer, kept = spans()
    with tracer.start_as_current_span("x"):
        pass
    async with otlp_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.address)
        telemetry = start_telemetry("router", ServiceSettings(port=0, metrics="otlp"))
        assert telemetry.meter is not None
        telemetry.meter.histogram(Measures.SERVED, "s", "m", "OK").observe(0.2, kept[0])
        telemetry.meter.counter(Measures.ANSWERS, "model", "").add()
        await asyncio.to_thread(telemetry.shutdown)
    (exported,) = receiver.metrics
    sent = text_format.Parse(exported, metrics_service_pb2.ExportMetricsServiceRequest())
    found = {metric.name: metric for metric in sent.resource_metrics[0].scope_metrics[0].metrics}
    (point,) = found[Measures.SERVED.name].histogram.data_points
    assert tuple(point.explicit_bounds) == Measures.SERVED.buckets
    assert [exemplar.trace_id for exemplar in point.exemplars] == [bytes.fromhex(kept[0].trace_id)]
    (answered,) = found[Measures.ANSWERS.name].sum.data_points
    assert [attribute.key for attribute in answered.attributes] == ["repartee.wording"]
    # What every process tells of itself.
    assert {Measures.UPTIME.name, Measures.CPU.name, Measures.MEMORY.name, Measures.LOOP_DELAY.name} <= set(found)


def test_the_last_values_are_sent_at_the_end() -> None:
    class Sink:
        def __init__(self) -> None:
            self.sent: list[Sequence[Reading]] = []
            self.closed = False

        def write(self, readings: Sequence[Reading], started_ns: int) -> None:
            self.sent.append(readings)

        def close(self) -> None:
            self.closed = True

    meter, sink = Meter(), Sink()
    pusher = Pusher(meter, lambda: (), sink, every_seconds=3600)
    meter.counter(Measures.TURNS, "hybrid", "assigned", "hit", "false").add()
    pusher.shutdown()
    pusher.shutdown()
    assert sink.closed
    assert [reading.measure for (reading,) in sink.sent] == [Measures.TURNS]


async def test_charges_are_tokens_by_model_and_dollars_by_component() -> None:
    meter = Meter()
    ledger = metered(MemoryLedger(), meter)
    reservation = await ledger.reserve(ACME, Allowance(), tokens=100, micro_usd=10)
    await ledger.settle(reservation, [_charge()])
    readings = {each.measure: each for each in meter.read()}
    assert {point.labels for point in readings[Measures.TOKENS].points} == {
        ("chat", "small-1", "input"),
        ("chat", "small-1", "output"),
    }
    assert readings[Measures.COST].points == [Point(("wording", "true"), 0.25)]


@pytest.mark.parametrize("wrong", ["prometheus", "prometheus:", "prometheus:x", "prometheus:70000", "statsd"])
def test_a_wrong_place_for_metrics_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="expected `none`, `otlp` or `prometheus:PORT`"):
        ServiceSettings(port=0, metrics=wrong)


def _record() -> TurnRecord:
    return TurnRecord(
        tenant=ACME,
        conversation_id="c1",
        turn_id="t1",
        assigned=Variant.HYBRID,
        rung=Rung.ASSIGNED,
        seconds=0.2,
        at=0.0,
        cache_hit=True,
    )


def _charge() -> Charge:
    return Charge(
        tenant=ACME,
        variant="hybrid",
        component="wording",
        agent="",
        tier="cloud",
        model="small-1",
        prompt_tokens=80,
        completion_tokens=20,
        cost_micro_usd=250_000,
        used=True,
        at=1.0,
        conversation_id="",
        turn_id="",
        attempt=1,
    )


def _scrape(port: object) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()
