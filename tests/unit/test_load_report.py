"""What a load test tells: percentiles, gaps, ratios, table and picture."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tools.load.calls import CALLS, STREAMS, LoadedCall
from tools.load.crowd import Crowd
from tools.load.neighbours import Neighbours
from tools.load.outcome import Outcome, Tally, percentile
from tools.load.overload import Overload
from tools.load.pace import Pace
from tools.load.picture import picture
from tools.load.report import Report
from tools.load.rpcs import Measured, NotLoaded
from tools.load.streams import Chunk, Heard, StreamsMeasured

SVG = "{http://www.w3.org/2000/svg}"
TEXT = next(call for call in STREAMS if call.stream == "text")
AUDIO = next(call for call in STREAMS if call.stream == "audio")


def outcome(*milliseconds: float, failed: int = 0, seconds: float = 1.0) -> Outcome:
    """Returns calls that took so long, and some that failed."""
    tally = Tally()
    for each in milliseconds:
        tally.note("OK", each / 1000)
    for _ in range(failed):
        tally.note("RESOURCE_EXHAUSTED OVERLOADED", 0.001)
    return tally.outcome(seconds)


def measured(call: LoadedCall, *milliseconds: float, failed: int = 0) -> Measured:
    """Returns a row over a floor of 1 ms."""
    return Measured(call=call, driver="own", outcome=outcome(*milliseconds, failed=failed), floor=outcome(1.0))


def heard(*chunks: tuple[float, float]) -> Heard:
    """Returns a stream of chunks as (when it came, seconds of sound)."""
    return Heard([Chunk(at, sound) for at, sound in chunks], ended=chunks[-1][0])


def report() -> Report:
    """Returns a run with every part."""
    streams = [
        StreamsMeasured(call=TEXT, concurrency=1, heard=[heard((0.2, 0), (0.5, 0), (0.6, 0))]),
        StreamsMeasured(call=AUDIO, concurrency=1, heard=[heard((0.1, 0.2), (0.45, 0.2)), Heard(failure="TIMEOUT")]),
    ]
    return Report(
        target="a test",
        pace=Pace(seconds=1, per_second=10),
        drivers=["own"],
        conditions={"Cores": "2"},
        rpcs=[measured(call, 2.0, 9.0) for call in CALLS],
        not_loaded=[NotLoaded(CALLS[0], "it is refused")],
        streams=streams,
        overload=Overload(
            call=CALLS[0],
            driver="own",
            factor=2,
            capacity=outcome(*[1.0] * 100),
            overloaded=outcome(*[2] * 95, failed=9),
        ),
        neighbours=Neighbours(alone=[outcome(1, 2)], beside=[outcome(2, 3)], loud=[outcome(1, failed=3)]),
        crowd=Crowd(200, answered=200, seconds=3.0, latencies=[0.1, 0.2]),
    )


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert math.isnan(percentile([], 0.5))


def test_failed_calls_count_but_their_latency_does_not() -> None:
    found = outcome(5, 3, failed=2, seconds=2.0)
    assert (found.calls, found.failed, found.goodput) == (4, 2, 1.0)
    assert list(found.latencies) == [0.003, 0.005]


def test_a_row_is_judged_by_its_multiple_of_the_floor() -> None:
    most = CALLS[0].most_times_floor
    assert measured(CALLS[0], most).holds
    assert not measured(CALLS[0], most + 0.1).holds
    assert not measured(CALLS[0], 1.0, failed=1).holds


def test_silence_is_what_a_listener_hears_and_not_what_the_network_does() -> None:
    early = heard((0.1, 1.0), (0.9, 1.0))
    late = heard((0.1, 0.2), (0.45, 0.2), (0.5, 0.1))
    assert (early.largest_silence, early.largest_wait) == (0.0, pytest.approx(0.8))
    assert late.largest_silence == pytest.approx(0.15)
    assert (late.first, heard((0.3, 0)).largest_wait) == (0.1, 0)


def test_broken_streams_are_counted_and_not_timed() -> None:
    found = StreamsMeasured(call=AUDIO, concurrency=2, heard=[heard((0.1, 0.2)), Heard(failure="TIMEOUT")])
    assert (found.failed, found.endings, found.first(1.0)) == (1, ["TIMEOUT"], 0.1)


def test_the_report_says_every_part_and_what_fell_short() -> None:
    text = report().markdown()
    assert text.count("\n| router | ") == sum(call.service == "router" for call in CALLS) + 2
    assert "0.95 of capacity" in text
    assert "75% of its calls refused" in text
    assert "200 of 200 conversations" in text
    assert "Open loop, 10 calls a second" in text
    assert text.rstrip().endswith(f"- {AUDIO.name}: 1 streams failed")


def test_a_run_in_which_all_held_says_so() -> None:
    found = Report(target="t", pace=Pace(seconds=1), drivers=[], rpcs=[measured(CALLS[0], 2.0)])
    assert found.shortfalls == []
    assert "Everything held." in found.markdown()
    assert "Closed loop" in found.markdown()


def test_a_driver_that_was_late_says_by_how_much() -> None:
    row = measured(CALLS[0], 2.0)
    late = replace(row, outcome=replace(row.outcome, late_seconds=0.0042))
    found = Report(target="t", pace=Pace(seconds=1), drivers=[], rpcs=[row, late])
    assert "4.2 ms late" in found.sentences()[0]


def test_the_picture_has_a_bar_for_each_rpc_and_a_mark_for_each_chunk() -> None:
    run = report()
    drawing = ET.fromstring(picture(run.rpcs, run.streams, caption="2 cores <here>"))
    texts = [each.text or "" for each in drawing.iter(f"{SVG}text")]
    assert all(call.name in texts for call in (*CALLS, TEXT, AUDIO))
    assert "2 cores <here>" in texts
    assert len(list(drawing.iter(f"{SVG}title"))) == len(CALLS)
    marks = [each for each in drawing.iter(f"{SVG}rect") if each.get("width") == "2"]
    assert len(marks) == 5
    width, height = (float(drawing.get(name, "0")) for name in ("width", "height"))
    for each in drawing.iter(f"{SVG}rect"):
        assert float(each.get("x", 0)) + float(each.get("width", 0)) <= width
        assert float(each.get("y", 0)) + float(each.get("height", 0)) <= height


def test_a_slower_row_reaches_further_and_a_row_that_fell_short_is_red() -> None:
    slow, fast = measured(CALLS[1], 500.0, 900.0), measured(CALLS[0], 2.0, 3.0)
    drawing = ET.fromstring(picture([fast, slow], [], caption=""))
    dots = [each for each in drawing.iter(f"{SVG}circle") if each.get("r") == "5"][1:]
    assert float(dots[0].get("cx", 0)) < float(dots[1].get("cx", 0))
    assert dots[0].get("fill") != dots[1].get("fill")
