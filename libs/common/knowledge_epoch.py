"""The knowledge epoch of a tenant: a counter that grows with every change of its documents.

Answers made from documents keep the epoch they were made in; readers compare it. Writers advance it before the change.
"""

from libs.common.redis_store import TenantRedis


async def read_epoch(redis: TenantRedis) -> int:
    """Returns the tenant's epoch, 0 before its first document; raises Unavailable (STORE_UNAVAILABLE)."""
    value = await redis.get(redis.key("knowledge", "epoch"))
    return int(value) if value else 0


async def advance_epoch(redis: TenantRedis) -> int:
    """Returns the new epoch, one more than before; raises Unavailable (STORE_UNAVAILABLE)."""
    return await redis.incr(redis.key("knowledge", "epoch"))
