"""Connections to Redis: a bounded set, borrowed for one exchange each, that is never reused after a broken one.

redis-py's client adds 25 to 40 µs to a round trip of 60 (its pool's condition variable, its metrics, its retry frames).
This module uses its connections and parser directly and keeps only what matters: a limit, a time-out, no hidden retry,
and that a cancelled or failed exchange closes its connection, so that a late reply can never reach another caller.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, cast

from hiredis import pack_command  # pyright: ignore[reportUnknownVariableType]  # its stub is not whole
from opentelemetry.trace import SpanKind
from redis.asyncio.connection import Connection, parse_url  # pyright: ignore[reportUnknownVariableType]  # untyped
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ReadOnlyError, RedisError, ResponseError

from libs.common.attributes import Names
from libs.common.errors import InvalidRequest, Unavailable
from libs.common.spans import RecordedSpan, start_below

Argument = str | bytes | int | float
Command = Sequence[Argument]

_HEALTH_CHECK_SECONDS = 30
# redis-py packs in Python, which takes eight times as long. Its stub knows of commands of one word only.
_pack = cast("Callable[[tuple[Argument, ...]], bytes]", pack_command)


class _Connection(Protocol):
    """The part of redis-py's connection used here."""

    @property
    def is_connected(self) -> bool: ...
    async def connect(self) -> None: ...
    async def disconnect(self, nowait: bool = False) -> None: ...
    async def can_read(self) -> bool: ...
    async def send_packed_command(self, command: Iterable[bytes]) -> None: ...
    async def read_response(self, *, disconnect_on_error: bool = True) -> Any: ...


class RedisConnections:
    """At most `max_connections` connections to one database; opens them when they are first needed."""

    def __init__(
        self,
        url: str,
        *,
        db: int | None,
        timeout_seconds: float,
        connect_timeout_seconds: float,
        max_connections: int,
    ) -> None:
        """Connects to nothing yet; raises InvalidRequest (REDIS_URL_INVALID) for a URL that is none."""
        try:
            options = cast("dict[str, Any]", parse_url(url))
        except ValueError:
            raise InvalidRequest(
                "REDIS_URL_INVALID",
                "The Redis URL must look like redis://host:6379/0, rediss://host:6379/0 or unix:///path/to.sock.",
            ) from None
        self._class: type[Any] = options.pop("connection_class", Connection)
        if db is not None:
            options["db"] = db
        # RESP2 and no library name: one round trip fewer per new connection.
        self._options: dict[str, Any] = {
            "protocol": 2,
            "driver_info": None,
            "retry": Retry(NoBackoff(), 0),
            "health_check_interval": _HEALTH_CHECK_SECONDS,
            **options,
            # One time-out around the whole exchange replaces redis-py's per-read ones.
            "socket_timeout": None,
            "socket_connect_timeout": connect_timeout_seconds,
        }
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: list[_Connection] = []
        self._closed = False

    async def run(self, command: Command, *, extra_seconds: float = 0.0, script: str = "") -> Any:
        """Returns the reply to one command; `extra_seconds` is added to the time-out for a command that blocks.

        `script` is the name of the one it runs, for traces.

        Raises ResponseError when the server refuses the command, and Unavailable (STORE_UNAVAILABLE) otherwise.
        """
        (reply,) = await self.run_many((command,), extra_seconds=extra_seconds, script=script)
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def run_many(self, commands: Sequence[Command], *, extra_seconds: float = 0.0, script: str = "") -> list[Any]:
        """Returns the replies to `commands`, sent together; a refused one is in its place as a ResponseError.

        Raises Unavailable (STORE_UNAVAILABLE) when the server cannot be reached in time; the commands may have run.
        """
        span = _start_span(commands, script)
        try:
            async with asyncio.timeout(self._timeout_seconds + extra_seconds) as limit, self._slots:
                return await self._exchange(commands, limit, extra_seconds)
        except (TimeoutError, OSError, RedisError) as error:
            if span is not None:
                span.fail(error)
            # On a unix socket redis-py wraps the refusal.
            if any(isinstance(fault, AuthenticationError) for fault in (error, error.__cause__)):
                raise Unavailable("STORE_UNAVAILABLE", "Redis refuses the user or password of its URL.") from error
            raise Unavailable("STORE_UNAVAILABLE", f"Redis does not answer ({type(error).__name__}).") from error
        finally:
            if span is not None:
                span.end()

    async def _exchange(self, commands: Sequence[Command], limit: asyncio.Timeout, extra_seconds: float) -> list[Any]:
        if self._closed:
            raise Unavailable("STORE_UNAVAILABLE", "The connection to Redis is closed already.")
        connection = self._idle.pop() if self._idle else cast("_Connection", self._class(**self._options))
        try:
            # A server that restarted leaves an end of stream behind; nothing else may be waiting to be read.
            if connection.is_connected and await connection.can_read():
                await connection.disconnect(nowait=True)
            if not connection.is_connected:
                now = asyncio.get_running_loop().time
                limit.reschedule(now() + self._connect_timeout_seconds)
                await connection.connect()
                limit.reschedule(now() + self._timeout_seconds + extra_seconds)
            await connection.send_packed_command([_pack(tuple(command)) for command in commands])
            replies: list[Any] = []
            for _ in commands:
                try:
                    replies.append(await connection.read_response(disconnect_on_error=False))
                except ResponseError as refusal:
                    replies.append(refusal)
        except BaseException:
            # Cancelled or broken midway: its unread reply would be the next caller's.
            await connection.disconnect(nowait=True)
            raise
        if self._closed or any(isinstance(reply, ReadOnlyError) for reply in replies):
            # A server that only reads has been replaced: the next connection may find the one that writes.
            await connection.disconnect(nowait=True)
        else:
            self._idle.append(connection)
        return replies

    async def aclose(self) -> None:
        """Closes the idle connections now and the others when their exchange ends."""
        self._closed = True
        while self._idle:
            await self._idle.pop().disconnect()


def _start_span(commands: Sequence[Command], script: str) -> RecordedSpan | None:
    """Returns the span of an exchange, named after its script or first command. Keys and values are not in it."""
    operation = str(commands[0][0])
    if operation == "MULTI":
        operation = f"MULTI {commands[1][0]}"
    span = start_below(f"redis {script or operation}", SpanKind.CLIENT, {Names.DB_SYSTEM: "redis"})
    if span is not None:
        span.attributes[Names.DB_OPERATION] = operation
        if script:
            span.attributes[Names.DB_SCRIPT] = script
        if len(commands) > 1:
            span.attributes[Names.DB_BATCH_SIZE] = len(commands)
    return span
