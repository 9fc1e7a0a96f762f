"""A real Valkey server for tests, one per session, empty at the start of each test."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from libs.common.embedded_redis import server_binary


@contextlib.contextmanager
def _running_server(*options: str) -> Iterator[str]:
    # Short: a unix socket's path has a limit of 107 bytes, and pytest's own folders are deep.
    folder = Path(tempfile.mkdtemp(prefix="rp-"))
    socket_path = folder / "s"
    process = subprocess.Popen(
        [server_binary(), "--port", "0", "--unixsocket", socket_path, "--save", "", "--dir", folder, *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        ready = any("ready to accept connections" in line.lower() for line in process.stdout)
        assert ready, f"the test server ended with code {process.wait()}"
        yield f"unix://{socket_path}"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a server that keeps nothing on disk and ends with the session."""
    with _running_server() as url:
        yield url


def query_engines() -> list[str]:
    """Returns the redisearch.so to test with: one named by REPARTEE_REDISEARCH_MODULE, or none.

    It is source-available and no dependency of the product; `benchmarks/rivals.txt` names a package that carries it.
    """
    named = os.environ.get("REPARTEE_REDISEARCH_MODULE", "")
    return [named] if named else []


@pytest.fixture(scope="session")
def query_engine_server() -> Iterator[str]:
    """The URL of a server with Redis's query engine in it."""
    with _running_server("--loadmodule", *query_engines()) as url:
        yield url


@pytest.fixture
def query_engine_url(query_engine_server: str) -> str:
    """As `redis_url`, with the query engine, which knows database 0 only."""
    with Redis.from_url(query_engine_server) as client:
        client.flushall()
        client.script_flush()
    return query_engine_server


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of a real, empty server; add `?db=5` or use RedisStore.connect(url, db=5) for another database."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
        client.script_flush()
    return redis_server
