"""Commands on keys of Redis, one method each, with one named fault: STORE_UNAVAILABLE."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Self, cast

from redis.exceptions import NoScriptError, ResponseError

from libs.common.errors import Unavailable
from libs.common.redis_connections import Argument, Command, RedisConnections

StreamEntry = tuple[str, dict[str, bytes]]

# An idle server looks only ten times a second whether a blocked command's time is over.
_BLOCK_SLACK_SECONDS = 0.15


@dataclass(frozen=True)
class Script:
    """A Lua script; the server knows it by its digest after the first call. `name` is what traces call it."""

    source: str
    name: str = "script"
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.source.encode(), usedforsecurity=False).hexdigest())


class Pipeline:
    """Commands that are sent in one round trip; atomic ones run with nobody else's in between."""

    def __init__(self, keyspace: "Keyspace", *, atomic: bool) -> None:
        self._keyspace = keyspace
        self._atomic = atomic
        self._commands: list[Command] = []

    def command(self, name: str, key: str, *arguments: Argument) -> Self:
        """Adds a command whose first argument is its key; raises ValueError for a key of somebody else."""
        self._commands.append((name, self._keyspace.own(key), *arguments))
        return self

    def set(self, key: str, value: bytes, ttl_seconds: float | None = None) -> Self:
        """Adds a SET, with a time to live when one is given."""
        self._commands.append(_set_command(self._keyspace.own(key), value, ttl_seconds))
        return self

    async def execute(self) -> list[Any]:
        """Sends everything; returns the replies in order. Raises Unavailable (STORE_UNAVAILABLE)."""
        if not self._commands:
            return []
        commands, self._commands = self._commands, []
        if not self._atomic:
            replies = await self._keyspace.connections.run_many(commands)
        else:
            *queued, replies = await self._keyspace.connections.run_many([("MULTI",), *commands, ("EXEC",)])
            # A command refused while queueing makes EXEC fail too; the first refusal is the one that explains.
            replies = next(([reply] for reply in [*queued, replies] if isinstance(reply, ResponseError)), replies)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise _refused(reply) from reply
        return replies


