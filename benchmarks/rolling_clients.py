"""The clients of a fleet beside each other: ours, and two that know nothing of Repartee but its contract."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import grpc.aio

from benchmarks.busy_shop import TENANT
from benchmarks.rolling_fleet import Fleet
from benchmarks.rolling_load import Callers, Customers, Tally
from benchmarks.router_kills import kept_turns
from libs.common.channel import open_channel
from repartee.v1 import router_pb2, router_pb2_grpc, voice_pb2

CHATS, STREAMS, CALLS, LISTENERS, FOREIGN_CHATS = 10, 6, 2, 2, 2

_METADATA = (("authorization", f"Bearer dev:{TENANT}"),)
_ROUND_ROBIN = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})


@dataclass
class Load:
    """What each kind of client saw."""

    ours: Tally = field(default_factory=Tally)
    voice: Tally = field(default_factory=Tally)
    foreign: dict[str, Tally] = field(default_factory=dict[str, Tally])
    # The same moment in seconds since 1970 and on the event loop's clock.
    began_at: float = field(default_factory=time.time)
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    # Turns that are kept twice, and turns that were said to be kept and are not.
    twice: int = 0
    missing: int = 0

    @property
    def both(self) -> tuple[Tally, Tally]:
        """What our clients saw."""
        return self.ours, self.voice

    def failed_calls(self, method: str = "") -> int:
        """Returns how many calls of a method, or of all, our clients saw fail."""
        return sum(method in ("", failure.what) for tally in self.both for failure in tally.failures)

    @property
    def lost_turns(self) -> int:
        """Turns that nobody answered, and those whose answer was said to be kept and is not."""
        return sum(len(tally.unanswered) for tally in self.both) + self.missing

    @property
    def doubled_turns(self) -> int:
        """Turns that got two different answers, and those that are kept twice."""
        return sum(len(texts) > 1 for tally in self.both for texts in tally.texts.values()) + self.twice

    @property
    def lost_streams(self) -> int:
        """Streams that neither ended nor could be taken up again."""
        return sum(tally.lost_streams for tally in self.both)

    def failed_at(self) -> dict[str, list[float]]:
        """Returns when calls failed, in seconds since 1970, by kind of client."""
        kinds = {"ours": self.both} | {name: (tally,) for name, tally in self.foreign.items()}
        return {
            name: [self.began_at + (failure.at - self.began) for tally in tallies for failure in tally.failures]
            for name, tallies in kinds.items()
        }

    def tell(self, what: str, long_seconds: float) -> None:
        """Prints everything; streams are long above `long_seconds`."""
        for name, tally in {"our client": self.ours, "our client, voice": self.voice, **self.foreign}.items():
            calls = ", ".join(f"{count} {method}" for method, count in tally.calls.items())
            print(f"  {what}, {name}: {calls}; {len(tally.failures)} failed, {len(tally.unanswered)} turns unanswered")
            for why, count in Counter(f"{each.what} {each.why}" for each in tally.failures).most_common(4):
                print(f"    {count} times {why}")
            for rung, count in tally.rungs.most_common(4):
                print(f"    {count} answered by {rung}")
        streams = [seconds for tally in self.both for seconds in tally.stream_seconds]
        print(
            f"  {what}: {len(streams)} streams, {sum(each > long_seconds for each in streams)} of them longer than a "
            f"drain, the longest {max(streams, default=0):.1f} s; {sum(tally.cut for tally in self.both)} cut and "
            f"asked for again; {sum(tally.replayed for tally in self.both)} replies given again; "
            f"{self.missing} kept turns missing",
            flush=True,
        )


@asynccontextmanager
async def running_load(fleet: Fleet) -> AsyncGenerator[Load]:
    """Runs every kind of customer beside the block, then reads what was kept of their turns."""
    load, stopping = Load(), asyncio.Event()
    router = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
    voice = voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]
    async with AsyncExitStack() as exits:

        async def entered(channel: grpc.aio.Channel) -> grpc.aio.Channel:
            return await exits.enter_async_context(channel)

        ours = await entered(open_channel(fleet.target("router"), services=[router]))
        customers = Customers(ours, _METADATA, load.ours, stopping)
        spoken = await entered(open_channel(fleet.target("voice"), services=[voice]))
        callers = Callers(spoken, _METADATA, load.voice, stopping)
        work = [customers.chat] * CHATS + [customers.stream_chat] * STREAMS
        work += [callers.converse] * CALLS + [callers.listen] * LISTENERS
        for name, options in {
            "plain round robin": [("grpc.service_config", _ROUND_ROBIN)],
            "gRPC's defaults": [],
        }.items():
            channel = await entered(grpc.aio.insecure_channel(fleet.target("router"), options=options))
            load.foreign[name] = Tally()
            work += [Customers(channel, _METADATA, load.foreign[name], stopping).chat] * FOREIGN_CHATS
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each())
            try:
                yield load
            finally:
                stopping.set()
        await _compare_with_the_store(load, ours)


async def _compare_with_the_store(load: Load, channel: grpc.aio.Channel) -> None:
    router: router_pb2_grpc.RouterServiceAsyncStub = router_pb2_grpc.RouterServiceStub(channel)
    for tally in load.both:
        for conversation in {conversation for conversation, _ in tally.texts}:
            kept = await kept_turns(router, _METADATA, conversation)
            load.twice += sum(count - 1 for count in kept.values())
            load.missing += sum(1 for c, turn in tally.durable if c == conversation and turn not in kept)
