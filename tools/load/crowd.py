"""Many conversations at once, each of several turns, and whether every one got its own answers."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
import grpc.aio

from libs.common.status import from_rpc_error
from repartee.v1 import common_pb2, router_pb2, router_pb2_grpc
from tools.load.calls import QUESTION
from tools.load.outcome import percentile
from tools.load.target import Target

TURNS: Sequence[str] = ("Bonjour", QUESTION, "Je veux commander", "À Yopougon", "Combien coûtent 6 paquets ?")
"""What each customer writes, one after the other."""

_TIMEOUT_SECONDS = 30.0
_READS, _READ_AGAIN_SECONDS = 20, 0.5


@dataclass(slots=True)
class Crowd:
    """What came of the conversations: how many were answered to the end, and what went wrong in the others."""

    conversations: int
    answered: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    troubles: Counter[str] = field(default_factory=Counter[str])

    def percentile(self, share: float) -> float:
        """Returns the seconds that `share` of the turns stayed within."""
        return percentile(sorted(self.latencies), share)


async def measure_crowd(targets: Sequence[Target], *, conversations: int = 200) -> Crowd:
    """Holds the conversations all at once, spread over the targets' companies, over four connections of each.

    A conversation is answered when every turn got a text that is no emergency reply, and when the store then holds
    exactly its own turns, in order.
    """
    crowd, begun = Crowd(conversations), time.perf_counter()
    async with asyncio.TaskGroup() as talks:
        for position, target in enumerate(targets):
            share = len(range(position, conversations, len(targets)))
            talks.create_task(_company(target, share, crowd))
    crowd.seconds = time.perf_counter() - begun
    return crowd


async def _company(target: Target, conversations: int, crowd: Crowd) -> None:
    channels = [target.open("router") for _ in range(4)]
    metadata = (("authorization", target.tenant_authorization),)
    try:
        async with asyncio.TaskGroup() as talks:
            for number in range(conversations):
                router = router_pb2_grpc.RouterServiceStub(channels[number % len(channels)])
                talks.create_task(_talk(router, metadata, crowd))
    finally:
        for channel in channels:
            await channel.close()


async def _talk(
    router: "router_pb2_grpc.RouterServiceAsyncStub", metadata: tuple[tuple[str, str], ...], crowd: Crowd
) -> None:
    conversation = f"load-{uuid.uuid4()}"
    try:
        for text in TURNS:
            request = router_pb2.ChatRequest(
                conversation_id=conversation, turn_id=str(uuid.uuid4()), user_id=conversation, message=text
            )
            begun = time.perf_counter()
            reply = await router.Chat(request, metadata=metadata, timeout=_TIMEOUT_SECONDS)
            crowd.latencies.append(time.perf_counter() - begun)
            if not reply.text or reply.rung == router_pb2.RUNG_EMERGENCY:
                crowd.troubles["emergency reply"] += 1
                return
        if not await _is_kept(router, metadata, conversation):
            crowd.troubles["turns lost, doubled or out of order"] += 1
            return
    except grpc.aio.AioRpcError as failure:
        crowd.troubles[from_rpc_error(failure).reason] += 1
        return
    crowd.answered += 1


async def _is_kept(
    router: "router_pb2_grpc.RouterServiceAsyncStub", metadata: tuple[tuple[str, str], ...], conversation: str
) -> bool:
    """Says whether the store comes to hold the turns: one that waited on the disk arrives a little later.

    A store that is busy is asked again, as a client does whose call may be repeated.
    """
    request = router_pb2.ListMessagesRequest(conversation_id=conversation)
    for _ in range(_READS):
        try:
            kept = await router.ListMessages(request, metadata=metadata, timeout=_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as failure:
            if failure.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        else:
            customer = common_pb2.Message.AUTHOR_CUSTOMER
            if [each.text for each in kept.messages if each.author == customer] == list(TURNS):
                return True
        await asyncio.sleep(_READ_AGAIN_SECONDS)
    return False
