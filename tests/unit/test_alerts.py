"""Dashboards and alerts speak only of metrics that exist, and every alert can be looked up and is tested."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from libs.common.measure import Kind, Labels, Measure, prometheus_name
from libs.common.measures import ALL
from services.hybrid_engine.llm.guarded_tier import TierState
from services.router.turn import Rung, Variant

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
RULES_TESTS = ROOT / "deploy" / "prometheus" / "rules.test.yaml"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
# fmt: off
WORDS = {
    "sum", "by", "rate", "increase", "or", "and", "vector", "histogram_quantile", "max", "min", "ignoring", "on",
    "group_left", "offset", "absent", "resets", "ln", "clamp_min",
}
# fmt: on
# What scraping gives each series, and a histogram its buckets.
SCRAPED = {"le", "job", "service", "instance", "namespace"}
GROUPED = r"(?:by|on|ignoring)\s*\(([^)]*)\)"
# Grafana's unit of a panel, and the units of measures that it may show; a ratio or a rate has one of its own.
DERIVED = {"percentunit", "cps", "reqps", "short", "currencyUSD"}
SHOWN: dict[str, set[str]] = {"s": {"s"}, "bytes": {"By"}, "percent": {"%"}}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def alert_cases() -> list[dict[str, Any]]:
    tests = yaml.safe_load(RULES_TESTS.read_text())["tests"]
    return [case for test in tests for case in test.get("alert_rule_test", ())]


def panels(path: Path) -> list[dict[str, Any]]:
    return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for path in DASHBOARDS:
        for annotation in json.loads(path.read_text())["annotations"]["list"]:
            yield f"{path.stem}: {annotation['name']}", annotation["expr"]
        for panel in panels(path):
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


def series_of(measure: Measure) -> set[str]:
    name = prometheus_name(measure)
    if measure.kind is Kind.HISTOGRAM:
        return {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return {f"{name}_total" if measure.kind is Kind.COUNTER else name}


def known_series() -> set[str]:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return {"up"} | recorded | {name for measure in ALL for name in series_of(measure)}


def without_values(expression: str) -> str:
    return re.sub(r'"[^"]*"', "", re.sub(r"\[[^]]*]", "", expression))


def series_in(expression: str) -> set[str]:
    bare = re.sub(GROUPED + r"|\{[^}]*\}|offset \w+", " ", without_values(expression))
    return set(re.findall(r"(?<![0-9.])[a-z_:][a-z0-9_:]*", bare)) - WORDS


def test_every_series_of_a_rule_or_a_panel_exists() -> None:
    found = list(expressions())
    assert len(found) > 150
    known = known_series()
    labels = {value.replace(".", "_") for name, value in vars(Labels).items() if not name.startswith("_")} | SCRAPED
    for place, expression in found:
        for grouped in re.findall(GROUPED + r"|\{([^}]*)\}", without_values(expression)):
            used = set(re.findall(r"[a-z_]+", " ".join(grouped)))
            assert used <= labels, (place, used - labels)
        assert series_in(expression) <= known, (place, series_in(expression) - known)


def test_every_measure_is_shown_or_watched() -> None:
    used = {series for _, expression in expressions() for series in series_in(expression)}
    assert not [measure.name for measure in ALL if not series_of(measure) & used]


def test_values_of_labels_are_those_that_are_counted() -> None:
    values = {
        "repartee_rung": {rung.name.lower() for rung in Rung},
        "repartee_variant": {variant.value for variant in Variant},
        "repartee_cache": {"hit", "miss"},
        "repartee_failed": {"true", "false"},
        "repartee_used": {"true", "false"},
        "repartee_state": {state.value for state in TierState},
        "repartee_source": {"seal", "canary"},
        "repartee_billing": {"billed", "free", "saved"},
        "repartee_wording": {"model", "template", "extract", "canned"},
    }
    for place, expression in expressions():
        for label, told in re.findall(r'(repartee_[a-z]+)=~?"([^"]*)"', expression):
            for value in told.split("|") if label in values else ():
                assert value in values[label], (place, value)


def test_every_alert_has_a_page_a_severity_and_tests() -> None:
    headings = {
        line[4:].lower() for line in (ROOT / "docs" / "RUNBOOK.md").read_text().splitlines() if line[:4] == "### "
    }
    fires = {case["alertname"] for case in alert_cases() if case["exp_alerts"]}
    stays_quiet = {case["alertname"] for case in alert_cases() if not case["exp_alerts"]}
    assert len(alerts()) > 25
    for rule in alerts():
        name = rule["alert"]
        assert rule["annotations"]["runbook_url"] == f"docs/RUNBOOK.md#{name.lower()}"
        assert name.lower() in headings
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert name in fires & stays_quiet
    assert {rule["alert"] for rule in alerts()} == fires


def test_bounds_of_objectives_are_bounds_of_buckets() -> None:
    buckets = {prometheus_name(each): {f"{bound:g}" for bound in each.buckets} for each in ALL if each.buckets}
    for place, expression in expressions():
        for name, bound in re.findall(r'([a-z_]+)_bucket\{[^}]*le="([^"]+)"', expression):
            assert bound in buckets[name], place


def test_promtool_agrees_where_it_is_installed() -> None:
    if (promtool := shutil.which("promtool")) is None:
        assert len(alerts()) >= 10
        return
    for arguments in (["check", "rules", str(RULES)], ["test", "rules", str(RULES_TESTS)]):
        done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_provisioned(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] == path.stem
    assert dashboard["tags"] == ["repartee"]
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "namespace", "runbook"]
    placed = dashboard["panels"]
    assert len({panel["id"] for panel in placed}) == len({panel["title"] for panel in placed}) == len(placed)
    taken: set[tuple[int, int]] = set()
    for panel in placed:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_panel_says_what_it_means_in_its_unit(path: Path) -> None:
    units = {name: measure.unit for measure in ALL for name in series_of(measure)}
    for panel in panels(path):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        unit = panel["fieldConfig"]["defaults"]["unit"]
        assert unit in DERIVED | set(SHOWN), panel["title"]
        for target in panel["targets"]:
            assert target["legendFormat"]
            assert 'namespace=~"$namespace"' in target["expr"], panel["title"]
            measured = {units[name] for name in series_in(target["expr"]) if name in units}
            if unit in SHOWN:
                assert measured == SHOWN[unit], (panel["title"], measured)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_waits_lead_to_their_traces(path: Path) -> None:
    """One query of a panel of seconds at most asks for exemplars: they would lie on top of each other."""
    for panel in panels(path):
        asked = [target for target in panel["targets"] if target.get("exemplar")]
        assert len(asked) <= 1 or "{{" in asked[0]["legendFormat"], panel["title"]
        assert not asked or panel["fieldConfig"]["defaults"]["unit"] == "s", panel["title"]
