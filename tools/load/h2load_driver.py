"""The driver that is h2load: HTTP/2 without gRPC, so the cheapest one, and blind to a call's status."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from libs.common.errors import PreconditionFailed
from tools.load.calls import LoadedCall
from tools.load.ghz_driver import run_program
from tools.load.outcome import OK, Outcome
from tools.load.pace import Pace
from tools.load.target import Target

_MICROSECONDS = 1e6
_DEVELOPMENT = "Bearer dev"


class H2loadDriver:
    """Runs h2load once for each load.

    Every call has the same body, a refused call counts as OK, because its status comes in a trailer that h2load does
    not read, and the credential stands on the command line: so no calls that must differ, and development credentials
    only.
    """

    name = "h2load"

    async def version(self) -> str:
        return (await run_program("h2load", "--version")).strip()

    def cannot(self, call: LoadedCall, target: Target) -> str:
        if call.stream:
            return "a stream has no single latency"
        if call.is_unique:
            return "h2load sends one and the same request"
        if target.tls is not None:
            return "h2load does not check a server's certificate"
        if not target.credential_of(call).startswith(_DEVELOPMENT):
            return "h2load shows its headers to everybody on the machine"
        return ""

    async def send(self, call: LoadedCall, target: Target, pace: Pace) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="repartee-load-") as folder:
            work = Path(folder)
            message = call.payload(target.tenant).blueprint
            # gRPC's frame: not compressed, and four bytes of length.
            (work / "body").write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
            await run_program(*arguments(call, target, pace, work))
            return read_log((work / "log").read_text(encoding="ascii"))


def arguments(call: LoadedCall, target: Target, pace: Pace, work: Path) -> Sequence[str]:
    """Returns the command line."""
    command = ["h2load", "--threads", "1", "--clients", str(pace.connections), "--data", str(work / "body")]
    command += [
        "--log-file",
        str(work / "log"),
        "--header",
        "content-type: application/grpc",
        "--header",
        "te: trailers",
    ]
    command += ["--header", f"authorization: {target.credential_of(call)}"]
    if pace.is_closed:
        command += ["--max-concurrent-streams", str(math.ceil(pace.concurrency / pace.connections))]
        command += ["--duration", str(math.ceil(pace.seconds))]
    else:
        # Its pace is for each connection, in whole requests.
        each = max(1, round(pace.per_second / pace.connections))
        command += ["--max-concurrent-streams", "100", "--rps", str(each), "--requests", str(pace.total)]
    return [*command, f"http://{target.addresses[call.service]}{call.path}"]


def read_log(text: str) -> Outcome:
    """Returns what h2load logged: a line for each request with its start and its duration in µs, and HTTP's status.

    Raises PreconditionFailed (DRIVER_FAILED) for what is no such log.
    """
    latencies: list[float] = []
    endings: dict[str, int] = {}
    first, last = math.inf, -math.inf
    try:
        for line in text.splitlines():
            start, status, lasted = (int(part) for part in line.split("\t"))
            ending = OK if status == 200 else f"HTTP_{status}"
            endings[ending] = endings.get(ending, 0) + 1
            first, last = min(first, start), max(last, start + lasted)
            if ending == OK:
                latencies.append(lasted / _MICROSECONDS)
    except ValueError as failure:
        raise PreconditionFailed("DRIVER_FAILED", "h2load wrote no log that can be read.") from failure
    if not endings:
        raise PreconditionFailed("DRIVER_FAILED", "h2load sent nothing; is the target there?")
    return Outcome(latencies=sorted(latencies), endings=endings, seconds=(last - first) / _MICROSECONDS)
