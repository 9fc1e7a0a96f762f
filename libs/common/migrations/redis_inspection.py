"""What a Redis must be like to keep conversations: its version, its persistence, what it does when it is full."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from redis.exceptions import ResponseError

from libs.common.migrations.finding import Finding
from libs.common.migrations.raw_commands import RawCommands
from libs.common.redis_store import RedisStore, Script

_LEAST_VERSION = (7, 2)
_WANTED = {
    "appendonly": ("yes", "a crash loses what was acknowledged: set `appendonly yes`"),
    "maxmemory-policy": ("noeviction", "what it evicts is conversations and the switch: set `noeviction`"),
}


async def inspect_server(store: RedisStore) -> Sequence[Finding]:
    """Returns findings about the server; raises Unavailable."""
    return [await _version(store), *[await _setting(store, name) for name in _WANTED]]


async def load_scripts(store: RedisStore, scripts: Mapping[str, Script], *, is_dry: bool) -> Sequence[Finding]:
    """Gives the server the scripts of this version, so that no first caller sends a source; a dry run only asks.

    Scripts have no other version than their digest: a changed one is another one, and processes of both versions run
    side by side.
    """
    redis = RawCommands(store)
    known = await redis.run(("SCRIPT", "EXISTS", *(script.sha for script in scripts.values())))
    missing = [script for script, is_known in zip(scripts.values(), known, strict=True) if not is_known]
    if not is_dry:
        await redis.run_many([("SCRIPT", "LOAD", script.source) for script in missing])
    done = f"{len(missing)} to load" if is_dry else f"{len(missing)} loaded"
    digests = ", ".join(f"{name} {script.sha[:10]}" for name, script in scripts.items())
    return [Finding("fact", f"{len(scripts)} scripts, {done}: {digests}")]


async def _version(store: RedisStore) -> Finding:
    said = cast("bytes", await RawCommands(store).run(("INFO", "server"))).decode()
    fields = dict(re.findall(r"^(\w+):(\S*)", said, re.MULTILINE))
    product = f"Valkey {fields['valkey_version']}" if "valkey_version" in fields else f"Redis {fields['redis_version']}"
    numbers = tuple(int(part) for part in fields["redis_version"].split(".")[:2])
    if numbers < _LEAST_VERSION:
        return Finding("warning", f"{product} is older than 7.2: upgrade it, or use Valkey 8 or later")
    return Finding("fact", product)


async def _setting(store: RedisStore, name: str) -> Finding:
    wanted, why = _WANTED[name]
    try:
        reply = cast("list[bytes]", await store.platform.connections.run(("CONFIG", "GET", name)))
    except ResponseError:
        reply = []
    if len(reply) != 2:
        return Finding("fact", f"{name} cannot be read here; it should be {wanted}")
    value = reply[1].decode()
    if value != wanted:
        return Finding("warning", f"{name} is {value}: {why}")
    return Finding("fact", f"{name} {value}")
