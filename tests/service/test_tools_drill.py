"""The rollback drill: what it measures, and when it says that a promise is broken."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from libs.common.errors import PreconditionFailed
from repartee.v1 import rollout_pb2_grpc
from tests.fakes.rollout_servicer import FakeRollout, serving_operators
from tools.connection import Connection
from tools.drill import table
from tools.ops_stub import DESCRIPTOR
from tools.rollback_drill import Measured, Replica, Scene, Watched, play, write_switch


def says_hybrid(file: Path) -> bool:
    return file.is_file() and "true" in file.read_text()


@asynccontextmanager
async def scene(
    rollout: FakeRollout, *, file: Path | None = None, deaf: bool = False, give_up_seconds: float = 15.0
) -> AsyncIterator[Scene]:
    """Two routers of one state; a `deaf` second one gives hybrid for ever. They read `file` unless a call was made."""

    async def follows() -> bool:
        await asyncio.sleep(0)
        if file is not None and not rollout.requests:
            return await asyncio.to_thread(says_hybrid, file)
        return rollout.state.percent > 0

    async def is_deaf() -> bool:
        await asyncio.sleep(0)
        return True

    async with serving_operators(rollout) as port, AsyncExitStack() as exits:
        operator = Connection.for_operator(port_base=port)
        channel = await exits.enter_async_context(operator.open("router", DESCRIPTOR))
        stub: Any = rollout_pb2_grpc.RolloutServiceStub(channel)
        target = f"127.0.0.1:{port}"
        yield Scene(
            (
                Replica("router", target, stub, follows),
                Replica("router-2", target, stub, is_deaf if deaf else follows),
            ),
            switch_file=file,
            give_up_seconds=give_up_seconds,
            settled_seconds=0.0,
        )


async def test_every_way_is_timed_on_every_router(tmp_path: Path) -> None:
    async with scene(FakeRollout(), file=tmp_path / "switch.env") as played:
        measured = await play(played)
    assert [(each.way, each.promise_seconds) for each in measured] == [("file", 3.0), ("RPC", 1.0), ("Python", 1.0)]
    for each in measured:
        assert set(each.seconds) == {"router", "router-2"}
        assert all(0 <= seconds < math.inf for seconds in each.seconds.values())
        assert each.turns > 0


async def test_calls_are_emergencies_with_a_reason() -> None:
    rollout = FakeRollout()
    async with scene(rollout) as played:
        measured = await play(played)
    assert [each.way for each in measured] == ["RPC", "Python"]
    stops = [each for each in rollout.requests if hasattr(each, "emergency")]
    assert [(each.emergency, each.reason) for each in stops] == [(True, "rollback drill")] * 2


async def test_router_that_does_not_follow_breaks_the_promise() -> None:
    async with scene(FakeRollout(), deaf=True, give_up_seconds=0.2) as played:
        measured = await play(played)
    assert all(each.seconds["router-2"] == math.inf and not each.holds for each in measured)


async def test_file_that_is_overruled_is_said(tmp_path: Path) -> None:
    rollout = FakeRollout()
    rollout.requests.append("an operator's call")
    async with scene(rollout, file=tmp_path / "switch.env", give_up_seconds=0.2) as played:
        with pytest.raises(PreconditionFailed, match="DRILL_UNPREPARED"):
            await play(played)


def test_classic_counts_from_the_first_reply_that_no_hybrid_one_followed() -> None:
    watched = Watched()
    for at, hybrid in ((1.0, True), (2.0, False), (3.0, True), (4.0, False), (5.0, False)):
        watched.note(hybrid=hybrid, at=at)
    assert (watched.classic_since, watched.is_hybrid, watched.turns) == (4.0, False, 5)


def test_table_names_routers_and_the_slowest() -> None:
    measured = [Measured("file", 3.0, {"router": 0.5, "router-2": 4.0}, 10), Measured("RPC", 1.0, {"router": 0.1}, 5)]
    assert [each.holds for each in measured] == [False, True]
    assert measured[0].slowest == 4.0
    assert [str(column.header) for column in table(measured).columns] == [
        *("way", "router", "router-2", "slowest", "promised", "turns")
    ]


def test_switch_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "switch.env"
    write_switch(file, hybrid=True)
    write_switch(file, hybrid=False)
    assert file.read_text() == "USE_HYBRID_BOTLIVE=false\n"
    assert [each.name for each in tmp_path.iterdir()] == ["switch.env"]
