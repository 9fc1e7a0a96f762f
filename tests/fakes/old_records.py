"""Records as earlier releases wrote them, in a real Redis: what migrations find."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from libs.common.redis_store import RedisStore, TenantRedis
from libs.common.request_context import Principal, TenantId
from libs.common.spending.ledger import Charge
from services.cache.entries import Entry, Row, encode_entry, encode_row, scope_of
from services.router.adapters.sealed_conversation import state_bytes, state_place
from services.router.adapters.wire import write_message
from services.router.turn import NO_STATE, FlowState, Message

BUNDLE = Path(__file__).parent.parent.parent / "examples" / "tenants" / "rue-du-gros" / "tenant.yaml"
NAME = "Rue du Gros"
DAYS_30 = 30 * 86_400
NOW = 1_780_000_000.0
AWAITING = FlowState(flow_id="commande", phase="collecting", awaiting_slot="tel")


def of(store: RedisStore, tenant: str) -> TenantRedis:
    """Returns a tenant's part of the store."""
    return store.for_tenant(Principal("test", TenantId(tenant)))


async def put_tenant(store: RedisStore, tenant: str, *, bundle: str = "") -> None:
    """Before lists of tenants had names."""
    platform = store.platform
    text = bundle or BUNDLE.read_text(encoding="utf-8")
    fields = {"version": 3, "bundle": text, "actor": "ops", "reason": "begin", "updated_ms": 1_779_000_000_000}
    await platform.hset(platform.key("tenant", tenant), fields)
    await platform.command("ZADD", platform.key("tenants", "index"), 0, tenant)


async def put_conversation(
    store: RedisStore,
    tenant: str,
    conversation: str,
    *,
    user: str = "",
    messages: int = 2,
    state: FlowState = NO_STATE,
    awaited: bool | None = None,
) -> None:
    """Before a conversation named its customers' lists; without `awaited`, before it said that a slot is awaited."""
    redis = of(store, tenant)
    head, said = redis.key("conv", conversation), redis.key("conv-messages", conversation)
    pipeline = redis.pipeline()
    pipeline.command("HSET", head, "v", messages, "s", redis.seal(state_place(head), state_bytes(state)))
    if awaited is not None:
        pipeline.command("HSET", head, "a", "1" if awaited else "")
    for number in range(messages):
        author = "bot" if number % 2 else "customer"
        message = Message(f"t{number // 2}", author, f"{conversation} dit {number}", created_at=NOW + number)
        pipeline.command("RPUSH", said, redis.seal(said, write_message(message).SerializeToString()))
    pipeline.command("EXPIRE", head, DAYS_30).command("EXPIRE", said, DAYS_30)
    if user:
        listed = redis.key("conv-user", user)
        pipeline.command("SADD", listed, conversation).command("EXPIRE", listed, DAYS_30)
    await pipeline.execute()


async def put_charge(store: RedisStore, tenant: str, *, conversation: str, turn: str = "t1", cost: int = 7) -> None:
    """Before charges named conversations by digests."""
    redis = of(store, tenant)
    key = redis.key("spend-recent")
    charge = Charge(
        tenant=TenantId(tenant),
        variant="hybrid",
        component="wording",
        agent="sales",
        tier="tier-1",
        model="gpt-4o-mini",
        prompt_tokens=10,
        completion_tokens=5,
        cost_micro_usd=cost,
        used=True,
        at=NOW,
        conversation_id=conversation,
        turn_id=turn,
        attempt=1,
    )
    sealed = redis.seal(key, json.dumps(asdict(charge)).encode())
    await redis.command("XADD", key, "*", "c", sealed)
    await redis.command("EXPIRE", key, DAYS_30)


async def put_answer(store: RedisStore, tenant: str, entry_id: str, *, text: str = "De 9 h à 18 h.") -> int:
    """Before tenants had a limit of bytes; returns what the answer weighs."""
    redis = of(store, tenant)
    family = "semantic_cache:v2"
    rows, key = redis.key(family, "rows"), redis.key(family, "x", entry_id)
    scope = scope_of(agent="sales", language="fr", embedder_id="e1")
    entry = Entry(entry_id, "Vos horaires ?", text, "sales", "fr", "hybrid", (), 0, NOW, NOW + DAYS_30)
    row = Row(entry_id, scope, 0, NOW + DAYS_30, (), np.ones(4, dtype=np.float32) / 2)
    sealed, sealed_row = redis.seal(key, encode_entry(entry)), redis.seal(f"{rows}:{entry_id}", encode_row(row))
    pipeline = redis.pipeline()
    pipeline.command("SET", key, sealed, "EX", DAYS_30)
    pipeline.command("HSET", rows, entry_id, sealed_row)
    pipeline.command("ZADD", redis.key(family, "order"), 1, entry_id)
    pipeline.command("ZADD", redis.key(family, "expiry"), NOW + DAYS_30, entry_id)
    pipeline.command("EXPIRE", rows, DAYS_30)
    await pipeline.execute()
    return len(sealed) + len(sealed_row)
