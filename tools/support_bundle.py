"""`repartee support-bundle`: what somebody who helps needs to see, in one file, with secrets taken out."""

import io
import json
import os
import platform
import tarfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import grpc.aio
import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from libs.common.errors import ReparteeError
from libs.common.status import from_rpc_error
from repartee.v1 import common_pb2, common_pb2_grpc, rollout_pb2
from tools.connection import DEFAULT_PORT_BASE, PORTS, Connection, HostOption, PortBaseOption, console, run
from tools.ops_stub import DESCRIPTOR, stub_of
from tools.redaction import known_secrets, shown_settings, without_secrets
from tools.up import default_state

_STATUS = common_pb2.DESCRIPTOR.services_by_name["StatusService"]
_LAST_BYTES = 2 << 20
_METRICS_SECONDS = 3.0
_PACKAGES = ("repartee", "grpcio", "protobuf", "redis", "qdrant-client", "pydantic")


def support_bundle(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, .tar.gz.")] = Path(
        "support.tar.gz"
    ),
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            help="State folder of the stack, for its logs and traces.",
            show_default="~/.local/state/repartee",
        ),
    ] = None,
    metrics: Annotated[list[str] | None, typer.Option("--metrics", help="HOST:PORT of an endpoint of metrics.")] = None,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Write logs, traces, states of all services, the switch, its audit, metrics and versions into one file.

    Secrets are removed: by value those of this command's own environment and REPARTEE_SECRETS_DIR, by form all others.
    What does not answer is named in the file instead. Conversations, documents and tenants' bundles are not in it.
    """

    async def work() -> dict[str, str]:
        operator = Connection.for_operator(host=host, port_base=port_base)
        parts = {f"status/{name}.json": await _status(operator, name) for name in PORTS}
        parts |= await _switch(operator)
        return parts

    parts, folder = run(work), state or default_state()
    parts |= dict(_tails(folder, "logs/*.log"))
    parts |= dict(_tails(folder, "traces/*.jsonl"))
    parts |= {f"metrics/{place.replace(':', '-')}.txt": _scraped(place) for place in metrics or ()}
    parts["settings.json"] = json.dumps(shown_settings(os.environ), indent=2)
    parts["versions.json"] = json.dumps(_versions(), indent=2)
    write(output, parts, known=known_secrets(os.environ))
    console.print(f"{output}: {len(parts)} files. Look through it before you send it.")


def write(output: Path, parts: Mapping[str, str], *, known: Iterable[str] = ()) -> None:
    """Writes `parts` by name into a tar.gz that only its owner may read; `known` and other secrets are removed."""
    output.touch(mode=0o600)
    with tarfile.open(output, "w:gz") as archive:
        for name, text in sorted(parts.items()):
            content = without_secrets(text, known=known).encode()
            entry = tarfile.TarInfo(f"repartee-support/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(content))


async def _status(operator: Connection, name: str) -> str:
    async with operator.open(name, _STATUS) as channel:
        stub = common_pb2_grpc.StatusServiceStub(channel)
        try:
            return _json(await stub.GetStatus(common_pb2.GetStatusRequest(), timeout=5))
        except (grpc.aio.AioRpcError, ReparteeError) as failure:
            return _unanswered(failure)


async def _switch(operator: Connection) -> dict[str, str]:
    async with operator.open("router", DESCRIPTOR) as channel:
        stub = stub_of(channel)
        asked = {
            "switch/state.json": (stub.GetRollout, rollout_pb2.GetRolloutRequest()),
            "switch/audit.json": (stub.ListAudit, rollout_pb2.ListAuditRequest(page_size=100)),
            "switch/metrics.json": (stub.GetMetrics, rollout_pb2.GetMetricsRequest(window="24h", detail=True)),
        }
        found: dict[str, str] = {}
        for name, (method, request) in asked.items():
            try:
                found[name] = _json(await method(request, timeout=5))
            except (grpc.aio.AioRpcError, ReparteeError) as failure:
                found[name] = _unanswered(failure)
    return found


def _json(message: Message) -> str:
    return MessageToJson(message, preserving_proto_field_name=True)


def _unanswered(failure: grpc.aio.AioRpcError | ReparteeError) -> str:
    error = from_rpc_error(failure) if isinstance(failure, grpc.aio.AioRpcError) else failure
    return json.dumps({"unanswered": error.reason, "message": error.message}, ensure_ascii=False)


def _tails(state: Path, pattern: str) -> Iterator[tuple[str, str]]:
    for path in sorted(state.glob(pattern)):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LAST_BYTES))
            yield str(path.relative_to(state)), file.read().decode(errors="replace")


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "system": platform.platform(), **packages}


def _scraped(place: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{place}/metrics", timeout=_METRICS_SECONDS) as answer:
            return answer.read().decode(errors="replace")
    except OSError as error:
        return f"unanswered: {type(error).__name__}\n"
