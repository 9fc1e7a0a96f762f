"""Whether every query of every dashboard has something to show: a real Prometheus watches a stack for a minute.

Alerts are counted too: those without tests that fire and do not fire, and those without a section of the runbook.
With REPARTEE_PICTURES=FOLDER the dashboards are drawn there as they looked.
"""

import asyncio
import json
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
import yaml

from benchmarks.busy_shop import TENANT
from benchmarks.dashboard_picture import picture_of
from benchmarks.figure import Figure
from benchmarks.prometheus_server import RULES, Prometheus, Series, is_installed, running_prometheus, write_targets
from benchmarks.shop_minute import LIMITED_TENANT, SECONDS, Shop
from libs.common.measure import Kind, Measure, prometheus_name
from libs.common.measures import ALL
from tools.fake_speech import API_KEY, FakeSpeech
from tools.stack import Stack, StackOptions, free_port_base, running_stack

DASHBOARDS = sorted(Path("deploy/grafana").glob("*.json"))
RULES_TESTS = Path("deploy/prometheus/rules.test.yaml")
RUNBOOK = Path("docs/RUNBOOK.md")
# A scrape of a process stays a matter of milliseconds.
MAX_SERIES = 3000
_STEP_SECONDS = 1.0
# What Grafana puts in: a window of several scrapes, and no namespace on this machine.
_VARIABLES = {"$__rate_interval": "10s", "$namespace": ".*", "${datasource}": ""}
_METRICS_LINE = re.compile(r"metrics on port (\d+)")
_WRITTEN_BY_CUSTOMERS = (TENANT, LIMITED_TENANT, "looping-customer", "talk-", "crowd-", "call-")


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel with the answers to its queries, in their order; None for a query that was refused."""

    dashboard: str
    spec: Mapping[str, Any]
    answers: Sequence[Sequence[Series] | None]

    @property
    def is_empty(self) -> bool:
        """True when no query has a number to show."""
        return not any(_has_number(each) for answer in self.answers for each in answer or ())


async def measure() -> list[Figure]:
    """Returns the figures; without a Prometheus only those of the alerts."""
    figures = _of_alerts()
    if not is_installed():
        print("there is no prometheus here (apt-get install prometheus): dashboards are not played")
        return figures
    with tempfile.TemporaryDirectory(prefix="repartee-") as folder:
        return [*figures, *await _of_dashboards(Path(folder))]


def _of_alerts() -> list[Figure]:
    names = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    cases = [
        case for test in yaml.safe_load(RULES_TESTS.read_text())["tests"] for case in test.get("alert_rule_test", ())
    ]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    stays_quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    headings = {line[4:] for line in RUNBOOK.read_text().splitlines() if line.startswith("### ")}
    print(f"{len(names)} alerts; {len(cases)} cases of promtool")
    return [
        Figure("alerts_untested", len(names - (fires & stays_quiet)), "alerts", ("==", 0)),
        Figure("alerts_without_runbook", len(names - headings), "alerts", ("==", 0)),
    ]


async def _of_dashboards(folder: Path) -> list[Figure]:
    async with FakeSpeech() as vendor:
        environment = {
            "REPARTEE_METRICS": "prometheus:0",
            "REPARTEE_ELEVENLABS_BASE_URL": vendor.base_url,
            "REPARTEE_ELEVENLABS_API_KEY": API_KEY,
            "REPARTEE_VOICE_COOLDOWN_SECONDS": "2",
            # So that a minute has some hits that are answered anew, and a probe of isolation.
            "REPARTEE_CACHE_SAMPLE_SHARE": "0.5",
            "REPARTEE_CACHE_CANARY_SECONDS": "5",
        }
        options = StackOptions(folder / "state", free_port_base(), fake_llm=True, environment=environment)
        async with running_stack(options) as stack, _beside_with_tls(folder, stack) as extra:

            def targets() -> dict[str, str]:
                ports = {child.name: _metrics_port(child.log) for child in stack.children} | extra
                return {f"127.0.0.1:{port}": name for name, port in ports.items()}

            async with running_prometheus(folder / "prometheus", targets()) as prometheus:
                # A process that starts anew shows its metrics elsewhere.
                shop = Shop(stack, vendor, restarted=lambda: write_targets(folder / "prometheus", targets()))
                return await _watch(shop, prometheus)


async def _watch(shop: Shop, prometheus: Prometheus) -> list[Figure]:
    await shop.open()
    began = time.time()
    await shop.live()
    end = began + SECONDS
    print(f"{SECONDS:.0f} s: {shop.turns} turns, {shop.calls} calls by telephone")
    panels = [panel async for panel in _panels(prometheus, began, end)]
    failed = sum(answer is None for panel in panels for answer in panel.answers)
    empty = [panel for panel in panels if panel.is_empty]
    for panel in empty:
        print(f"nothing to show: {panel.dashboard}: {panel.spec['title']}")
    kept = await prometheus.ask("series", **{"match[]": '{job="repartee"}', "start": began})
    names = {each["__name__"] for each in kept}
    missing = [each.name for each in ALL if not _series_names(each) & names]
    for name in missing:
        print(f"never seen: {name}")
    naming = [each for each in kept if any(word in value for value in each.values() for word in _WRITTEN_BY_CUSTOMERS)]
    counted = await prometheus.ask("query", query='sort_desc(count by (instance, service) ({job="repartee"}))')
    per_process = [(each["metric"]["service"], int(each["value"][1])) for each in counted["result"]]
    for service, count in per_process:
        print(f"{service:15} {count:5} series")
    turns = "repartee_turn_duration_seconds_bucket"
    exemplars = await prometheus.ask("query_exemplars", query=turns, start=began, end=end)
    await _tell_of_rules(prometheus, began, end)
    if folder := os.environ.get("REPARTEE_PICTURES"):
        _draw(Path(folder), panels, began, end)
    return [
        Figure("dashboard_queries", sum(len(panel.answers) for panel in panels), "queries", (">=", 100)),
        Figure("dashboard_queries_failed", failed, "queries", ("==", 0)),
        Figure("dashboard_panels_without_data", len(empty), "panels", ("==", 0)),
        Figure("metrics_never_seen", len(missing), "metrics", ("==", 0)),
        Figure("metric_labels_naming_tenants", len(naming), "series", ("==", 0)),
        Figure("metric_series_per_process", max(count for _, count in per_process), "series", ("<=", MAX_SERIES)),
        Figure("turns_with_exemplars", sum(len(each["exemplars"]) for each in exemplars), "exemplars", (">=", 1)),
    ]


async def _panels(prometheus: Prometheus, began: float, end: float) -> AsyncGenerator[Panel, None]:
    for path in DASHBOARDS:
        for spec in json.loads(path.read_text())["panels"]:
            if spec["type"] == "row":
                continue
            answers = [await _answer(prometheus, target["expr"], began, end) for target in spec["targets"]]
            yield Panel(path.stem, spec, answers)


async def _answer(prometheus: Prometheus, expression: str, began: float, end: float) -> Sequence[Series] | None:
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    try:
        return await prometheus.range(expression, start=began, end=end, step=_STEP_SECONDS)
    except ValueError as refused:
        print(f"refused: {expression}: {refused}")
        return None


async def _tell_of_rules(prometheus: Prometheus, began: float, end: float) -> None:
    """Prints which alerts sounded. A rule that cannot be computed raises RuntimeError."""
    for group in (await prometheus.ask("rules"))["groups"]:
        for rule in group["rules"]:
            if rule["health"] != "ok":
                raise RuntimeError(f"{rule['name']}: {rule.get('lastError') or rule['health']}")
    sounded = await prometheus.range('ALERTS{alertname!=""}', start=began, end=end, step=_STEP_SECONDS)
    for each in sorted({(one.labels["alertname"], one.labels["alertstate"]) for one in sounded}):
        print(f"alert {each[0]}: {each[1]}")


def _metrics_port(log: Path) -> int:
    """Returns the port of a process's metrics, from its log."""
    found = _METRICS_LINE.findall(log.read_text())
    if not found:
        raise RuntimeError(f"{log} names no port of metrics")
    return int(found[-1])


