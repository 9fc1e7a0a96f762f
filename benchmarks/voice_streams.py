"""How many callers one core can speak to in real time, by the length of the pieces of audio that they are sent.

`python -m benchmarks.voice_streams serve` is the server: its own process, so that its time is measured alone.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np

from benchmarks.figure import Figure
from libs.common.server import Registration, running_server
from libs.common.settings import ServiceSettings
from repartee.v1 import voice_pb2, voice_pb2_grpc
from services.voice.audio import AudioForm
from services.voice.chunks import ChunkAssembler, Segment

SERVICE = voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]
CREDENTIAL = (("authorization", "Bearer dev:bench"),)
FRAMES_MS = (20, 100, 200)
STREAMS, SECONDS = 40, 4.0
# As the local voice hands its speech on.
_PIECE = 320


class Pacing(voice_pb2_grpc.VoiceServiceServicer):
    """Speaks in pieces as long as `voice` says, each when the one before has been heard."""

    def __init__(self) -> None:
        time_axis = np.arange(int(8_000 * SECONDS)) / 8_000
        self._speech = (6_000 * np.sin(2 * np.pi * 300 * time_axis)).astype(np.int16)

    async def Say(self, request: voice_pb2.SayRequest, context: object) -> AsyncIterator[voice_pb2.SayResponse]:
        """Yields chunks."""
        del context
        assembler, frame_ms = ChunkAssembler(AudioForm(), voice="v"), int(request.voice)
        assembler.begin(Segment.CONTENT, "text", voice="v")
        due = time.monotonic()
        for at in range(0, len(self._speech), _PIECE):
            for chunk in assembler.push(self._speech[at : at + _PIECE], chunk_ms=frame_ms):
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                yield voice_pb2.SayResponse(chunk=voice_pb2.AudioChunk(samples=chunk.samples, sequence=chunk.sequence))
                due += frame_ms / 1_000


async def serve() -> None:
    """Serves with everything that a process of ours adds, until SIGTERM."""
    registration = Registration(SERVICE, voice_pb2_grpc.add_VoiceServiceServicer_to_server, Pacing())
    settings = ServiceSettings(port=0, drain_seconds=0)
    async with running_server(settings, name="voice", registrations=[registration]) as server:
        print(server.port, flush=True)
        await server.serve_until_signal()


async def figures() -> list[Figure]:
    """Returns the streams that one core carries at each length."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.voice_streams", "serve", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = voice_pb2_grpc.VoiceServiceStub(channel)
            await _carry(stub, process.pid, FRAMES_MS[-1], streams=2)
            carried = {frame: await _carry(stub, process.pid, frame, streams=STREAMS) for frame in FRAMES_MS}
    finally:
        process.terminate()
        await process.wait()
    least = carried[FRAMES_MS[0]]
    return [
        Figure(f"voice_streams_per_core_{frame}ms", value, "streams", (">=", least if frame > FRAMES_MS[0] else 1.0))
        for frame, value in carried.items()
    ]


async def _carry(stub: "voice_pb2_grpc.VoiceServiceAsyncStub", pid: int, frame_ms: int, *, streams: int) -> float:
    """Returns the seconds of audio that were spoken for each second of the server's processor."""

    async def listen() -> float:
        heard = 0
        call = stub.Say(voice_pb2.SayRequest(text="x", voice=str(frame_ms)), metadata=CREDENTIAL, timeout=60)
        async for message in call:
            heard += len(message.chunk.samples)
        return heard / 16_000

    before = _processor_seconds(pid)
    heard = sum(await asyncio.gather(*(listen() for _ in range(streams))))
    used = _processor_seconds(pid) - before
    print(
        f"{streams} streams in pieces of {frame_ms} ms: {used:.2f} s of a core for {heard:.0f} s of audio", flush=True
    )
    return heard / max(used, 1 / os.sysconf("SC_CLK_TCK"))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    asyncio.run(serve())
