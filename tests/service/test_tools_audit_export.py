"""The audit written down elsewhere: gone on with, and every way of changing it found out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libs.common.redis_store import PlatformRedis, RedisStore
from repartee.v1 import rollout_pb2
from services.router.rollout.audit import AuditEntry, Head, chained
from tests.service.test_router import OPERATOR, Stack, running_stack
from tools.audit_export import read_audit
from tools.cli import app

pytest_plugins = ("tests.redis_fixture",)


@pytest.fixture
async def stack(redis_url: str) -> AsyncIterator[Stack]:
    async with running_stack(redis_url=redis_url) as running_one:
        yield running_one


@pytest.fixture
async def audit(redis_url: str) -> AsyncIterator[PlatformRedis]:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    yield store.platform
    await store.aclose()


async def change(stack: Stack, *percents: float) -> None:
    for percent in percents:
        request = rollout_pb2.SetRolloutRequest(percent=percent, reason=f"à {percent} %")
        await stack.rollout.SetRollout(request, metadata=OPERATOR)


async def export(stack: Stack, path: Path) -> tuple[int, str]:
    arguments = ["ops", "audit", "--export", str(path), "--port-base", str(stack.port)]
    ended = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    return ended.exit_code, " ".join(ended.output.split())


async def test_an_export_is_whole_and_is_gone_on_with(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    assert await export(stack, path) == (0, "0 entries added; the newest is 0, hash none.")
    await change(stack, *(number / 10 for number in range(1, 206)))
    code, said = await export(stack, path)
    entries = read_audit(path)
    assert (code, said) == (0, f"205 entries added; the newest is 205, hash {entries[-1].hash}.")
    assert [entry.sequence for entry in entries] == list(range(1, 206))
    assert (entries[0].actor, entries[0].reason) == ("dev-operator", "à 0.1 %")
    await change(stack, 50.0, 60.0)
    assert (await export(stack, path))[1].startswith("2 entries added; the newest is 207")
    assert (await export(stack, path))[1].startswith("0 entries added; the newest is 207")
    assert len(read_audit(path)) == 207


def drop_a_line(lines: list[str]) -> list[str]:
    return lines[:1] + lines[2:]


def drop_the_beginning(lines: list[str]) -> list[str]:
    return lines[1:]


def change_a_word(lines: list[str]) -> list[str]:
    return [lines[0].replace("dev-operator", "somebody"), *lines[1:]]


def cut_a_line(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1][:40]]


@pytest.mark.parametrize("harm", [drop_a_line, drop_the_beginning, change_a_word, cut_a_line])
async def test_a_file_that_was_changed_is_found_out(
    stack: Stack, tmp_path: Path, harm: Callable[[list[str]], list[str]]
) -> None:
    path = tmp_path / "audit.jsonl"
    await change(stack, 1.0, 2.0, 3.0)
    await export(stack, path)
    harmed = "\n".join(harm(path.read_text(encoding="utf-8").splitlines()))
    path.write_text(harmed, encoding="utf-8")
    code, said = await export(stack, path)
    assert (code, "AUDIT_BROKEN" in said) == (1, True)
    assert path.read_text(encoding="utf-8") == harmed


async def test_a_store_whose_whole_chain_was_written_anew_is_found_out(
    stack: Stack, audit: PlatformRedis, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    await change(stack, 1.0, 2.0, 3.0)
    await export(stack, path)
    key, head = audit.key("rollout", "audit"), Head()
    for place, kept in enumerate(await audit.command("LRANGE", key, 0, -1)):
        entry = AuditEntry.from_json(kept.replace(b"dev-operator", b"nobody").decode())
        written = chained(entry, head)
        head = written.head
        await audit.command("LSET", key, place, written.to_json())
    await audit.hset(audit.key("rollout", "head"), {"hash": head.hash})
    # By itself the forged chain is whole; only the file knows better.
    listed = await stack.rollout.ListAudit(rollout_pb2.ListAuditRequest(), metadata=OPERATOR)
    assert (listed.chain_intact, listed.entries[0].actor) == (True, "nobody")
    code, said = await export(stack, path)
    assert (code, "AUDIT_BROKEN The router's entry 3 is not the one" in said) == (1, True)
    assert len(read_audit(path)) == 3


async def test_a_store_that_lost_its_end_is_found_out(stack: Stack, audit: PlatformRedis, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    await change(stack, 1.0, 2.0, 3.0)
    await export(stack, path)
    await audit.command("RPOP", audit.key("rollout", "audit"))
    code, said = await export(stack, path)
    assert (code, "AUDIT_BROKEN" in said) == (1, True)
