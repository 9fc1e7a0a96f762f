"""Dashboards and alerts speak only of metrics that exist, and every alert can be looked up."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from libs.common.measures import ALL, Kind, Labels, prometheus_name
from services.router.turn import Rung, Variant

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
RULES_TESTS = ROOT / "deploy" / "prometheus" / "rules.test.yaml"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
# Prometheus's own, and those of prometheus_client's collector of the process.
FOREIGN = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
WORDS = {"sum", "by", "rate", "increase", "or", "and", "vector", "histogram_quantile", "max", "min", "ignoring"}
WORDS |= {"group_left", "on"}
SCRAPED = {"le", "job", "service", "instance"}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


def known_series() -> set[str]:
    names = FOREIGN | {rule["record"] for rule in rules() if "record" in rule}
    for measure in ALL:
        name = prometheus_name(measure)
        if measure.kind is Kind.HISTOGRAM:
            names |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
        else:
            names.add(f"{name}_total" if measure.kind is Kind.COUNTER else name)
    return names


def test_every_series_of_a_rule_or_a_panel_exists() -> None:
    found = list(expressions())
    assert len(found) > 40
    known = known_series()
    labels = {value.replace(".", "_") for name, value in vars(Labels).items() if not name.startswith("_")} | SCRAPED
    for place, expression in found:
        bare = re.sub(r'"[^"]*"', "", re.sub(r"\[[^]]*]", "", expression))
        for grouped in re.findall(r"(?:by|on|ignoring)\s*\(([^)]*)\)|\{([^}]*)\}", bare):
            used = set(re.findall(r"[a-z_]+", " ".join(grouped)))
            assert used <= labels, (place, used - labels)
        bare = re.sub(r"(?:by|on|ignoring)\s*\([^)]*\)|\{[^}]*\}", " ", bare)
        used = set(re.findall(r"[a-z_:][a-z0-9_:]*", bare)) - WORDS
        assert used <= known, (place, used - known)


def test_values_of_labels_are_those_that_are_counted() -> None:
    values = {
        "repartee_rung": {rung.name.lower() for rung in Rung},
        "repartee_variant": {variant.value for variant in Variant},
        "repartee_cache": {"hit", "miss"},
        "repartee_failed": {"true", "false"},
        "repartee_used": {"true", "false"},
    }
    for place, expression in expressions():
        for label, value in re.findall(r'(repartee_[a-z]+)="([^"]*)"', expression):
            assert label == "repartee_dependency" or value in values[label], place


def test_every_alert_has_a_page_a_severity_and_a_test() -> None:
    headings = {
        line[4:].lower() for line in (ROOT / "docs" / "RUNBOOK.md").read_text().splitlines() if line[:4] == "### "
    }
    tested = {
        case["alertname"]
        for test in yaml.safe_load(RULES_TESTS.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    for rule in alerts():
        name = rule["alert"]
        assert rule["annotations"]["runbook"] == f"docs/RUNBOOK.md#{name.lower()}"
        assert name.lower() in headings
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert name in tested


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
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == "prometheus"
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
