"""Runs a blocking synthesis in a worker thread and hands its samples to the event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor

import numpy as np

from services.voice.audio import Resampler, Samples, SilenceTrimmer

# What the engine makes before it is handed on: a call into the loop per 4 ms would cost more than the speech itself.
_BLOCK_MS = 40

# Given a piece of PCM, says whether to go on.
Emit = Callable[[bytes], bool]


async def stream_from_thread(
    executor: Executor, synthesise: Callable[[Emit], None], *, from_hz: int, to_hz: int
) -> AsyncGenerator[Samples, None]:
    """Yields what `synthesise` emits, without the silence at its ends, at `to_hz`.

    Closing the iterator makes the next `emit` answer False and waits for `synthesise` to return. What it raises comes
    out here.
    """
    loop = asyncio.get_running_loop()
    blocks: asyncio.Queue[bytes | None] = asyncio.Queue()
    stopped = threading.Event()

    def emit(block: bytes) -> bool:
        if block and not stopped.is_set():
            loop.call_soon_threadsafe(blocks.put_nowait, block)
        return not stopped.is_set()

    def work() -> None:
        try:
            if not stopped.is_set():
                _in_blocks(synthesise, emit, block_bytes=from_hz * 2 * _BLOCK_MS // 1_000)
        finally:
            loop.call_soon_threadsafe(blocks.put_nowait, None)

    future = loop.run_in_executor(executor, work)
    trimmer, resampler = SilenceTrimmer(from_hz), Resampler(from_hz, to_hz)
    try:
        while (block := await blocks.get()) is not None:
            samples = resampler.push(trimmer.push(np.frombuffer(block, dtype=np.int16)))
            if len(samples):
                yield samples
        await future
        rest = resampler.push(trimmer.finish(), last=True)
        if len(rest):
            yield rest
    finally:
        stopped.set()
        await asyncio.wait([future])


def _in_blocks(synthesise: Callable[[Emit], None], emit: Emit, *, block_bytes: int) -> None:
    held = bytearray()

    def collect(piece: bytes) -> bool:
        held.extend(piece)
        if len(held) < block_bytes:
            return emit(b"")
        block = bytes(held)
        held.clear()
        return emit(block)

    synthesise(collect)
    emit(bytes(held))
