"""A channel that is opened anew when the files behind its credentials change.

gRPC takes new files without a restart on servers only. Calls end on the channel on which they began.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from libs.common.certificate_files import CertificateFiles
from libs.common.listening import MAX_STREAM_SECONDS

_LOG = logging.getLogger(__name__)

# How often a channel that is used looks at its files; a mounted Secret itself may be a minute late.
LOOK_SECONDS = 10.0


class RenewedChannel(grpc.aio.Channel):
    """Calls by the newest channel that is connected. `connect` opens one; `now` counts seconds.

    New credentials that nobody takes never replace the old ones: a channel that does not connect gets no calls.
    """

    def __init__(
        self,
        files: CertificateFiles,
        connect: Callable[[grpc.ChannelCredentials], grpc.aio.Channel],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._connect, self._now = files, connect, now
        self._look_at = now() + LOOK_SECONDS
        self._current = connect(files.channel_credentials())
        self._replaced: list[grpc.aio.Channel] = []
        self._moving: asyncio.Task[None] | None = None
        self._finishing: set[asyncio.Task[None]] = set()

    def current(self) -> grpc.aio.Channel:
        """Returns the channel for the next call; now and then looks whether the files changed."""
        now = self._now()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            if self._files.refresh():
                if self._moving is not None:
                    self._moving.cancel()
                self._moving = asyncio.create_task(self._move(), name="renewing a channel")
        return self._current

    async def _move(self) -> None:
        renewed = self._connect(self._files.channel_credentials())
        try:
            await renewed.channel_ready()
        except asyncio.CancelledError:
            await renewed.close()
            raise
        old, self._current = self._current, renewed
        self._replaced.append(old)
        finishing = asyncio.create_task(self._finish(old), name="finishing calls of a channel that was replaced")
        self._finishing.add(finishing)
        finishing.add_done_callback(self._finishing.discard)
        _LOG.info("calls go by the new TLS files")

    async def _finish(self, old: grpc.aio.Channel) -> None:
        await old.close(MAX_STREAM_SECONDS)
        self._replaced.remove(old)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        tasks = [*self._finishing, *([self._moving] if self._moving is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(each.close(grace) for each in (self._current, *self._replaced)))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._current.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._current.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._current.channel_ready()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _Calls(self, lambda channel: channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Calls(self, lambda channel: channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _Calls(self, lambda channel: channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Calls(self, lambda channel: channel.stream_stream(*args, **kwargs))


class _Calls:
    """Calls one RPC by whichever channel is the newest."""

    __slots__ = ("_by", "_call", "_channel", "_make")

    def __init__(self, channel: RenewedChannel, make: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channel, self._make = channel, make
        self._by = channel.current()
        self._call = make(self._by)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        current = self._channel.current()
        if current is not self._by:
            self._by, self._call = current, self._make(current)
        return self._call(*args, **kwargs)
