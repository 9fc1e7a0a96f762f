"""`repartee migrate` and the command of the services' images, as an operator runs them."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner

from libs.common.embedded_redis import start_embedded_redis
from libs.common.migrations.command import migrate_command
from libs.common.redis_store import RedisStore
from libs.common.settings import load_settings
from services.cache.migrations.stores import open_stores
from services.cache.settings import CacheSettings
from tests.fakes import old_records
from tests.fakes.redis_dump import dump
from tools.cli import app
from tools.stack import StackOptions, free_port_base, running_stack

pytest_plugins = ("tests.redis_fixture",)

ROOT = Path(__file__).parent.parent.parent
VARIABLES = ("REPARTEE_REDIS_URL", "REPARTEE_QDRANT_URL", "REPARTEE_STATE_DIR")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command names its servers in the environment, where the services' settings look."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")


@pytest.fixture
def state() -> Iterator[Path]:
    # Short: a unix socket's path has a limit of 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="rp-"))
    yield folder
    shutil.rmtree(folder)


def repartee(*arguments: str) -> tuple[int, str, str]:
    """Returns exit code, output and errors of `repartee migrate`; a wide terminal keeps lines whole."""
    ended = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["migrate", *arguments])
    return ended.exit_code, ended.stdout, ended.stderr


def service(*arguments: str) -> int:
    """Returns the exit code of `python -m services.cache migrate`."""
    return migrate_command(arguments, lambda: open_stores(load_settings(CacheSettings)))


async def fill(url: str) -> None:
    redis, answers = RedisStore.connect(url, timeout_seconds=5.0), RedisStore.connect(url, db=5, timeout_seconds=5.0)
    await old_records.put_tenant(redis, "shop")
    await old_records.put_conversation(redis, "shop", "c1", user="u1", awaited=False)
    await old_records.put_answer(answers, "shop", "e1")
    await redis.aclose()
    await answers.aclose()


def test_a_dry_run_finds_work_a_run_does_it_and_a_second_one_has_nothing_to_do(redis_url: str) -> None:
    asyncio.run(fill(redis_url))
    before = dump(redis_url)
    code, said, _ = repartee("--dry-run", "--redis-url", redis_url)
    assert code == 3, said
    assert dump(redis_url) == before
    assert "conversations: no stamp → version 4" in said
    assert "  2 customers: would change 1 conversations" in said
    assert "  1 answer-sizes: would change 1 answers" in said
    assert "warning: appendonly is no" in said
    assert said.endswith("Nothing was changed. Run it without --dry-run to carry this out.\n")
    code, said, _ = repartee("--redis-url", redis_url)
    assert code == 0, said
    assert "  3 tenants-named: changed 1 tenants" in said
    after = dump(redis_url)
    code, said, _ = repartee("--redis-url", redis_url)
    assert (code, dump(redis_url)) == (0, after)
    assert said.count("nothing to do") == 3
    assert said.endswith("Everything stored has the version of this code.\n")


def test_a_service_brings_up_its_own_stores_alone(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(redis_url))
    monkeypatch.setenv("REPARTEE_REDIS_URL", redis_url)
    assert service("--dry-run") == 3
    said = capsys.readouterr().out
    assert ("answers: no stamp → version 1" in said, "conversations" in said) == (True, False)
    assert service("--strict") == 1
    assert capsys.readouterr().err.startswith("STORE_UNFIT: ")
    assert (service(), service("--dry-run")) == (0, 0)
    with pytest.raises(SystemExit, match="2"):
        service("--wrong")
    with Redis.from_url(redis_url) as client:
        assert not client.exists("schema:conversations")


def test_the_router_s_module_runs_its_migrations(redis_url: str) -> None:
    asyncio.run(fill(redis_url))
    ended = subprocess.run(
        [sys.executable, "-m", "services.router", "migrate"],
        cwd=ROOT,
        env={"REPARTEE_REDIS_URL": redis_url, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "  2 customers: changed 1 conversations" in ended.stdout


def test_the_folder_of_a_stopped_stack_is_brought_up_and_that_of_a_running_one_refused(state: Path) -> None:
    async def run_and_refuse() -> str:
        running = await start_embedded_redis(state / "redis", port=None)
        await fill(running.url)
        _, _, errors = await asyncio.to_thread(repartee, "--state", str(state))
        await running.stop()
        return errors

    assert asyncio.run(run_and_refuse()).startswith("STATE_IN_USE")
    code, said, errors = repartee("--strict", "--state", str(state))
    assert code == 0, errors
    assert "  3 tenants-named: changed 1 tenants" in said
    assert "appendonly yes" in said


def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path: Path, redis_url: str) -> None:
    code, _, errors = repartee("--state", str(tmp_path))
    assert (code, errors.startswith("NOTHING_STORED  No stack has stored anything in")) == (1, True)
    code, _, errors = repartee("--redis-url", "unix:///nowhere/redis.sock")
    assert (code, errors) == (
        1,
        "STORE_UNAVAILABLE  The store of conversations cannot be reached: Redis does not answer (ConnectionError). "
        "See that it runs and that its URL is right; what was done stays done.\n",
    )
    code, _, errors = repartee("--redis-url", redis_url, "--qdrant-url", "http://127.0.0.1:1")
    assert (code, "The store of passages cannot be reached: The Qdrant server" in errors) == (1, True)
    assert repartee("--wrong")[0] == 2
    code, said, _ = repartee("--help")
    assert code == 0
    assert "3 a dry run found work" in " ".join(said.split())


def test_repartee_up_brings_up_what_an_earlier_release_left(state: Path) -> None:
    async def versions() -> list[bytes | None]:
        earlier = await start_embedded_redis(state / "redis", port=None)
        await fill(earlier.url)
        await earlier.stop()
        async with running_stack(StackOptions(state=state, port_base=free_port_base(), only=())) as stack:
            found: list[bytes | None] = []
            for number, name in ((0, "conversations"), (4, "patterns"), (5, "answers")):
                redis = RedisStore.connect(stack.redis_url, db=number, timeout_seconds=5.0)
                found.append(await redis.platform.hget(redis.platform.key("schema", name), "version"))
                await redis.aclose()
            return found

    assert asyncio.run(versions()) == [b"4", b"1", b"1"]
