"""The switch while a real Valkey is killed, and when another comes up empty in its place."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from libs.common.embedded_redis import server_binary
from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore
from services.router.adapters.redis_rollout import RedisRolloutStore
from services.router.rollout import Rollout, SwitchFile, Wish
from services.router.turn import Variant

WHO = {"actor": "ana", "reason": "test"}


class Server:
    """A Valkey that keeps nothing on disk, at one address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder}/s"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [server_binary(), "--port", "0", "--unixsocket", f"{self._folder}/s", "--save", "", "--dir", self._folder],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert any("ready to accept connections" in line.lower() for line in self._process.stdout)

    def kill(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.kill()
            self._process.wait(10)
            self._process.stdout.close()
            self._process = None


@pytest.fixture
def server() -> Iterator[Server]:
    # Short: a unix socket's path has a limit of 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="rp-"))
    made = Server(folder)
    made.start()
    try:
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder)


@pytest.fixture
async def replicas(server: Server, tmp_path: Path) -> AsyncIterator[list[Rollout]]:
    async with AsyncExitStack() as exits:
        made: list[Rollout] = []
        for number in range(2):
            redis = RedisStore.connect(server.url, timeout_seconds=2.0)
            exits.push_async_callback(redis.aclose)
            rollout = Rollout(
                store=RedisRolloutStore(redis), file=SwitchFile(tmp_path / "switch"), replica=f"replica-{number}"
            )
            made.append(await exits.enter_async_context(rollout))
        yield made


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.005)


async def test_a_stop_outlives_the_death_of_its_store(server: Server, replicas: list[Rollout]) -> None:
    one, two = replicas
    await one.set_rollout("shop", Wish(percent=100.0), **WHO)

    async def both_follow() -> bool:
        return two.state("shop").version == 2

    await eventually(both_follow)
    server.kill()
    stopped = await one.disable(emergency=True, **WHO)
    assert (stopped.changed, stopped.pending) == (True, ("redis",))
    assert one.assignment("shop", "c").variant is Variant.CLASSIC
    # The other replica cannot know: it goes on with what it knew.
    assert two.assignment("shop", "c").variant is Variant.HYBRID
    with pytest.raises(Unavailable):
        await one.enable(**WHO)
    server.start()

    async def both_are_stopped() -> bool:
        return one.state().emergency and two.state().emergency and not one.waiting

    await eventually(both_are_stopped)

    async def is_whole_again() -> bool:
        return {each.tenant for each in (await one.audit(size=200)).entries} == {"", "shop"}

    await eventually(is_whole_again)
    assert (await two.audit()).is_intact
    await two.enable(**WHO)
    assert two.assignment("shop", "c").variant is Variant.HYBRID
    assert two.state("shop").version >= 2


async def test_the_file_switches_every_replica_without_redis(
    server: Server, replicas: list[Rollout], tmp_path: Path
) -> None:
    server.kill()
    (tmp_path / "switch").write_text("USE_HYBRID_BOTLIVE=true\n")

    async def all_follow() -> bool:
        return all(each.state().percent == 100.0 and each.state().source == "file" for each in replicas)

    await eventually(all_follow)
