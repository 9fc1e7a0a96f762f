"""A million questions asked as one tenant that others have answers to: none may be answered with another's.

`python -m benchmarks.cache_isolation [--probes N]`. Most run on the store in memory, every tenth on a real Valkey.
"""

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from benchmarks.cache_stand import (
    KEPT,
    LANGUAGE,
    REWORDED,
    KnownVectors,
    Replica,
    entry_of,
    owner_of,
    running_stand,
    unseen,
)
from benchmarks.figure import Figure
from libs.common.redis_store import RedisStore, TenantRedis
from libs.common.request_context import Principal
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.lookup import Question
from services.cache.store import AnswerStore

PROBES, ON_REDIS = 1_000_000, 100_000
PLAIN_TENANTS = 200
# Ids that begin alike, differ in case or signs, or are parts of the names of keys.
HOSTILE_TENANTS = (
    *("company_A", "company_AA", "company_", "Company_A", "company-A", "company_A-", "COMPANY_A", "company_a"),
    *("rows", "order", "expiry", "sizes", "version", "floor", "totals", "knowledge", "epoch", "semantic_cache", "x0"),
    *(
        "ab",
        "ab-c",
        "abc",
        "a-bc",
        "a_bc",
        "a1",
        "a11",
        "a1-1",
        "00",
        "000",
        "0-0",
        "tenant",
        "tenants",
        "None",
        "null",
    ),
)
TENANTS = (*(f"shop-{number}" for number in range(PLAIN_TENANTS)), *HOSTILE_TENANTS)
# Each tenant keeps these of the questions: all ask for what others have answers to.
_KEPT_SHARE = 0.9
_WORKERS = 2


@dataclass
class Tally:
    """What the probes came to. `foreign` answers are leaks."""

    probes: int = 0
    own: int = 0
    foreign: int = 0
    missed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.probes + other.probes,
            self.own + other.own,
            self.foreign + other.foreign,
            self.missed + other.missed,
        )


def marked(tenant: str) -> str:
    """Returns an answer that tells whose it is."""
    return f"réponse de <{tenant}>"


async def fill(store: AnswerStore, tenants: Sequence[str], dice: random.Random) -> None:
    """Keeps the tenants' marked answers."""
    vectors = KnownVectors()
    for tenant in tenants:
        for question in KEPT:
            if dice.random() > _KEPT_SHARE:
                continue
            entry, row = entry_of(tenant, question, text=marked(tenant), vector=vectors.of(question))
            await store.write(owner_of(tenant), entry, row, now=time.time())


async def probe(replica: Replica, tenants: Sequence[str], count: int, dice: random.Random) -> Tally:
    """Asks `count` questions as random tenants: kept words, other words, new ones, fields made to confuse keys."""
    tally = Tally()
    for number in range(count):
        tenant = dice.choice(tenants)
        found = await replica.answers.look_up(owner_of(tenant), _question(number, tenants, dice))
        tally.probes += 1
        if found.hit is None:
            tally.missed += 1
        elif found.hit.entry.text == marked(tenant):
            tally.own += 1
        else:
            tally.foreign += 1
    return tally


def _question(number: int, tenants: Sequence[str], dice: random.Random) -> Question:
    kind = dice.random()
    if kind < 0.80:
        return Question(dice.choice(KEPT), locale=LANGUAGE)
    if kind < 0.97:
        return Question(dice.choice(REWORDED), locale=LANGUAGE)
    if kind < 0.98:
        return Question(unseen(dice.choice(REWORDED), number), locale=LANGUAGE)
    other, question = dice.choice(tenants), dice.choice(KEPT)
    return dice.choice(
        (
            # Another tenant named where only the credential may name one.
            Question(question, agent=other, locale=LANGUAGE),
            Question(question, agent=f"{{{other}}}", locale=f"{LANGUAGE}:{other}"),
            Question(f"{other}\x00\x00{LANGUAGE}\x00{question}", locale=LANGUAGE),
            Question(f"semantic_cache:v2:{{{other}}}:x:{question}", locale=LANGUAGE),
            Question(question, agent=f"\x00{other}\x00", locale=LANGUAGE),
        )
    )


def probe_memory(count: int, seed: int) -> Tally:
    """Probes the store in memory, in a process of its own."""

    async def work() -> Tally:
        memory, dice = MemoryAnswers(max_tenants=len(TENANTS), max_ttl_seconds=86_400), random.Random(seed)
        await fill(memory, TENANTS, dice)
        return await probe(Replica(memory, memory), TENANTS, count, dice)

    return asyncio.run(work())


def _print(name: str, tally: Tally, begun: float) -> None:
    print(
        f"{name}: {tally.probes:,} probes as {len(TENANTS)} tenants, {tally.own:,} own answers, "
        f"{tally.missed:,} misses, {tally.foreign} foreign answers, {time.perf_counter() - begun:.0f} s"
    )


async def figures(probes: int = PROBES) -> list[Figure]:
    """Prints the tally; returns probes and leaks."""
    on_redis = min(ON_REDIS, probes // 10)
    begun = time.perf_counter()
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn")) as pool:
        loop, share = asyncio.get_running_loop(), (probes - on_redis) // _WORKERS
        parts = [loop.run_in_executor(pool, probe_memory, share, seed) for seed in range(_WORKERS)]
        tally = sum(await asyncio.gather(*parts), Tally())
    _print("memory", tally, begun)
    async with running_stand() as stand:
        begun, dice = time.perf_counter(), random.Random(on_redis)
        await fill(stand.store, TENANTS, dice)
        real = await probe(stand.replica, TENANTS, probes - tally.probes, dice)
        _print("Valkey", real, begun)
        seal_failures = stand.redis.seal_failures
        broken = await _with_the_check_deleted(stand.server.url)
    print(f"with the tenant check deleted: {broken.foreign:,} of {broken.probes:,} probes got a foreign answer")
    return [
        Figure("cache_cross_tenant_probes", tally.probes + real.probes, "probes", (">=", PROBES)),
        Figure("cache_cross_tenant_leaks", tally.foreign + real.foreign, "leaks", ("==", 0)),
        Figure("cache_cross_tenant_seal_failures", seal_failures, "values", ("==", 0)),
        Figure("cache_leaks_found_with_the_check_deleted", broken.foreign, "leaks", (">=", 1)),
    ]


class SharedByAll(RedisStore):
    """The mutant: every tenant gets the keys, and the seals, of one. What isolation is without its check."""

    def for_tenant(self, principal: Principal) -> TenantRedis:
        """Forgets whose keys were asked for."""
        del principal
        return super().for_tenant(owner_of("everybody"))


async def _with_the_check_deleted(url: str) -> Tally:
    async with contextlib.AsyncExitStack() as stack:
        redis = SharedByAll.connect(url, db=6, timeout_seconds=5.0)
        stack.push_async_callback(redis.aclose)
        store, dice = RedisAnswers(redis), random.Random(6)
        tenants = TENANTS[-20:]
        await fill(store, tenants, dice)
        return await probe(Replica.on(store, store_budget_seconds=5.0), tenants, 1_000, dice)


async def main() -> None:
    """Prints every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, default=PROBES)
    for figure in await figures(parser.parse_args().probes):
        print(figure)


if __name__ == "__main__":
    asyncio.run(main())
