"""`repartee support-bundle`: what somebody who helps needs to see, in one file, with secrets taken out."""

import io
import json
import os
import re
import tarfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
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
from tools.settings_table import SERVICES

_STATUS = common_pb2.DESCRIPTOR.services_by_name["StatusService"]
_LAST_BYTES = 2 << 20
_METRICS_SECONDS = 3.0
_REMOVED = "[removed]"

# Settings whose values are never shown, whatever their type: the name says that they open something.
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SECRET_TEXTS = (
    # A URL's user and password.
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{_REMOVED}@"),
    (re.compile(r"(?i)\bBearer\s+[^\s\"']+"), f"Bearer {_REMOVED}"),
    # Keys as vendors write them.
    (re.compile(r"\b(?:sk|gsk|xi|co|pk|rk)[-_][A-Za-z0-9_-]{12,}"), _REMOVED),
    (re.compile(r"(?i)((?:api[-_]?key|token|secret|password)\"?\s*[=:]\s*\"?)[^\s\"',}]+"), rf"\g<1>{_REMOVED}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), _REMOVED),
)


def support_bundle(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, .tar.gz.")] = Path(
        "support.tar.gz"
    ),
    state: Annotated[Path, typer.Option("--state", help="State folder of the stack, for its logs.")] = Path("state"),
    metrics: Annotated[list[str] | None, typer.Option("--metrics", help="HOST:PORT of an endpoint of metrics.")] = None,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Write logs, states of all services, the switch, its audit and metrics into one file; secrets are removed.

    What does not answer is named in the file instead. Conversations, documents and tenants' bundles are not in it.
    """

    async def work() -> dict[str, str]:
        operator = Connection.for_operator(host=host, port_base=port_base)
        parts = {f"status/{name}.json": await _status(operator, name) for name in PORTS}
        parts |= await _switch(operator)
        return parts

    parts = run(work)
    parts |= dict(_logs(state / "logs"))
    parts |= {f"metrics/{place.replace(':', '-')}.txt": _scraped(place) for place in metrics or ()}
    parts["settings.json"] = json.dumps(shown_settings(os.environ), indent=2)
    write(output, parts)
    console.print(f"{output}: {len(parts)} files. Look through it before you send it.")


def without_secrets(text: str) -> str:
    """Returns `text` with keys, tokens, passwords and private keys replaced."""
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def shown_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings in `environment`; of secret ones only that they are set."""
    secret = {
        f"REPARTEE_{name.upper()}"
        for settings in SERVICES.values()
        for name, field in settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    told = {name: value for name, value in environment.items() if name.startswith(("REPARTEE_", "USE_HYBRID", "LLM_"))}
    return {
        name: _REMOVED if name in secret or _SECRET_NAME.search(name) else without_secrets(value)
        for name, value in sorted(told.items())
    }


def write(output: Path, parts: Mapping[str, str]) -> None:
    """Writes `parts` by name into a tar.gz that only its owner may read; secrets in them are removed."""
    output.touch(mode=0o600)
    with tarfile.open(output, "w:gz") as archive:
        for name, text in sorted(parts.items()):
            content = without_secrets(text).encode()
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


def _logs(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.log")):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LAST_BYTES))
            yield f"logs/{path.name}", file.read().decode(errors="replace")


def _scraped(place: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{place}/metrics", timeout=_METRICS_SECONDS) as answer:
            return answer.read().decode(errors="replace")
    except OSError as error:
        return f"unanswered: {type(error).__name__}\n"
