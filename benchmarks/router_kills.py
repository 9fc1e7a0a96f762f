"""Each process of a running stack killed with -9 under load: no acknowledged turn is lost, none counts twice."""

import asyncio
import os
import secrets
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from benchmarks.busy_shop import apply_busy_shop
from benchmarks.figure import Figure
from libs.common.embedded_redis import start_embedded_redis
from repartee.v1 import common_pb2, router_pb2, router_pb2_grpc
from tools.stack import Stack, StackOptions, free_port_base, running_stack

CLIENTS = 8
# How long a process stays dead under load, and how long the load goes on between two kills.
DEAD_SECONDS, CALM_SECONDS = 0.5, 0.5
RETRY_SECONDS = 0.05
SERVICES = ("router", "hybrid-engine", "classic-engine", "cache", "rag")
MESSAGES = ("Bonjour", "Je veux commander", "Quels sont vos horaires ?", "Livrez-vous à Cocody ?", "merci")
ACKNOWLEDGED = frozenset({router_pb2.STORED_DURABLE, router_pb2.STORED_PENDING})


@dataclass
class Load:
    """What clients were told: the turns that were acknowledged, by conversation, and how often they had to retry."""

    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    pending: int = 0
    not_kept: int = 0
    retries: int = 0
    stopping: bool = False


class Store:
    """A Valkey on a folder, held by a process of its own: one that has gRPC channels open must not fork."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder: asyncio.subprocess.Process | None = None
        self._pid = 0
        self.url = ""

    async def start(self) -> None:
        """Starts it, on the same files and the same socket each time."""
        self._holder = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; from benchmarks.router_kills import hold_store; hold_store(sys.argv[1])",
            str(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        self.url, pid = (await self._holder.stdout.readline()).decode().split()
        self._pid = int(pid)

    async def kill(self) -> None:
        """Kills it with -9, and returns when its files are free."""
        os.kill(self._pid, signal.SIGKILL)
        await self.stop()

    async def stop(self) -> None:
        """Ends it and its holder."""
        if self._holder is not None and self._holder.stdin is not None:
            self._holder.stdin.close()
            await self._holder.wait()


def hold_store(folder: str) -> None:
    """Runs a Valkey until standard input ends; prints its URL and process id."""

    async def hold() -> None:
        redis = await start_embedded_redis(Path(folder))
        print(redis.url, redis.pid, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await redis.stop()

    asyncio.run(hold())


class Machine:
    """A stack whose every process, the Valkey too, can be killed and started again."""

    def __init__(self, stack: Stack, store: Store) -> None:
        self.stack = stack
        self._store = store

    async def kill_one(self, name: str) -> None:
        """Leaves a service dead for a while, under load."""
        await self.stack.kill(name)
        await asyncio.sleep(DEAD_SECONDS)
        await self.stack.restart(name)

    async def kill_store(self) -> None:
        """Leaves the store dead for a while."""
        await self._store.kill()
        await asyncio.sleep(DEAD_SECONDS)
        await self._store.start()

    async def kill_router_while_turns_wait(self) -> None:
        """Kills the router while the store is away, so that what waits has only the disk."""
        await self._store.kill()
        await asyncio.sleep(DEAD_SECONDS)
        await self.stack.kill("router")
        await self._store.start()
        await self.stack.restart("router")

    def kills(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Returns every way to kill, by name."""

        def of(name: str) -> Callable[[], Awaitable[None]]:
            return lambda: self.kill_one(name)

        return {name: of(name) for name in SERVICES} | {
            "store": self.kill_store,
            "router-and-store": self.kill_router_while_turns_wait,
        }


async def measure(rounds: int = 2) -> list[Figure]:
    """Kills each process `rounds` times under the load of eight clients, and returns what was lost and what doubled."""
    with tempfile.TemporaryDirectory(prefix="rk-") as folder:
        store = Store(Path(folder) / "redis")
        await store.start()
        try:
            options = StackOptions(state=Path(folder), port_base=free_port_base(), redis_url=store.url, traces=False)
            async with running_stack(options) as stack:
                return await _under_load(Machine(stack, store), rounds)
        finally:
            await store.stop()


