"""Two routers behind one name: replaced one after the other under calls, and one killed with -9 amid calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from benchmarks.busy_shop import NO_LIMITS, TENANT
from benchmarks.rolling_fleet import Fleet
from benchmarks.rolling_lanes import lane_of
from benchmarks.rolling_names import Names
from benchmarks.router_kills import kept_turns
from libs.common.channel import open_channel
from repartee.v1 import engine_pb2, router_pb2, router_pb2_grpc, tenants_pb2, tenants_pb2_grpc
from tests.fakes.upstream_servers import UpstreamCache, UpstreamEngine, serving
from tools.stack import free_port_base

BUNDLE = Path(__file__).parent.parent.parent / "examples" / "tenants" / "rue-du-gros" / "tenant.yaml"
CLIENT = (("authorization", f"Bearer dev:{TENANT}"),)
OPERATOR = (("authorization", "Bearer dev-operator"),)
ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
# More than a channel would send again if it took them for overload.
CALLS = 24


@dataclass
class Engine(UpstreamEngine):
    """Answers once it may, and tells of every turn that it was asked, and by how many routers."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    routers: set[str] = field(default_factory=set)

    async def GenerateAnswer(  # noqa: N802 - the name is the generated stub's
        self, request: engine_pb2.GenerateAnswerRequest, context: Any
    ) -> engine_pb2.GenerateAnswerResponse:
        self.asked.put_nowait(request.conversation_id)
        self.routers.add(context.peer())
        await self.may_answer.wait()
        return await super().GenerateAnswer(request, context)


@pytest.fixture
async def engine() -> Engine:
    return Engine("engine")


@pytest.fixture
async def fleet(tmp_path: Path, redis_url: str, engine: Engine) -> AsyncIterator[Fleet]:
    names = Names()
    await names.listen()
    async with serving(engine) as engine_target, serving(UpstreamCache()) as cache_target:
        environment = {
            "REPARTEE_REDIS_URL": redis_url,
            "REPARTEE_HYBRID_TARGET": engine_target,
            "REPARTEE_CLASSIC_TARGET": engine_target,
            "REPARTEE_CACHE_TARGET": cache_target,
            "REPARTEE_DRAIN_SECONDS": "1",
        }
        made = Fleet(tmp_path, names, port_base=free_port_base(), environment=environment)
        try:
            await asyncio.gather(made.add("router"), made.add("router"))
            async with grpc.aio.insecure_channel(made.target("router")) as channel:
                bundle = BUNDLE.read_text(encoding="utf-8") + NO_LIMITS
                request = tenants_pb2.PutTenantRequest(tenant_id=TENANT, bundle_yaml=bundle, reason="test")
                await tenants_pb2_grpc.TenantServiceStub(channel).PutTenant(request, metadata=OPERATOR, timeout=10)
            yield made
        finally:
            await made.stop()
            names.close()


@pytest.fixture
async def channel(fleet: Fleet) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(fleet.target("router"), services=[ROUTER]) as opened:
        yield opened


def stub_of(channel: grpc.aio.Channel) -> "router_pb2_grpc.RouterServiceAsyncStub":
    return router_pb2_grpc.RouterServiceStub(channel)


async def chat(channel: grpc.aio.Channel, conversation: str, turn_id: str) -> router_pb2.ChatResponse:
    request = router_pb2.ChatRequest(conversation_id=conversation, turn_id=turn_id, message=f"bonjour {turn_id}")
    return await stub_of(channel).Chat(request, metadata=CLIENT, timeout=20)


async def balanced(channel: grpc.aio.Channel, engine: Engine) -> None:
    """Returns once the channel is connected to both routers, so that round robin gives each half of the calls."""
    engine.may_answer.set()
    while len(engine.routers) < 2:
        await chat(channel, "warm-up", f"t{engine.asked.qsize()}")
    while not engine.asked.empty():
        engine.asked.get_nowait()
    engine.may_answer.clear()


async def test_replacing_every_router_loses_no_call(fleet: Fleet, engine: Engine, channel: grpc.aio.Channel) -> None:
    engine.may_answer.set()
    rolled = asyncio.Event()
    answered: Counter[str] = Counter()

    async def customer(conversation: str) -> None:
        while not rolled.is_set():
            turn_id = f"t{answered[conversation]}"
            reply = await chat(channel, conversation, turn_id)
            assert (reply.turn_id, reply.text) == (turn_id, f"engine: bonjour {turn_id}")
            answered[conversation] += 1

    old = fleet.serving("router")
    async with asyncio.TaskGroup() as customers:
        for number in range(2):
            customers.create_task(customer(f"c{number}"))
        await fleet.roll("router", told=lambda _: None)
        rolled.set()
    # Those that were known in the beginning are gone, so everything since was said by the new ones.
    assert [each.child.process.returncode for each in old] == [0, 0]
    await chat(channel, "afterwards", "t0")
    for conversation, turns in answered.items():
        assert await kept_turns(stub_of(channel), CLIENT, conversation) == {f"t{number}": 1 for number in range(turns)}
    assert all(lane_of(each).begun for each in fleet.replicas[:3])


async def test_calls_of_a_killed_router_are_sent_to_another_and_have_one_effect(
    fleet: Fleet, engine: Engine, channel: grpc.aio.Channel
) -> None:
    await balanced(channel, engine)
    calls = [asyncio.ensure_future(chat(channel, f"c{number}", "t")) for number in range(CALLS)]
    async with asyncio.timeout(10):
        for _ in range(CALLS):
            await engine.asked.get()
    await fleet.kill(fleet.serving("router")[0])
    async with asyncio.timeout(10):
        sent_again = [await engine.asked.get() for _ in range(CALLS // 2)]
    engine.may_answer.set()
    assert [reply.text for reply in await asyncio.gather(*calls)] == ["engine: bonjour t"] * CALLS
    assert len(set(sent_again)) == CALLS // 2
    for number in range(CALLS):
        assert await kept_turns(stub_of(channel), CLIENT, f"c{number}") == {"t": 1}


async def test_a_stream_of_a_killed_router_is_taken_up_by_the_turns_id(
    fleet: Fleet, engine: Engine, channel: grpc.aio.Channel
) -> None:
    async def streamed(conversation: str) -> router_pb2.ChatResponse:
        turn = router_pb2.ChatRequest(conversation_id=conversation, turn_id="t", message="bonjour t")
        request = router_pb2.StreamChatRequest(turn=turn)
        events = [event async for event in stub_of(channel).StreamChat(request, metadata=CLIENT, timeout=20)]
        return events[-1].completed.response

    await balanced(channel, engine)
    streams = {asyncio.ensure_future(streamed(name)): name for name in ("c0", "c1")}
    async with asyncio.timeout(10):
        for _ in streams:
            await engine.asked.get()
    await fleet.kill(fleet.serving("router")[0])
    (cut,), (whole,) = await asyncio.wait(streams, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
        await cut
    again = asyncio.ensure_future(streamed(streams[cut]))
    async with asyncio.timeout(10):
        await engine.asked.get()
    engine.may_answer.set()
    assert [(await each).text for each in (again, whole)] == ["engine: bonjour t"] * 2
    for conversation in streams.values():
        assert await kept_turns(stub_of(channel), CLIENT, conversation) == {"t": 1}
