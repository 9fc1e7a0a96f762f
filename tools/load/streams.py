"""The tester of streams: when the first chunk came, and how long the listener or reader then waited for the next."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf import message_factory

from libs.common.status import from_rpc_error
from tools.load.calls import LoadedCall
from tools.load.outcome import percentile
from tools.load.target import Target

# What is asked for: 16-bit samples, 8,000 a second.
_BYTES_A_SECOND = 16_000.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece that came `at` so many seconds after the call, and what it holds: seconds of sound, or 0 for text."""

    at: float
    sound_seconds: float


@dataclass(slots=True)
class Heard:
    """One stream as its caller had it; `failure` is why it did not end well, or nothing."""

    chunks: list[Chunk] = field(default_factory=list[Chunk])
    ended: float = 0.0
    failure: str = ""

    @property
    def first(self) -> float:
        """Seconds from the call to the first chunk."""
        return self.chunks[0].at

    @property
    def largest_wait(self) -> float:
        """The longest time between two chunks, in seconds."""
        return max(
            (after.at - before.at for before, after in zip(self.chunks, self.chunks[1:], strict=False)), default=0
        )

    @property
    def largest_silence(self) -> float:
        """The longest silence that a listener hears who plays each chunk as soon as the one before ends, in seconds."""
        plays_until, longest = 0.0, 0.0
        for number, chunk in enumerate(self.chunks):
            if number:
                longest = max(longest, chunk.at - plays_until)
            plays_until = max(plays_until, chunk.at) + chunk.sound_seconds
        return longest


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsMeasured:
    """All streams of one RPC, `concurrency` of them at a time."""

    call: LoadedCall
    concurrency: int
    heard: Sequence[Heard]

    @property
    def failed(self) -> int:
        """Streams that broke or brought nothing."""
        return sum(bool(each.failure) for each in self.heard)

    @property
    def endings(self) -> Sequence[str]:
        """Why streams failed, each reason once."""
        return sorted({each.failure for each in self.heard if each.failure})

    def first(self, share: float) -> float:
        """Returns the time to the first chunk that `share` of the streams stay within."""
        return percentile(sorted(each.first for each in self.heard if not each.failure), share)

    def gap(self, share: float) -> float:
        """Returns the largest gap of a stream: silence for sound, a wait for text."""
        return percentile(sorted(self.gap_of(each) for each in self.heard if not each.failure), share)

    def whole(self, share: float) -> float:
        """Returns the time to the end of a stream."""
        return percentile(sorted(each.ended for each in self.heard if not each.failure), share)

    def gap_of(self, heard: Heard) -> float:
        """Returns what counts as a gap in one stream of this kind."""
        return heard.largest_silence if self.call.stream == "audio" else heard.largest_wait


async def measure_streams(
    call: LoadedCall, target: Target, *, count: int, concurrency: int, timeout_seconds: float = 60.0
) -> StreamsMeasured:
    """Opens `count` streams, `concurrency` at a time over as many connections as four, and times their chunks."""
    async with AsyncExitStack() as exits:
        channels = [await exits.enter_async_context(target.open(call.service)) for _ in range(min(4, concurrency))]
        await asyncio.gather(*(each.channel_ready() for each in channels))
        read = _reader(call)
        payload, metadata = call.payload(target.tenant), (("authorization", target.credential_of(call)),)
        heard: list[Heard] = []
        numbers = iter(range(count))

        async def listener() -> None:
            for number in numbers:
                begin = cast("Any", channels[number % len(channels)].unary_stream(call.path))
                body = payload.with_id(str(uuid.uuid4()))
                heard.append(await _listen(begin(body, metadata=metadata, timeout=timeout_seconds), read))

        await asyncio.gather(*(listener() for _ in range(concurrency)))
    return StreamsMeasured(call=call, concurrency=concurrency, heard=heard)


async def _listen(stream: AsyncIterator[bytes], read: "Callable[[bytes], float | None]") -> Heard:
    heard, begun = Heard(), time.perf_counter()
    try:
        async for raw in stream:
            at = time.perf_counter() - begun
            sound_seconds = read(raw)
            if sound_seconds is not None:
                heard.chunks.append(Chunk(at, sound_seconds))
    except grpc.aio.AioRpcError as failure:
        heard.failure = from_rpc_error(failure).reason
    heard.ended = time.perf_counter() - begun
    if not heard.chunks and not heard.failure:
        heard.failure = "NOTHING_CAME"
    return heard


def _reader(call: LoadedCall) -> "Callable[[bytes], float | None]":
    """Returns what reads a response: its seconds of sound, 0 for words, None for what is neither."""
    response = message_factory.GetMessageClass(call.descriptor.output_type)

    def sound(raw: bytes) -> float | None:
        message = cast("Any", response.FromString(raw))
        return len(message.chunk.samples) / _BYTES_A_SECOND if message.HasField("chunk") else None

    def words(raw: bytes) -> float | None:
        message = cast("Any", response.FromString(raw))
        return 0.0 if message.HasField("delta") and message.delta.text else None

    return sound if call.stream == "audio" else words
