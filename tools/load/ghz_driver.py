"""The driver that is ghz: a program of its own, known to load testers, with its results read as JSON."""

import asyncio
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from libs.common.errors import PreconditionFailed
from tools.load.calls import METHODS, LoadedCall
from tools.load.outcome import OK, Outcome
from tools.load.pace import MAX_CALLS, Pace
from tools.load.target import Target

_NANOSECONDS = 1e9
# Go says ResourceExhausted where gRPC's own name is RESOURCE_EXHAUSTED.
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class GhzDriver:
    """Runs ghz once for each load."""

    name = "ghz"

    async def version(self) -> str:
        return f"ghz {(await run_program('ghz', '--version')).strip()}"

    def cannot(self, call: LoadedCall, target: Target) -> str:
        del target
        return "a stream has no single latency" if call.stream else ""

    async def send(self, call: LoadedCall, target: Target, pace: Pace) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="repartee-load-") as folder:
            work = Path(folder)
            (work / "contract").write_bytes(contract().SerializeToString())
            (work / "request.json").write_text(call.json(target.tenant), encoding="utf-8")
            # In a file that only this user reads: a command line is seen by everybody on the machine.
            (work / "metadata.json").write_text(json.dumps({"authorization": target.credential_of(call)}))
            await run_program(*arguments(call, target, pace, work))
            return read_results((work / "results.json").read_text(encoding="utf-8"))


def contract() -> FileDescriptorSet:
    """Returns every message and service that is called, so that the target need not offer reflection."""
    files = FileDescriptorSet()
    seen = set[str]()

    def add(file: FileDescriptor) -> None:
        if file.name not in seen:
            seen.add(file.name)
            for needed in file.dependencies:
                add(needed)
            file.CopyToProto(files.file.add())

    for method in METHODS.values():
        add(method.containing_service.file)
    return files


def arguments(call: LoadedCall, target: Target, pace: Pace, work: Path) -> Sequence[str]:
    """Returns the command line. A person types the same with `--data` and `--metadata`."""
    command = ["ghz", "--protoset", str(work / "contract"), "--call", call.path.removeprefix("/")]
    command += ["--data-file", str(work / "request.json"), "--metadata-file", str(work / "metadata.json")]
    command += ["--connections", str(pace.connections), "--timeout", f"{pace.timeout_seconds}s"]
    command += ["--format", "json", "--output", str(work / "results.json")]
    if target.tls is None:
        command.append("--insecure")
    elif target.tls.ca_file is not None:
        command += ["--cacert", str(target.tls.ca_file)]
    if pace.is_closed:
        command += ["--concurrency", str(pace.concurrency)]
        # Together, ghz minds the duration alone.
        bounded = pace.calls < MAX_CALLS
        command += ["--total", str(pace.calls)] if bounded else ["--duration", f"{pace.seconds}s"]
    else:
        workers = max(pace.connections, min(pace.concurrency, pace.total))
        command += ["--rps", f"{max(1, round(pace.per_second))}", "--async", "--concurrency", str(workers)]
        command += ["--total", str(max(pace.total, workers))]
    return [*command, "--duration-stop", "wait", target.addresses[call.service]]


def read_results(text: str) -> Outcome:
    """Returns what ghz wrote as JSON. Raises PreconditionFailed (DRIVER_FAILED) for what is none of its results."""
    try:
        results: dict[str, Any] = json.loads(text)
        rows: list[dict[str, Any]] = results["details"] or []
        endings: dict[str, int] = {}
        for status, count in results["statusCodeDistribution"].items():
            name = _status(status)
            endings[name] = endings.get(name, 0) + int(count)
        latencies = sorted(float(row["latency"]) / _NANOSECONDS for row in rows if row["status"] == OK)
        return Outcome(latencies=latencies, endings=endings, seconds=float(results["total"]) / _NANOSECONDS)
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise PreconditionFailed("DRIVER_FAILED", "ghz wrote no results that can be read; run it by hand.") from failure


async def run_program(*command: str) -> str:
    """Runs a program to its end and returns what it printed. Raises PreconditionFailed (DRIVER_FAILED)."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = printed.decode(errors="replace")
    if process.returncode:
        said = text.strip().splitlines()
        raise PreconditionFailed("DRIVER_FAILED", f"{command[0]} failed: {said[-1] if said else 'it said nothing'}.")
    return text


def _status(name: str) -> str:
    if name == "Canceled":
        return "CANCELLED"
    return OK if name == OK else _WORD.sub("_", name).upper()
