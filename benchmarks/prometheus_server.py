"""Debian's Prometheus on loopback, for as long as a block: what it scrapes, and what its HTTP API answers."""

import asyncio
import json
import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RULES = Path("deploy/prometheus/rules.yaml")
_TARGETS = "targets.json"
_STOP_SECONDS = 10.0
_READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and its samples as (seconds since 1970, value)."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]


class Prometheus:
    """Asks a running server. Raises ValueError for a query that it refuses."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def range(self, query: str, *, start: float, end: float, step: float) -> list[Series]:
        """Returns what `query` gives from `start` to `end`, in seconds since 1970."""
        answer = await self.ask("query_range", query=query, start=start, end=end, step=step)
        return [
            Series(each["metric"], [(at, float(value)) for at, value in each["values"]]) for each in answer["result"]
        ]

    async def ask(self, what: str, **parameters: object) -> Any:
        """Returns the data of `/api/v1/WHAT`."""
        query = urllib.parse.urlencode(parameters)
        return await asyncio.to_thread(_get, f"{self._url}/api/v1/{what}?{query}")


def is_installed() -> bool:
    """Returns whether there is a `prometheus` to run."""
    return shutil.which("prometheus") is not None


def write_targets(folder: Path, targets: Mapping[str, str]) -> None:
    """Changes what a server in `folder` scrapes, from a second later on."""
    scraped = [{"targets": [target], "labels": {"service": service}} for target, service in targets.items()]
    new = folder / f"{_TARGETS}.new"
    new.write_text(json.dumps(scraped))
    new.replace(folder / _TARGETS)


@asynccontextmanager
async def running_prometheus(
    folder: Path, targets: Mapping[str, str], *, scrape_seconds: int = 1
) -> AsyncGenerator[Prometheus, None]:
    """Scrapes `targets` (`host:port` to the value of the label `service`) within the block, and follows our rules."""
    every = f"{scrape_seconds}s"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": f"{5 * scrape_seconds}s"},
        "rule_files": [str(RULES.resolve())],
        "scrape_configs": [
            {
                "job_name": "repartee",
                "file_sd_configs": [{"files": [str(folder / _TARGETS)], "refresh_interval": every}],
            }
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_targets(folder, targets)
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    port = _free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_ready(url, process)
        yield Prometheus(url)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"prometheus ended with {process.returncode}")
            try:
                await asyncio.to_thread(_text, f"{url}/-/ready")
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return


def _get(url: str) -> Any:
    try:
        answer = json.loads(_text(url))
    except urllib.error.HTTPError as refused:
        answer = json.loads(refused.read())
    if answer["status"] != "success":
        raise ValueError(answer["error"])
    return answer["data"]


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:  # loopback
        return response.read().decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
