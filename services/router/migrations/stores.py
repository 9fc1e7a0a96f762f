"""The router's store: its steps in order, its scripts, and how to look at it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from libs.common.migrations.finding import Finding
from libs.common.migrations.redis_book import RedisBook
from libs.common.migrations.redis_inspection import inspect_server, load_scripts
from libs.common.migrations.runner import Store
from libs.common.redis_store import RedisStore, Script
from libs.common.spending.nameless_charges import NamelessCharges
from libs.common.spending.spending_scripts import HOLD, SETTLE
from libs.common.tenants import redis_source
from libs.common.tenants.missing_names import MissingNames
from services.router.adapters import redis_afterwards, redis_limits, redis_rollout, redis_usage
from services.router.adapters.conversation_scripts import AMEND, APPEND, COMMIT, DELETE, LOAD
from services.router.adapters.metrics_scripts import ADD, CLAIM, RESTART
from services.router.migrations.awaited_slots import AwaitedSlots
from services.router.migrations.customers import Customers
from services.router.migrations.left_turns import inspect_outbox
from services.router.settings import RouterSettings

NAME = "conversations"
# What holds something once anybody uses the store: tenants come first, and the switch is written at the first change.
SENTINELS = (("tenants", "index"), ("rollout", "state"))
SCRIPTS: Mapping[str, Script] = {
    "load": LOAD,
    "commit": COMMIT,
    "append": APPEND,
    "amend": AMEND,
    "delete": DELETE,
    **redis_limits.SCRIPTS,
    **redis_rollout.SCRIPTS,
    "metrics-claim": CLAIM,
    "metrics-add": ADD,
    "metrics-restart": RESTART,
    **redis_usage.SCRIPTS,
    **redis_afterwards.SCRIPTS,
    "spend-hold": HOLD,
    "spend-settle": SETTLE,
    **redis_source.SCRIPTS,
}
# One exchange of a migration moves more than a turn's does, and nobody waits for it.
_SECONDS = 10.0


def conversations_store(redis: RedisStore, state_dir: Path | None = None) -> Store:
    """Returns the database of conversations, tenants, the switch, metrics, usage and charges.

    With a `state_dir` its inspection reads the outbox in it too.
    """

    async def inspect(is_dry: bool) -> Sequence[Finding]:
        left = inspect_outbox(state_dir / "router" / "outbox") if state_dir is not None else ()
        return [*await inspect_server(redis), *await load_scripts(redis, SCRIPTS, is_dry=is_dry), *left]

    return Store(
        NAME,
        RedisBook(redis, NAME),
        (
            AwaitedSlots(redis, number=1),
            Customers(redis, number=2),
            MissingNames(redis, number=3),
            NamelessCharges(redis, number=4),
        ),
        inspect,
    )


@asynccontextmanager
async def open_stores(settings: RouterSettings) -> AsyncGenerator[Sequence[Store]]:
    """Opens what the router stores for a migration; nothing where no Redis is configured."""
    if settings.redis_url is None:
        yield ()
        return
    redis = RedisStore.connect(
        settings.redis_url.get_secret_value(), prefix=settings.redis_prefix, timeout_seconds=_SECONDS
    )
    try:
        yield (conversations_store(redis, settings.state_dir),)
    finally:
        await redis.aclose()
