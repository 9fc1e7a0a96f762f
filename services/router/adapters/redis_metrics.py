"""Counters and evidence in Redis: a hash for each bucket, added to by one script per batch and scope.

A tenant's keys carry its id; those of all tenants together are the platform's. Counters cannot be sealed, so each hash
of a tenant holds a seal of its own (`owner`) that is compared when it is read. Conversations are named by digests: in
HyperLogLogs to count them, in sorted sets by time to know the first of each.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from libs.common.redis_commands import Keyspace
from libs.common.redis_store import PlatformRedis, RedisStore, TenantRedis
from libs.common.request_context import Principal, TenantId
from services.router.adapters.metrics_scripts import ADD, CLAIM, RESTART, STAMP_SECONDS
from services.router.judging.counts import is_proof
from services.router.judging.store import (
    DEALT,
    DEALT_SECONDS,
    EVENT_SECONDS,
    EVERYBODY,
    Additions,
    Counted,
    Journal,
    Mark,
    Slice,
    Stamp,
)
from services.router.judging.windows import Bucket
from services.router.turn import Variant

JOURNAL_SECONDS = 90 * 86_400
_OWN_FIELDS = frozenset({"owner", "since", "reset", "recent", "closed"})


class RedisMetrics:
    """The store of metrics and evidence that all replicas share."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def claim(self, tenant: TenantId, stamp: Stamp, marks: Sequence[Mark]) -> Sequence[bool]:
        """Claims in one script."""
        keys = _Keys(self._store, tenant)
        flat = [part for mark in marks for part in (mark.kind, mark.conversation, mark.at)]
        answer: bytes = await keys.space.eval(
            CLAIM,
            (keys.stamps(stamp.recorder), keys.of(DEALT), keys.of("events"), keys.journal),
            (stamp.number, STAMP_SECONDS, DEALT_SECONDS, EVENT_SECONDS, *flat),
        )
        return [each == ord("1") for each in answer]

    async def add(self, scope: str, stamp: Stamp, additions: Additions) -> None:
        """Adds in one script."""
        keys = _Keys(self._store, scope)
        names = [keys.stamps(stamp.recorder), keys.journal, keys.of("suspects")]
        slices = [_written(each, keys, names) for each in additions.slices]
        batch = {"slices": slices, "recent": additions.recent, "suspects": list(additions.suspects)}
        seals = [keys.seal(name) for name in names[1:]]
        await keys.space.eval(ADD, names, (stamp.number, STAMP_SECONDS, JOURNAL_SECONDS, json.dumps(batch), *seals))

    async def counts(self, scope: str, buckets: Sequence[Bucket], *, conversations: bool = False) -> Counted:
        """Reads in one round trip."""
        keys = _Keys(self._store, scope)
        hashes = [keys.bucket(each) for each in buckets]
        pipeline = keys.space.pipeline(atomic=False)
        for name in hashes:
            pipeline.command("HGETALL", name)
        if conversations:
            for variant in Variant:
                first, *others = (keys.conversations(each, variant) for each in buckets)
                pipeline.command("PFCOUNT", first, *others)
        replies = await pipeline.execute()
        total: dict[str, float] = {}
        for name, reply in zip(hashes, replies, strict=False):
            for field, by in keys.opened(name, reply).items():
                total[field] = total.get(field, 0) + float(by)
        distinct = replies[len(hashes) :]
        return Counted(total, dict(zip(Variant, map(int, distinct), strict=True)) if conversations else {})

    async def reset(self, scope: str, *, buckets: Sequence[Bucket], at: float) -> None:
        """Ends the journal first: what was counted before `at` and arrives later is then left out."""
        keys = _Keys(self._store, scope)
        await self._begin(keys, at=at, is_reset=True)
        gone = [keys.bucket(each) for each in buckets]
        gone += [keys.conversations(each, variant) for each in buckets for variant in Variant]
        await keys.space.delete(keys.of(DEALT), *gone)

    async def journal(self, scope: str) -> Journal:
        """Reads in one round trip."""
        keys = _Keys(self._store, scope)
        pipeline = keys.space.pipeline().command("HGETALL", keys.journal).command("SMEMBERS", keys.of("suspects"))
        found, suspects = await pipeline.execute()
        fields = keys.opened(keys.journal, found, own_too=True)
        return Journal(
            fields={name: float(by) for name, by in fields.items() if name not in _OWN_FIELDS},
            recent=fields.get("recent", b"").decode(),
            suspects=frozenset(TenantId(each.decode()) for each in suspects),
            closed_at=float(fields.get("closed", 0)),
        )

    async def close(self, scope: str, *, at: float) -> None:
        """Notes the first rollback only."""
        keys = _Keys(self._store, scope)
        await keys.space.command("HSETNX", keys.journal, "closed", at)

    async def restart(self, scope: str, *, at: float) -> None:
        """Empties the journal in one script."""
        await self._begin(_Keys(self._store, scope), at=at, is_reset=False)

    async def _begin(self, keys: "_Keys", *, at: float, is_reset: bool) -> None:
        arguments = (at, "1" if is_reset else "", JOURNAL_SECONDS, keys.seal(keys.journal))
        await keys.space.eval(RESTART, (keys.journal, keys.of("suspects"), keys.of("events")), arguments)


class _Keys:
    """The keys of one scope."""

    def __init__(self, store: RedisStore, scope: str) -> None:
        self._tenant = store.for_tenant(Principal("metrics", TenantId(scope))) if scope != EVERYBODY else None
        self._made: TenantRedis | PlatformRedis = self._tenant or store.platform
        self.space: Keyspace = self._made
        self.journal = self.of("journal")

    def of(self, *parts: str) -> str:
        return self._made.key("metrics", *parts)

    def stamps(self, recorder: str) -> str:
        return self.of("stamps", recorder)

    def bucket(self, bucket: Bucket) -> str:
        return self.of(bucket.grain.value, str(bucket.start))

    def conversations(self, bucket: Bucket, variant: Variant) -> str:
        return self.of(bucket.grain.value, str(bucket.start), variant.value)

    def seal(self, key: str) -> bytes:
        return self._tenant.seal(key, b"") if self._tenant else b""

    def opened(self, key: str, flat: Sequence[bytes], *, own_too: bool = False) -> dict[str, bytes]:
        """Returns a hash as it was read, empty when it is another's."""
        pairs = iter(flat)
        fields = {name.decode(): value for name, value in zip(pairs, pairs, strict=True)}
        if fields and self._tenant and self._tenant.unseal(key, fields.get("owner", b"")) is None:
            return {}
        return fields if own_too else {name: by for name, by in fields.items() if name not in _OWN_FIELDS}


def _written(piece: Slice, keys: _Keys, names: list[str]) -> Mapping[str, Any]:
    """Returns a slice as the script reads it; adds its keys to `names`."""

    def place(name: str) -> int:
        names.append(name)
        return len(names)

    hashes = [{"place": place(keys.bucket(each)), "ttl": each.ttl_seconds} for each in piece.buckets]
    conversations = [
        {"place": place(keys.conversations(each, variant)), "ttl": each.ttl_seconds, "digests": list(digests)}
        for each in piece.buckets
        for variant, digests in piece.conversations.items()
        if digests
    ]
    return {
        "last": piece.last_at,
        "whole": {name: by for name, by in piece.fields.items() if isinstance(by, int)},
        "float": {name: repr(by) for name, by in piece.fields.items() if isinstance(by, float)},
        "proof": {name: repr(by) for name, by in piece.fields.items() if is_proof(name)},
        "hashes": hashes,
        "conversations": conversations,
    }
