"""The real processes, as a user starts them."""

import asyncio
import os
import signal
import socket
import sys
import wave
from pathlib import Path

import pytest

from libs.common.errors import PreconditionFailed
from tools.connection import PORTS
from tools.stack import StackOptions, free_port_base, running_stack

ROOT = Path(__file__).parent.parent.parent


async def repartee(*arguments: str, cwd: Path = ROOT) -> tuple[int, str]:
    """Runs the command and returns its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tools.cli",
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(os.environ) | {"COLUMNS": "200"},
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def test_the_demo_plays_every_step(tmp_path: Path) -> None:
    """An order, the cache, isolation, agents, a spoken reply and a trace, over gRPC between real processes."""
    code, printed = await repartee("demo", "--output", str(tmp_path / "reply.wav"))
    assert code == 0, printed
    assert "✗" not in printed
    with wave.open(str(tmp_path / "reply.wav")) as reply:
        assert (reply.getframerate(), reply.getsampwidth(), reply.getnchannels()) == (8000, 2, 1)
        assert reply.getnframes() > 16000


async def test_a_signal_stops_everything_that_up_started(tmp_path: Path) -> None:
    base = free_port_base()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.cli", "up", "--state", str(tmp_path), "--port-base", str(base)),
        *("--only", "cache,router"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed = ""
    async for line in process.stdout:
        printed += line.decode()
        if "Healthy in" in printed:
            break
    assert "Healthy in" in printed, printed
    process.send_signal(signal.SIGINT)
    await process.wait()
    assert process.returncode == 0
    for name in ("cache", "router"):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", base + PORTS[name])) != 0


async def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    base = free_port_base()
    with socket.socket() as taken:
        # As servers do: connections of a stack before may still linger on the port.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", base + PORTS["cache"]))
        taken.listen()
        with pytest.raises(PreconditionFailed) as refused:
            async with running_stack(StackOptions(state=tmp_path, port_base=base, only=["cache"])):
                raise AssertionError("it started")
    assert refused.value.reason == "PORT_TAKEN"
    assert str(base + PORTS["cache"]) in refused.value.message


async def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, printed = await repartee("up", "--state", str(tmp_path / "file" / "state"))
    assert code == 1
    assert "STATE_UNUSABLE" in printed
    assert "Traceback" not in printed


async def test_a_service_that_refuses_its_settings_says_which(tmp_path: Path) -> None:
    options = StackOptions(
        state=tmp_path, port_base=free_port_base(), only=["router"], environment={"USE_HYBRID_BOTLIVE": "perhaps"}
    )
    with pytest.raises(PreconditionFailed) as refused:
        async with running_stack(options):
            raise AssertionError("it started")
    assert refused.value.reason == "SERVICE_FAILED"
    assert "USE_HYBRID_BOTLIVE" in refused.value.message


async def test_a_broken_bundle_is_refused_with_its_places(tmp_path: Path) -> None:
    (tmp_path / "tenant.yaml").write_text("id: bad:id\nname: Test\ncolour: red\n")
    code, printed = await repartee("tenants", "check", str(tmp_path))
    assert code == 1
    assert "BUNDLE_INVALID" in printed
    assert "tenant.yaml:3" in printed
    assert "colour" in printed


@pytest.mark.parametrize("verb", ["up", "chat", "say", "ingest", "demo", "quicktest", "tenants"])
async def test_every_verb_teaches(verb: str) -> None:
    code, printed = await repartee(verb, "--help")
    assert code == 0
    assert "Usage" in printed
