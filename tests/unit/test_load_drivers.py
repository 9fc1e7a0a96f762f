"""Drivers: what they are told, how their results are read, and which is taken."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from libs.common.channel import ClientTls
from libs.common.errors import FieldViolation, InvalidRequest, PreconditionFailed
from tools.load import driver as drivers
from tools.load import ghz_driver, h2load_driver
from tools.load.calls import CALLS, STREAMS, LoadedCall
from tools.load.command import DRIVERS
from tools.load.outcome import Outcome
from tools.load.pace import Pace
from tools.load.target import Target, local_stack

RECORDED = Path(__file__).parent.parent / "data" / "load"
CHAT = CALLS[0]
LOOKUP = next(call for call in CALLS if call.method.endswith("LookupAnswer"))
OPEN, CLOSED = Pace(seconds=3, per_second=40), Pace(seconds=3)
HERE = local_stack("acme", 50051)


def secured(authorization: str, *, tls: ClientTls | None = None) -> Target:
    """Returns a target of issued credentials."""
    return Target(
        addresses={"router": "127.0.0.1:1", "cache": "127.0.0.1:2"},
        tenant="acme",
        tenant_authorization=authorization,
        operator_authorization="",
        tls=tls,
    )


def test_results_of_ghz_are_read() -> None:
    outcome = ghz_driver.read_results((RECORDED / "ghz.json").read_text())
    assert outcome.endings == {"OK": 27, "INVALID_ARGUMENT": 19, "DEADLINE_EXCEEDED": 4}
    assert (outcome.calls, outcome.failed, len(outcome.latencies)) == (50, 23, 27)
    assert list(outcome.latencies) == sorted(outcome.latencies)
    assert 0.001 < outcome.percentile(0.5) < 0.02
    assert outcome.late_seconds == math.inf


def test_a_log_of_h2load_is_read() -> None:
    outcome = h2load_driver.read_log((RECORDED / "h2load.log").read_text())
    assert outcome.endings == {"OK": 12}
    assert outcome.percentile(0.0) == pytest.approx(0.003632)
    assert outcome.seconds > outcome.percentile(1.0)


def test_a_request_that_h2load_lost_is_no_success() -> None:
    outcome = h2load_driver.read_log("10\t200\t5\n11\t-1\t9\n")
    assert (outcome.failed, outcome.endings["HTTP_-1"], list(outcome.latencies)) == (1, 1, [5e-6])


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (ghz_driver.read_results, ""),
        (ghz_driver.read_results, "[]"),
        (ghz_driver.read_results, '{"details": [{}], "statusCodeDistribution": {}, "total": 1}'),
        (ghz_driver.read_results, '{"details": null}'),
        (h2load_driver.read_log, ""),
        (h2load_driver.read_log, "10\t200\n"),
        (h2load_driver.read_log, "no numbers here"),
    ],
)
def test_what_is_no_result_is_told_and_not_counted(read: Callable[[str], Outcome], text: str) -> None:
    with pytest.raises(PreconditionFailed, match="DRIVER_FAILED"):
        read(text)


def test_ghz_is_told_an_open_loop_and_never_the_credential(tmp_path: Path) -> None:
    command = ghz_driver.arguments(CHAT, secured("Bearer s3cret"), OPEN, tmp_path)
    line = " ".join(command)
    assert "--call repartee.v1.RouterService/Chat" in line
    assert "--rps 40 --async" in line
    assert "--total 120" in line
    assert "--insecure" in command
    assert "s3cret" not in line


def test_ghz_is_told_a_closed_loop_by_time_or_by_number(tmp_path: Path) -> None:
    by_time = ghz_driver.arguments(CHAT, HERE, CLOSED, tmp_path)
    by_number = ghz_driver.arguments(CHAT, HERE, Pace(seconds=3, calls=70), tmp_path)
    assert "--rps" not in by_time
    assert ("--duration" in by_time, "--total" in by_time) == (True, False)
    assert ("--duration" in by_number, "--total" in by_number) == (False, True)


def test_ghz_checks_the_server_by_the_named_roots(tmp_path: Path) -> None:
    command = ghz_driver.arguments(CHAT, secured("Bearer x", tls=ClientTls(ca_file=Path("ca.pem"))), OPEN, tmp_path)
    assert "--insecure" not in command
    assert command[command.index("--cacert") + 1] == "ca.pem"


def test_ghz_is_given_every_message_so_that_reflection_is_not_needed() -> None:
    names = [file.name for file in ghz_driver.contract().file]
    assert "repartee/v1/router.proto" in names
    assert names.index("google/protobuf/descriptor.proto") < names.index("repartee/v1/common.proto")


def test_h2load_sends_a_grpc_frame_at_the_pace_of_all_connections(tmp_path: Path) -> None:
    command = h2load_driver.arguments(LOOKUP, HERE, OPEN, tmp_path)
    assert command[command.index("--rps") + 1] == "10"
    assert command[command.index("--requests") + 1] == "120"
    assert command[-1] == "http://127.0.0.1:50054/repartee.v1.CacheService/LookupAnswer"


@pytest.mark.parametrize(
    ("call", "target", "why"),
    [
        (CHAT, HERE, "one and the same request"),
        (STREAMS[0], HERE, "no single latency"),
        (LOOKUP, secured("Bearer s3cret"), "shows its headers"),
        (LOOKUP, secured("Bearer dev:acme", tls=ClientTls()), "certificate"),
        (LOOKUP, HERE, ""),
    ],
)
def test_h2load_leaves_what_it_would_do_wrong(call: LoadedCall, target: Target, why: str) -> None:
    said = h2load_driver.H2loadDriver().cannot(call, target)
    assert why in said
    assert bool(said) == bool(why)


def test_the_first_installed_driver_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"h2load", "ghz"}
    monkeypatch.setattr(drivers.shutil, "which", lambda name: name if name in installed else None)
    assert drivers.choose("auto", DRIVERS).name == "ghz"
    installed.remove("ghz")
    assert drivers.choose("auto", DRIVERS).name == "h2load"
    installed.clear()
    assert drivers.choose("auto", DRIVERS).name == "own"
    with pytest.raises(PreconditionFailed, match="DRIVER_MISSING"):
        drivers.choose("ghz", DRIVERS)


def test_a_driver_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidRequest, match="auto, ghz, h2load, own"):
        drivers.choose("wrk", DRIVERS)


async def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(PreconditionFailed, match=r"sh failed: no such target\."):
        await ghz_driver.run_program("sh", "-c", "echo tried; echo no such target; exit 3")


@pytest.mark.parametrize(
    ("bounds", "field"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 1, "per_second": -1}, "per_second"),
        ({"seconds": 1, "per_second": 1e9}, "per_second"),
        ({"seconds": 1, "calls": 0}, "calls"),
        ({"seconds": 1, "concurrency": 2, "connections": 3}, "connections"),
        ({"seconds": 1, "timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_a_load_without_sensible_bounds_is_refused(bounds: dict[str, float], field: str) -> None:
    with pytest.raises(InvalidRequest, match="LOAD_UNBOUNDED") as refused:
        Pace(**bounds)  # type: ignore[arg-type]
    assert [violation.field for violation in refused.value.violations] == [field]
    assert isinstance(refused.value.violations[0], FieldViolation)


def test_an_open_loop_has_its_arrivals_evenly_spread_and_counted() -> None:
    assert list(Pace(seconds=1, per_second=4).arrivals()) == [0, 0.25, 0.5, 0.75]
    assert list(Pace(seconds=100, per_second=4, calls=2).arrivals()) == [0, 0.25]
    assert list(Pace(seconds=0.1, per_second=0.5).arrivals()) == [0]