async def _under_load(machine: Machine, rounds: int) -> list[Figure]:
    client, load = await apply_busy_shop(machine.stack), Load()
    metadata = (("authorization", client.authorization),)
    kills = 0
    # A channel waits longer after each refusal; the clients' own retries are what is measured.
    backoff = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
    async with grpc.aio.insecure_channel(client.target("router"), options=backoff) as channel:
        router = router_pb2_grpc.RouterServiceStub(channel)
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(_talk(router, metadata, load, f"kills-{secrets.token_hex(4)}-{number}"))
            try:
                for _ in range(rounds):
                    for name, kill in machine.kills().items():
                        await asyncio.sleep(CALM_SECONDS)
                        await kill()
                        kills += 1
                        print(f"  {name} killed and back; {_count(load)} turns acknowledged", flush=True)
                await asyncio.sleep(CALM_SECONDS)
            finally:
                load.stopping = True
        kept = {conversation: await kept_turns(router, metadata, conversation) for conversation in load.acknowledged}
    lost = sum(turn not in kept[conversation] for conversation, turns in load.acknowledged.items() for turn in turns)
    doubled = sum(count - 1 for counts in kept.values() for count in counts.values())
    print(
        f"  {kills} kills, {_count(load)} turns acknowledged ({load.pending} of them waiting for the store), "
        f"{load.retries} calls sent again, {load.not_kept} replies said to be kept nowhere"
    )
    return [
        Figure("killed_acknowledged_turns_lost", lost, "turns", ("==", 0)),
        Figure("killed_effects_twice", doubled, "effects", ("==", 0)),
        Figure("killed_turns_acknowledged", _count(load), "turns", (">=", 50 * rounds)),
        Figure("killed_turns_that_waited", load.pending, "turns", (">=", rounds)),
    ]


async def _talk(
    router: "router_pb2_grpc.RouterServiceAsyncStub",
    metadata: tuple[tuple[str, str], ...],
    load: Load,
    conversation: str,
) -> None:
    """Sends one turn after the other, each again with its id until somebody acknowledges it."""
    number = 0
    acknowledged = load.acknowledged.setdefault(conversation, [])
    while not load.stopping:
        number += 1
        request = router_pb2.ChatRequest(
            conversation_id=conversation, turn_id=f"t{number}", message=MESSAGES[number % len(MESSAGES)]
        )
        while True:
            try:
                reply = await router.Chat(request, metadata=metadata, timeout=4)
            except grpc.aio.AioRpcError:
                load.retries += 1
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if reply.stored in ACKNOWLEDGED:
                acknowledged.append(request.turn_id)
                load.pending += reply.stored == router_pb2.STORED_PENDING
            else:
                load.not_kept += 1
            break


async def kept_turns(
    router: "router_pb2_grpc.RouterServiceAsyncStub", metadata: tuple[tuple[str, str], ...], conversation: str
) -> Counter[str]:
    """Returns how often each turn's message is in the conversation."""
    found: Counter[str] = Counter()
    token = ""
    while True:
        page = await router.ListMessages(
            router_pb2.ListMessagesRequest(conversation_id=conversation, page_size=200, page_token=token),
            metadata=metadata,
            timeout=8,
        )
        found.update(each.turn_id for each in page.messages if each.author == common_pb2.Message.AUTHOR_CUSTOMER)
        token = page.next_page_token
        if not token:
            return found


def _count(load: Load) -> int:
    return sum(map(len, load.acknowledged.values()))


def main() -> None:
    """Prints every figure; the first argument is the number of rounds."""
    for figure in asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 2)):
        print(figure)


if __name__ == "__main__":
    main()
