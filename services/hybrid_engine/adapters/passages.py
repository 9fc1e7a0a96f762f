"""Passages from the rag service."""

import grpc
import grpc.aio

from libs.common.request_context import current
from libs.common.status import from_rpc_error
from repartee.v1 import common_pb2, rag_pb2, rag_pb2_grpc
from services.hybrid_engine.turn import Found, Passage, Vector


class RagPassages:
    """A `PassageFinder` over a channel to rag. The channel's owner closes it."""

    def __init__(self, channel: grpc.aio.Channel, *, timeout_seconds: float) -> None:
        self._stub: rag_pb2_grpc.RagServiceAsyncStub = rag_pb2_grpc.RagServiceStub(channel)
        self._timeout_seconds = timeout_seconds

    async def find(self, question: str, *, agent: str, embedding: Vector | None) -> Found:
        """Returns passages; raises RemoteError, whose kind is NOT_FOUND for a tenant that rag does not know."""
        context = current()
        request = rag_pb2.RetrievePassagesRequest(tenant_id=context.principal.tenant or "", query=question, agent=agent)
        if embedding is not None:
            request.embedding.CopyFrom(common_pb2.Embedding(embedder_id=embedding.embedder_id, values=embedding.values))
        try:
            response = await self._stub.RetrievePassages(
                request, timeout=context.budget.timeout(self._timeout_seconds, reserve=0.15)
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        made = response.embedding
        return Found(
            passages=tuple(
                Passage(found.document_id, found.chunk, found.title, found.text, found.rerank_score or found.score)
                for found in response.passages
            ),
            context=response.context,
            knowledge_epoch=response.knowledge_epoch,
            embedding=Vector(made.embedder_id, tuple(made.values)) if made.embedder_id else None,
        )