@asynccontextmanager
async def _beside_with_tls(folder: Path, stack: Stack) -> AsyncGenerator[dict[str, int], None]:
    """Runs one more process, whose server has a certificate; yields the port of its metrics by its name."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=20))
    issued.private_key_pem.write_to_path(str(folder / "tls.key"))
    (folder / "tls.crt").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    log = folder / "rag-with-tls.log"
    environment = {
        **os.environ,
        **stack.options.environment,
        "REPARTEE_PORT": "0",
        "REPARTEE_TLS_CERT_FILE": str(folder / "tls.crt"),
        "REPARTEE_TLS_KEY_FILE": str(folder / "tls.key"),
        "OPENBLAS_NUM_THREADS": "1",
    }
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.rag", stdout=sink, stderr=sink, env=environment
        )
    try:
        async with asyncio.timeout(30):
            while " serves on " not in log.read_text():
                if process.returncode is not None:
                    raise RuntimeError(log.read_text())
                await asyncio.sleep(0.1)
        yield {"rag-with-tls": _metrics_port(log)}
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _draw(folder: Path, panels: Sequence[Panel], began: float, end: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in DASHBOARDS:
        own = [(each.spec, each.answers) for each in panels if each.dashboard == path.stem]
        name = path.stem.removeprefix("repartee-")
        (folder / f"dashboard-{name}.svg").write_text(
            picture_of(json.loads(path.read_text())["title"], own, began, end), encoding="utf-8"
        )
    print(f"pictures: {folder}")


def _series_names(measure: Measure) -> set[str]:
    name = prometheus_name(measure)
    return {f"{name}_count"} if measure.kind is Kind.HISTOGRAM else {name, f"{name}_total"}


def _has_number(series: Series) -> bool:
    return any(math.isfinite(value) for _, value in series.samples)


if __name__ == "__main__":
    for each in asyncio.run(measure()):
        print(each)
