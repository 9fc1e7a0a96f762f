"""RagAdminService: what operators see of retrieval."""

import grpc

from libs.common import request_context
from repartee.v1 import rag_pb2, rag_pb2_grpc
from services.rag.adapters import messages
from services.rag.adapters.pattern_methods import PatternAdminMethods, PatternDesk
from services.rag.passage_index import PassageIndex
from services.rag.retrieval import PassageRetrieval
from services.rag.tenant_scope import TenantScope

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's


class RagAdminServicer(PatternAdminMethods, rag_pb2_grpc.RagAdminServiceServicer):
    """Serves RagAdminService."""

    def __init__(
        self, *, retrieval: PassageRetrieval, index: PassageIndex, embedder_id: str, patterns: PatternDesk
    ) -> None:
        super().__init__(patterns)
        self._retrieval = retrieval
        self._index = index
        self._embedder_id = embedder_id

    async def ExplainRetrieval(
        self, request: rag_pb2.ExplainRetrievalRequest, context: grpc.ServicerContext
    ) -> rag_pb2.ExplainRetrievalResponse:
        """Retrieves, and returns what each stage did."""
        call = request_context.current()
        question = messages.read_question(request.retrieval, path="retrieval.")
        return messages.write_stages(await self._retrieval.retrieve(call.principal, question, budget=call.budget))

    async def GetRagStats(
        self, request: rag_pb2.GetRagStatsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.GetRagStatsResponse:
        """Counts documents and chunks, of one tenant or of all."""
        principal = request_context.current().principal
        size = await self._index.size(TenantScope(principal) if request.tenant_id else None)
        return rag_pb2.GetRagStatsResponse(documents=size.documents, chunks=size.chunks, embedder_id=self._embedder_id)