class Keyspace(ABC):
    """Commands on one part of the keys. Every method raises Unavailable (STORE_UNAVAILABLE) when Redis fails."""

    def __init__(self, connections: RedisConnections, prefix: str) -> None:
        self.connections = connections
        self._prefix = prefix

    @abstractmethod
    def own(self, key: str) -> str:
        """Returns `key`; raises ValueError unless it belongs to this part of the keys."""

    async def command(self, name: str, key: str, *arguments: Argument) -> Any:
        """Returns the raw reply to a command whose first argument is its key (RPUSH, HINCRBY, EXPIRE…)."""
        return await self._run((name, self.own(key), *arguments))

    async def get(self, key: str) -> bytes | None:
        """Returns the value, or None."""
        return await self._run(("GET", self.own(key)))

    async def mget(self, *keys: str) -> list[bytes | None]:
        """Returns the values in the order of `keys`, None where there is none."""
        return await self._run(("MGET", *map(self.own, keys))) if keys else []

    async def set(
        self, key: str, value: bytes, ttl_seconds: float | None = None, *, only_if_absent: bool = False
    ) -> bool:
        """Stores `value`, forever without `ttl_seconds`; returns False when the key was there and had to be absent."""
        command = _set_command(self.own(key), value, ttl_seconds)
        return await self._run((*command, "NX") if only_if_absent else command) is not None

    async def delete(self, *keys: str) -> int:
        """Removes `keys`; returns how many were there."""
        return await self._run(("UNLINK", *map(self.own, keys))) if keys else 0

    async def incr(self, key: str, by: int = 1) -> int:
        """Adds `by` to a counter that begins at 0; returns the sum."""
        return await self._run(("INCRBY", self.own(key), by))

    async def expire(self, key: str, ttl_seconds: float) -> bool:
        """Limits the life of `key`; returns False when it is not there."""
        return bool(await self._run(("PEXPIRE", self.own(key), _milliseconds(ttl_seconds))))

    async def hget(self, key: str, name: str) -> bytes | None:
        """Returns one field of a hash, or None."""
        return await self._run(("HGET", self.own(key), name))

    async def hgetall(self, key: str) -> dict[str, bytes]:
        """Returns a hash, empty when there is none."""
        return _pairs(await self._run(("HGETALL", self.own(key))))

    async def hset(self, key: str, fields: Mapping[str, Argument]) -> int:
        """Sets fields of a hash; returns how many are new."""
        flat = [part for pair in fields.items() for part in pair]
        return await self._run(("HSET", self.own(key), *flat)) if flat else 0

    async def hdel(self, key: str, *names: str) -> int:
        """Removes fields of a hash; returns how many were there."""
        return await self._run(("HDEL", self.own(key), *names)) if names else 0

    async def eval(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Any:
        """Runs `script` atomically and returns its raw reply; sends the source only when the server lacks it."""
        rest = (len(keys), *map(self.own, keys), *arguments)
        try:
            return await self.connections.run(("EVALSHA", script.sha, *rest), script=script.name)
        except NoScriptError:
            return await self._run(("EVAL", script.source, *rest), script=script.name)
        except ResponseError as refusal:
            raise _refused(refusal) from refusal

    def pipeline(self, *, atomic: bool = True) -> Pipeline:
        """Returns an empty pipeline; atomic ones run as one MULTI/EXEC."""
        return Pipeline(self, atomic=atomic)

    async def append_to_stream(self, key: str, fields: Mapping[str, Argument], *, max_length: int = 10_000) -> str:
        """Adds an entry, drops old ones beyond about `max_length`; returns the entry's id."""
        flat = [part for pair in fields.items() for part in pair]
        return (await self._run(("XADD", self.own(key), "MAXLEN", "~", max_length, "*", *flat))).decode()

    async def last_stream_id(self, key: str) -> str:
        """Returns the id of the newest entry, "0-0" when there is none: where a reader begins that wants only news."""
        entries = _entries(await self._run(("XREVRANGE", self.own(key), "+", "-", "COUNT", 1)))
        return entries[0][0] if entries else "0-0"

    async def read_stream(
        self, key: str, after: str, *, block_seconds: float = 0.0, count: int = 100
    ) -> list[StreamEntry]:
        """Returns entries newer than the id `after`, waiting up to `block_seconds` for a first one; may be empty.

        Holds one connection while it waits.
        """
        block = ("BLOCK", _milliseconds(block_seconds)) if block_seconds > 0 else ()
        command = ("XREAD", "COUNT", count, *block, "STREAMS", self.own(key), after)
        reply = await self._run(command, extra_seconds=block_seconds + _BLOCK_SLACK_SECONDS if block else 0.0)
        return _entries(reply[0][1]) if reply else []

    async def _run(self, command: Command, *, extra_seconds: float = 0.0, script: str = "") -> Any:
        try:
            return await self.connections.run(command, extra_seconds=extra_seconds, script=script)
        except ResponseError as refusal:
            raise _refused(refusal) from refusal


def _set_command(key: str, value: bytes, ttl_seconds: float | None) -> Command:
    return ("SET", key, value) if ttl_seconds is None else ("SET", key, value, "PX", _milliseconds(ttl_seconds))


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _pairs(flat: Iterable[bytes]) -> dict[str, bytes]:
    parts = iter(flat)
    return {name.decode(): value for name, value in zip(parts, parts, strict=True)}


def _entries(reply: object) -> list[StreamEntry]:
    entries = cast("list[tuple[bytes, list[bytes]]]", reply or [])
    return [(entry_id.decode(), _pairs(fields)) for entry_id, fields in entries]


def _refused(refusal: ResponseError) -> Unavailable:
    # Only the code word: the rest of a refusal may quote arguments.
    word = str(refusal).split(" ", 1)[0]
    code = word if word.isalpha() and word.isupper() else type(refusal).__name__
    return Unavailable("STORE_UNAVAILABLE", f"Redis refused a command ({code}).")
