"""The isolation drill: many companies ask one cache for each other's answers, and none may get one."""

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass

import grpc.aio
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from libs.common.errors import PreconditionFailed, Unavailable
from repartee.v1 import cache_pb2, cache_pb2_grpc
from tools.connection import Connection, console

_CACHE = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
_QUESTION = "Combien coûte la livraison express à Cocody ?"
_REWORDED = "Combien coûte une livraison express à Cocody ?"
_TTL_SECONDS = 120
_AT_ONCE = 8
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one size came to: `foreign` counts answers that were another's, `lost` own ones that were missing."""

    companies: int
    probes: int
    foreign: int
    lost: int
    seconds: float


async def drill_isolation(operator: Connection, sizes: tuple[int, ...] = (10, 1000)) -> list[Outcome]:
    """Keeps one answer to the same question for each of so many companies, and asks for it as each, in two wordings.

    Companies are made for the drill and forgotten after it. Raises PreconditionFailed (ISOLATION_BROKEN).
    """
    outcomes: list[Outcome] = []
    async with operator.open("cache", _CACHE) as channel:
        for size in sizes:
            outcome = await _drill(channel, size)
            outcomes.append(outcome)
            console.print(
                f"{size} companies: {outcome.probes} probes, {outcome.foreign} foreign answers, "
                f"{outcome.lost} own ones missing, {outcome.seconds:.1f} s"
            )
            if outcome.foreign or outcome.lost:
                raise PreconditionFailed(
                    "ISOLATION_BROKEN",
                    f"{outcome.foreign} companies got another's answer and {outcome.lost} did not get their own.",
                )
            if size <= 10:
                console.print("✅ TEST RÉUSSI : CACHE PARFAITEMENT ISOLÉ PAR COMPANY")
            else:
                console.print(f"✅ SCALABILITÉ VALIDÉE : {size} companies isolées")
    console.print("🎉 Chaque company ne voit que ses propres réponses.")
    return outcomes


async def _drill(channel: grpc.aio.Channel, size: int) -> Outcome:
    cache: cache_pb2_grpc.CacheServiceAsyncStub = cache_pb2_grpc.CacheServiceStub(channel)
    run = secrets.token_hex(4)
    tenants = [f"drill-{run}-{number:05}" for number in range(size)]
    begun = time.monotonic()
    limit = asyncio.Semaphore(_AT_ONCE)

    async def keep(tenant: str) -> None:
        request = cache_pb2.StoreAnswerRequest(
            tenant_id=tenant, query=_QUESTION, text=_answer_of(tenant), locale="fr", ttl_seconds=_TTL_SECONDS
        )
        async with limit:
            await cache.StoreAnswer(request)

    async def given(tenant: str, text: str) -> str:
        """Returns what a company is answered, nothing for a miss; a store that is slow is asked again."""
        request = cache_pb2.LookupAnswerRequest(tenant_id=tenant, query=text, locale="fr")
        for _ in range(_TRIES):
            found = await cache.LookupAnswer(request)
            if found.miss_reason != "STORE_UNAVAILABLE":
                return found.hit.text
        raise Unavailable("STORE_UNAVAILABLE", "The cache's store does not answer; look at Redis, and drill again.")

    async def ask(tenant: str) -> tuple[int, int]:
        async with limit:
            answers = [await given(tenant, text) for text in (_QUESTION, _REWORDED)]
        return sum(each not in ("", _answer_of(tenant)) for each in answers), answers.count("")

    async def stranger(tenant: str) -> int:
        async with limit:
            return int(await given(f"{tenant}-other", _QUESTION) != "")

    async def forget(tenant: str) -> None:
        async with limit:
            # What cannot be forgotten now is gone two minutes later.
            with contextlib.suppress(grpc.aio.AioRpcError):
                await cache.InvalidateAnswers(cache_pb2.InvalidateAnswersRequest(tenant_id=tenant, all=True))

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(f"{size} companies", total=3 * size)
        foreign = lost = 0
        try:
            for done in asyncio.as_completed([keep(tenant) for tenant in tenants]):
                await done
                progress.advance(bar)
            for answer in asyncio.as_completed([ask(tenant) for tenant in tenants]):
                theirs, missing = await answer
                foreign, lost = foreign + theirs, lost + missing
                progress.advance(bar)
            for leak in asyncio.as_completed([stranger(tenant) for tenant in tenants]):
                foreign += await leak
                progress.advance(bar)
        finally:
            await asyncio.gather(*(forget(tenant) for tenant in tenants))
    return Outcome(size, 3 * size, foreign, lost, time.monotonic() - begun)


def _answer_of(tenant: str) -> str:
    # In letters: what looks like a reference is one customer's, and would not be kept.
    name = "".join(chr(ord("a") + int(sign, 16)) for sign in tenant if sign in "0123456789abcdef")
    return f"Réponse de la company {name}."
