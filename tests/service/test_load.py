"""Load tests against real servers in this process."""

import asyncio

import pytest

from libs.common.errors import Exhausted, InvalidRequest
from repartee.v1 import router_pb2
from tests.fakes.common_services import ScriptedRouter, running
from tests.fakes.router_server import StreamingRouter, serving_router
from tools.load.calls import CALLS, STREAMS
from tools.load.outcome import Outcome
from tools.load.overload import measure_overload
from tools.load.own_driver import OwnDriver
from tools.load.pace import Pace
from tools.load.playing import Part, Scene, play
from tools.load.report import Report
from tools.load.rpcs import measure_rpcs
from tools.load.streams import measure_streams
from tools.load.target import Target, named_services

CHAT = CALLS[0]
STREAM_CHAT = STREAMS[0]
# Far more calls a second than arrive one by one: they are due at once.
BURST = Pace(seconds=0.1, per_second=200, connections=2)


def at(address: str) -> Target:
    """Returns a router alone."""
    return named_services([f"router={address}"], tenant="acme")


async def test_an_open_loop_sends_every_call_with_an_id_of_its_own() -> None:
    turns: list[str] = []

    async def chat(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        turns.append(request.turn_id)
        return router_pb2.ChatResponse(text="oui")

    async with running(ScriptedRouter(chat)) as run:
        outcome = await OwnDriver().send(CHAT, at(run.target), BURST)
    assert (outcome.calls, outcome.failed, len(outcome.latencies)) == (20, 0, 20)
    assert len(set(turns)) == 20
    assert outcome.late_seconds >= 0


async def test_an_open_loop_does_not_wait_for_replies() -> None:
    """The first call is answered only when the last one has arrived."""
    arrived, all_here = 0, asyncio.Event()

    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        nonlocal arrived
        arrived += 1
        if arrived == BURST.total:
            all_here.set()
        await all_here.wait()
        return router_pb2.ChatResponse(text="oui")

    async with running(ScriptedRouter(chat)) as run:
        outcome = await OwnDriver().send(CHAT, at(run.target), BURST)
    assert outcome.failed == 0
    assert outcome.percentile(0) <= outcome.percentile(1)


async def test_a_closed_loop_has_so_many_calls_under_way_and_no_more() -> None:
    under_way = most = 0

    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return router_pb2.ChatResponse(text="oui")

    async with running(ScriptedRouter(chat)) as run:
        pace = Pace(seconds=30, calls=40, concurrency=3, connections=3)
        outcome = await OwnDriver().send(CHAT, at(run.target), pace)
    assert outcome.calls == 40
    assert most <= 3


async def test_refusals_are_counted_by_the_services_own_reason() -> None:
    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        raise Exhausted("RATE_LIMITED", "Too many.", retry_after_seconds=1)

    async with running(ScriptedRouter(chat)) as run:
        outcome = await OwnDriver().send(CHAT, at(run.target), BURST)
    assert outcome.endings == {"RESOURCE_EXHAUSTED RATE_LIMITED": 20}
    assert list(outcome.latencies) == []


async def test_an_rpc_is_set_against_a_health_check_of_the_same_run() -> None:
    async with running() as run:
        measured, left = await measure_rpcs(at(run.target), OwnDriver(), BURST, only=["Chat", "LookupAnswer"])
    assert [each.call.name for each in measured] == ["Chat (exact hit)", "Chat (an engine decides)"]
    assert measured[0].floor.calls == 20
    assert measured[0].times_floor > 0
    assert [(each.call.name, each.reason) for each in left] == [
        ("LookupAnswer (exact hit)", "no address or no credential for the cache")
    ]


async def test_an_rpc_that_is_refused_is_not_loaded() -> None:
    async with running() as run:
        measured, left = await measure_rpcs(at(run.target), OwnDriver(), BURST, only=["ListMessages"])
    assert measured == []
    assert left[0].reason == "it is refused: UNIMPLEMENTED NOT_BUILT"


async def test_streams_are_timed_chunk_by_chunk_without_what_is_no_text() -> None:
    async with serving_router(StreamingRouter()) as address:
        found = await measure_streams(STREAM_CHAT, at(address), count=5, concurrency=2)
    assert (found.failed, len(found.heard)) == (0, 5)
    assert [len(each.chunks) for each in found.heard] == [2] * 5
    assert all(0 < each.first <= each.chunks[1].at <= each.ended for each in found.heard)


async def test_streams_that_break_or_bring_nothing_are_failures() -> None:
    async with serving_router(StreamingRouter(pieces=())) as address:
        silent = await measure_streams(STREAM_CHAT, at(address), count=1, concurrency=1)
    broken = StreamingRouter(error=Exhausted("OVERLOADED", "Busy."))
    async with serving_router(broken) as address:
        refused = await measure_streams(STREAM_CHAT, at(address), count=2, concurrency=2)
    assert (silent.endings, refused.endings, refused.failed) == (["NOTHING_CAME"], ["OVERLOADED"], 2)


async def test_overload_is_a_multiple_of_what_was_found_to_be_the_capacity() -> None:
    class Remembering(OwnDriver):
        def __init__(self) -> None:
            self.paces: list[Pace] = []

        async def send(self, call: object, target: object, pace: Pace) -> Outcome:
            self.paces.append(pace)
            goodput = 100 if pace.is_closed else 90
            return Outcome(latencies=[0.01], endings={"OK": goodput}, seconds=1.0)

    driver = Remembering()
    found = await measure_overload(CHAT, at("localhost:1"), driver, factor=3.0)
    assert [pace.per_second for pace in driver.paces] == [0, 300]
    assert found.goodput_ratio == pytest.approx(0.9)


async def test_nobody_is_made_to_rush_on_a_stack_that_others_use() -> None:
    scene = Scene(target=at("localhost:1"), driver=OwnDriver(), pace=BURST)
    report = Report(target="t", pace=BURST, drivers=[])
    with pytest.raises(InvalidRequest, match="PART_NEEDS_OWN_STACK"):
        await play(scene, [Part.NEIGHBOURS], report, print)
