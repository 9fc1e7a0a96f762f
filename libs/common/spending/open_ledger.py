"""The choice of a ledger by what there is to keep it in."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from libs.common.redis_store import RedisStore
from libs.common.spending.ledger import Ledger, SpendingRecords
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.redis_ledger import RedisLedger


class ReadableLedger(Ledger, SpendingRecords, Protocol):
    """A ledger that is written and read."""


@asynccontextmanager
async def open_ledger(store: RedisStore | None) -> AsyncGenerator[ReadableLedger]:
    """Runs a ledger in Redis within the block, or one in this process's memory without a store."""
    if store is None:
        yield MemoryLedger()
        return
    async with RedisLedger(store) as ledger:
        yield ledger
