"""What an upgrade is promised: a real Valkey full of records of earlier releases, migrated, killed in the middle."""

import asyncio
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.figure import Figure
from libs.common.embedded_redis import server_binary
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from libs.common.spending.redis_spending import RedisSpending
from libs.common.tenants.redis_source import RedisTenantStore
from services.cache.adapters.redis_answers import RedisAnswers
from services.router.adapters.redis_conversations import RedisConversations
from services.router.conversations import ConversationRef
from tests.fakes import old_records
from tests.fakes.redis_dump import dump

TENANTS, CONVERSATIONS, CHARGES, ANSWERS = 200, 50, 5, 20
MESSAGES = 4
_SECONDS = 10.0
_AT_ONCE = 16
# The lock of a killed run ends by itself; until then the next run says who holds it.
_PATIENCE_SECONDS, _ASK_SECONDS = 60.0, 3.0
_COUNT = re.compile(r"(\d+) [a-z]")
# The step in which a run is killed: the one that goes through the most records.
_STEP = b"2"


async def measure() -> list[Figure]:
    """Fills two stores alike: one is migrated in peace, the other is killed with -9 in the middle."""
    async with _valkey() as url:
        await _fill(url)
        before = dump(url)
        print(f"{TENANTS} tenants, {TENANTS * CONVERSATIONS} conversations, {len(before)} keys")
        dry = await _run(url, "--dry-run", expected=3)
        dry_writes = _differences(before, dump(url))
        await _run(url, expected=0)
        after = dump(url)
        second = await _run(url, expected=0)
        second_changes = _differences(after, dump(url))
        lost = await _lost(url)
    async with _valkey() as url:
        await _fill(url)
        await _kill_in_the_middle(url)
        await _run_until_free(url)
        left = await _run(url, "--again", "--dry-run", expected=None)
        unmigrated = sum(int(count) for line in left for count in _COUNT.findall(line.partition("would change")[2]))
        lost += await _lost(url)
    print("\n".join([*dry, "", *second]))
    return [
        Figure("migrate_second_run_changes", second_changes, "keys", ("==", 0)),
        Figure("migrate_dry_run_writes", dry_writes, "keys", ("==", 0)),
        Figure("migrate_records_lost", lost, "records", ("==", 0)),
        Figure("migrate_after_kill_unmigrated", unmigrated, "records", ("==", 0)),
    ]


async def _fill(url: str) -> None:
    redis = RedisStore.connect(url, timeout_seconds=_SECONDS)
    answers = RedisStore.connect(url, db=5, timeout_seconds=_SECONDS)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def fill_tenant(tenant: str) -> None:
        async with turn:
            await old_records.put_tenant(redis, tenant)
            for number in range(CONVERSATIONS):
                state = old_records.AWAITING if number % 3 == 0 else old_records.NO_STATE
                user = f"u{number // 2}"
                await old_records.put_conversation(
                    redis, tenant, f"c{number}", user=user, messages=MESSAGES, state=state
                )
            for number in range(CHARGES):
                await old_records.put_charge(redis, tenant, conversation=f"c{number}")
            for number in range(ANSWERS):
                await old_records.put_answer(answers, tenant, f"e{number}")

    try:
        await asyncio.gather(*(fill_tenant(f"shop-{number}") for number in range(TENANTS)))
    finally:
        await redis.aclose()
        await answers.aclose()


async def _lost(url: str) -> int:
    """Returns how many records this version's own code does not read as they were written."""
    redis = RedisStore.connect(url, timeout_seconds=_SECONDS)
    answers = RedisStore.connect(url, db=5, timeout_seconds=_SECONDS)
    keeper, spending, kept = RedisConversations(redis), RedisSpending(redis), RedisAnswers(answers)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def lost_of(tenant: TenantId) -> int:
        async with turn:
            owner, lost = Principal("bench", tenant), 0
            for number in range(CONVERSATIONS):
                found = await keeper.load(ConversationRef(owner, f"c{number}"), "")
                expected = old_records.AWAITING if number % 3 == 0 else old_records.NO_STATE
                texts = [message.text for message in found.history]
                lost += found.state != expected or texts != [f"c{number} dit {at}" for at in range(MESSAGES)]
            lost += abs(CHARGES - len(await spending.recent(tenant, limit=100)))
            read = await kept.read(owner, [f"e{number}" for number in range(ANSWERS)])
            return lost + sum(entry is None for entry in read.entries)

    try:
        listed = await RedisTenantStore(redis).list_tenants(limit=2 * TENANTS)
        lost = sum(await asyncio.gather(*(lost_of(TenantId(f"shop-{number}")) for number in range(TENANTS))))
        return lost + TENANTS - sum(each.name == old_records.NAME for each in listed)
    finally:
        await redis.aclose()
        await answers.aclose()


def _differences(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> int:
    """Returns how many keys are not the same, byte for byte."""
    return sum(one.get(key) != other.get(key) for key in {*one, *other})


async def _start(url: str, *options: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tools.cli", "migrate", "--redis-url", url, *options)
    return await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def _run(url: str, *options: str, expected: int | None) -> list[str]:
    """Returns what a run prints; raises RuntimeError for another exit code than the expected one."""
    began = time.perf_counter()
    process = await _start(url, *options)
    said, errors = await process.communicate()
    print(f"migrate {' '.join(options)}: exit {process.returncode}, {time.perf_counter() - began:.1f} s")
    if expected is not None and process.returncode != expected:
        raise RuntimeError(errors.decode())
    return said.decode().splitlines()


async def _kill_in_the_middle(url: str) -> None:
    """Kills a run with -9 once it has noted a place within a step."""
    process = await _start(url)
    with Redis.from_url(url) as client:
        number, after = b"", b""
        while number != _STEP or not after:
            number, after = client.hmget("schema:conversations", "number", "after")
            if process.returncode is not None:
                raise RuntimeError("the run ended before it could be killed")
            await asyncio.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        version = client.hget("schema:conversations", "version")
    print(f"killed with -9 in step {number.decode()}, stamped {version.decode()}, at {after.decode()}")


async def _run_until_free(url: str) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            process = await _start(url)
            _, errors = await process.communicate()
            if process.returncode == 0:
                return
            if b"MIGRATION_RUNNING" not in errors:
                raise RuntimeError(errors.decode())
            await asyncio.sleep(_ASK_SECONDS)


@asynccontextmanager
async def _valkey() -> AsyncIterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="rp-"))
    options = ("--port", "0", "--unixsocket", f"{folder}/s", "--save", "", "--appendonly", "yes", "--dir", str(folder))
    process = await asyncio.create_subprocess_exec(str(server_binary()), *options, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if b"ready to accept connections" in line.lower():
                break
        yield f"unix://{folder}/s"
    finally:
        process.terminate()
        await process.communicate()
        shutil.rmtree(folder)


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
