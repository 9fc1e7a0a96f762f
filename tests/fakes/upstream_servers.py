"""A cache and an engine as real servers in this process, for tests of the router as a whole."""

# ruff: noqa: N802 - names are the generated stub's

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from libs.common.errors import Unavailable
from libs.common.request_context import current
from libs.common.server import Registration, running_server
from libs.common.settings import ServiceSettings
from repartee.v1 import cache_pb2, cache_pb2_grpc, common_pb2, engine_pb2, engine_pb2_grpc


@dataclass
class UpstreamCache(cache_pb2_grpc.CacheServiceServicer):
    """Knows exact questions; keeps what it is given."""

    answers: dict[str, str] = field(default_factory=dict)
    lookups: list[cache_pb2.LookupAnswerRequest] = field(default_factory=list)
    stored: asyncio.Queue[cache_pb2.StoreAnswerRequest] = field(default_factory=asyncio.Queue)

    async def LookupAnswer(
        self, request: cache_pb2.LookupAnswerRequest, context: Any
    ) -> cache_pb2.LookupAnswerResponse:
        self.lookups.append(request)
        text = self.answers.get(request.query)
        if text is None:
            embedding = common_pb2.Embedding(embedder_id="fake", values=[0.5, 0.5])
            return cache_pb2.LookupAnswerResponse(miss_reason="NO_CANDIDATE", embedding=embedding)
        hit = cache_pb2.CachedAnswer(entry_id="e1", text=text, type="exact", confidence=1, agent="vente", age_seconds=5)
        return cache_pb2.LookupAnswerResponse(hit=hit)

    async def StoreAnswer(self, request: cache_pb2.StoreAnswerRequest, context: Any) -> cache_pb2.StoreAnswerResponse:
        self.stored.put_nowait(request)
        return cache_pb2.StoreAnswerResponse(entry_id="e2")


@dataclass
class UpstreamEngine(engine_pb2_grpc.EngineServiceServicer):
    """Answers with its name; `is_down` makes it refuse.

    A stream says `pieces` first (None is a reset), and then ends as `ending` says: `completed`, `cut` without it,
    `error`, or `hang`; `cancelled` is set when its caller leaves.
    """

    name: str
    is_down: bool = False
    pieces: Sequence[str | None] = ()
    ending: str = "completed"
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[engine_pb2.GenerateAnswerRequest] = field(default_factory=list)
    tenants: list[str] = field(default_factory=list)

    async def GenerateAnswer(
        self, request: engine_pb2.GenerateAnswerRequest, context: Any
    ) -> engine_pb2.GenerateAnswerResponse:
        self.requests.append(request)
        self.tenants.append(current().principal.require_tenant())
        if self.is_down:
            raise Unavailable("NO_TIER_AVAILABLE", "No model answers.")
        state = common_pb2.FlowState(phase="idle", event_count=request.state.event_count + 1)
        answer = engine_pb2.Answer(
            text=f"{self.name}: {request.text}",
            knowledge_text=request.text,
            state=state,
            agent="vente",
            confidence=0.5,
            reasoning="une seule agente",
            action="answer_question",
            cacheable=True,
            knowledge_epoch=3,
            embedding=request.embedding,
        )
        return engine_pb2.GenerateAnswerResponse(answer=answer)

    async def StreamAnswer(
        self, request: engine_pb2.StreamAnswerRequest, context: Any
    ) -> AsyncIterator[engine_pb2.StreamAnswerResponse]:
        answer = (await self.GenerateAnswer(request.turn, context)).answer
        yield engine_pb2.StreamAnswerResponse(started=engine_pb2.AnswerStarted(action=answer.action))
        for piece in self.pieces:
            if piece is None:
                yield engine_pb2.StreamAnswerResponse(reset=engine_pb2.AnswerReset(reason="LLM_STALLED"))
            else:
                yield engine_pb2.StreamAnswerResponse(delta=engine_pb2.AnswerDelta(text=piece))
        if self.ending == "error":
            raise Unavailable("NO_TIER_AVAILABLE", "No model answers.")
        if self.ending == "hang":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        if self.ending == "completed":
            completed = engine_pb2.AnswerCompleted(answer=answer, complete=True, finish_reason="stop")
            yield engine_pb2.StreamAnswerResponse(completed=completed)


@asynccontextmanager
async def serving(servicer: object) -> AsyncIterator[str]:
    """Serves one of the two and yields its address."""
    if isinstance(servicer, UpstreamCache):
        service = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
        add: Any = cache_pb2_grpc.add_CacheServiceServicer_to_server
    else:
        service = engine_pb2.DESCRIPTOR.services_by_name["EngineService"]
        add = engine_pb2_grpc.add_EngineServiceServicer_to_server
    registration = Registration(service, add, servicer)
    async with running_server(ServiceSettings(port=0), name="upstream", registrations=[registration]) as server:
        yield f"127.0.0.1:{server.port}"
