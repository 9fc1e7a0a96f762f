"""Pictures of dashboards: scales, numbers as people read them, and panels with and without data."""

import math
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.dashboard_picture import picture_of
from benchmarks.plot_scale import Scale, shown_value
from benchmarks.prometheus_server import Series

BEGAN = 1_000.0
SPAN = (BEGAN, BEGAN + 60.0)


def panel(kind: str, legend: str, *, unit: str = "cps", **custom: Any) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 5}]
    return {
        "type": kind,
        "title": "Turns <all>",
        "gridPos": {"x": 0, "y": 0, "w": 8, "h": 8},
        "fieldConfig": {
            "defaults": {"unit": unit, "custom": {"drawStyle": "line", **custom}, "thresholds": {"steps": steps}},
            "overrides": [],
        },
        "targets": [{"legendFormat": legend}],
    }


def series(value: float, **labels: str) -> Series:
    return Series(labels, [(BEGAN + second, value) for second in range(60)])


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_curve_has_its_legend_with_mean_and_maximum() -> None:
    svg = picture_of("Turns", [(panel("timeseries", "{{arm}} p95"), [[series(2.0, arm="hybrid")]])], *SPAN)
    assert {"Turns <all>", "hybrid p95", "mean 2 /s", "max 2 /s", "45 s"} <= set(texts(svg))


def test_the_largest_curves_are_named_and_the_others_counted() -> None:
    many = [series(float(number), arm=f"a{number}") for number in range(9)]
    shown = texts(picture_of("x", [(panel("timeseries", "{{arm}}"), [many])], *SPAN))
    assert [each for each in shown if each.startswith("a")] == ["a8", "a7", "a6", "a5", "a4", "and 4 more"]


def test_what_is_stacked_stands_on_what_is_below() -> None:
    stacked = panel("timeseries", "{{arm}}", stacking={"mode": "normal"})
    both = [series(6.0, arm="a"), series(4.0, arm="b")]
    assert "10 /s" in texts(picture_of("x", [(stacked, [both])], *SPAN))


@pytest.mark.parametrize("kind", ["stat", "timeseries"])
@pytest.mark.parametrize("answer", [None, [], [Series({}, [(BEGAN, math.nan)])]], ids=["refused", "empty", "nan"])
def test_a_panel_without_a_number_says_so(kind: str, answer: list[Series] | None) -> None:
    assert "no data" in texts(picture_of("x", [(panel(kind, "a"), [answer])], *SPAN))


def test_a_number_has_the_color_of_its_threshold() -> None:
    svg = picture_of("x", [(panel("stat", "a"), [[series(7.0)]])], *SPAN)
    assert "7 /s" in texts(svg)
    assert "#f2495c" in svg


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0123, "percentunit", "1.23 %"),
        (0.0005, "s", "500 µs"),
        (90.0, "s", "1.5 min"),
        (3 * 86_400.0, "s", "3 d"),
        (3 << 20, "bytes", "3 MiB"),
        (1_500.0, "short", "1.5 k"),
        (0.5, "currencyUSD", "$0.5"),
        (0.0, "s", "0 s"),
    ],
)
def test_numbers_are_written_as_people_read_them(value: float, unit: str, shown: str) -> None:
    assert shown_value(value, unit) == shown


def test_ticks_are_round_and_within_the_scale() -> None:
    assert Scale.of([7.3], bottom=100, top=0).ticks() == pytest.approx([0, 2, 4, 6])
    assert Scale.of([0.004, 3.0], bottom=100, top=0, is_log=True).ticks() == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert Scale.of([250 * 2.0**20], bottom=100, top=0).ticks(base=2.0**20)[1] == 100 * 2.0**20
