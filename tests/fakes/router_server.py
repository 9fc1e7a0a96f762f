"""A router as a real server in this process: streams what it is told to, and remembers what was heard of it."""

# ruff: noqa: N802 - names are the generated stub's

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from libs.common.errors import NotFound, ReparteeError
from libs.common.request_context import current
from libs.common.server import Registration, running_server
from libs.common.settings import ServiceSettings
from repartee.v1 import common_pb2, router_pb2, router_pb2_grpc


@dataclass
class StreamingRouter(router_pb2_grpc.RouterServiceServicer):
    """Streams `pieces` (None is a reset), then ends, unless `hangs`; `error` comes instead of everything.

    The first `cuts` streams break off after their pieces, as those of a router that is killed.
    """

    pieces: Sequence[str | None] = ("Votre colis part demain. ", "Il arrive mardi.")
    hangs: bool = False
    cuts: int = 0
    error: ReparteeError | None = None
    phase: str = "diagnostic"
    turns: list[router_pb2.ChatRequest] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    amended: asyncio.Queue[router_pb2.AmendReplyRequest] = field(default_factory=asyncio.Queue)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def StreamChat(
        self, request: router_pb2.StreamChatRequest, context: Any
    ) -> AsyncIterator[router_pb2.StreamChatResponse]:
        self.turns.append(request.turn)
        self.authorizations.append(current().authorization)
        if self.error is not None:
            raise self.error
        turn_id, text = request.turn.turn_id, ""
        yield router_pb2.StreamChatResponse(started=router_pb2.ChatStarted(turn_id=turn_id))
        for piece in self.pieces:
            if piece is None:
                text = ""
                yield router_pb2.StreamChatResponse(reset=router_pb2.ChatReset(reason="TIMEOUT"))
            else:
                text += piece
                yield router_pb2.StreamChatResponse(delta=router_pb2.ChatDelta(text=piece))
        if len(self.turns) <= self.cuts:
            return
        if self.hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        state = common_pb2.FlowState(phase=self.phase)
        response = router_pb2.ChatResponse(text=text, turn_id=turn_id, state=state)
        yield router_pb2.StreamChatResponse(completed=router_pb2.ChatCompleted(response=response, complete=True))

    async def AmendReply(self, request: router_pb2.AmendReplyRequest, context: Any) -> router_pb2.AmendReplyResponse:
        self.amended.put_nowait(request)
        if request.turn_id not in {turn.turn_id for turn in self.turns}:
            raise NotFound("TURN_NOT_FOUND", "No such turn.")
        return router_pb2.AmendReplyResponse(changed=True)


@asynccontextmanager
async def serving_router(router: StreamingRouter) -> AsyncIterator[str]:
    """Serves it within the block; gives its address."""
    service = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
    registration = Registration(service, router_pb2_grpc.add_RouterServiceServicer_to_server, router)
    async with running_server(ServiceSettings(port=0), name="router", registrations=[registration]) as server:
        yield f"127.0.0.1:{server.port}"
