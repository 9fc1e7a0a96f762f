"""What the router counts with, by what there is to keep it in: usage, money spent, limits of turns."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from libs.common.redis_store import RedisStore
from libs.common.spending.open_ledger import open_ledger
from services.router.adapters.memory_limits import MemoryLimits
from services.router.adapters.memory_usage import MemoryUsage
from services.router.adapters.redis_limits import RedisLimits
from services.router.adapters.redis_usage import RedisUsage
from services.router.turn_limits import TurnLimits
from services.router.usage.query import UsageQuery
from services.router.usage.recording import UsageRecorder


@dataclass(frozen=True, slots=True)
class Accounts:
    """The recorder of turns, the question of operators, and the limits."""

    recorder: UsageRecorder
    query: UsageQuery
    limits: TurnLimits


@asynccontextmanager
async def open_accounts(
    redis: RedisStore | None, *, refused: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[Accounts]:
    """Runs them within the block: in Redis, or in this process's memory without one; `refused` as in TurnLimits.

    Without Redis, usage knows no money: what engines pay is in the memory of their own processes.
    """
    store = MemoryUsage() if redis is None else RedisUsage(redis)
    shared = None if redis is None else RedisLimits(redis)
    async with open_ledger(redis) as ledger, UsageRecorder(store) as recorder:
        yield Accounts(recorder, UsageQuery(store, ledger), TurnLimits(shared, MemoryLimits(), refused=refused))
