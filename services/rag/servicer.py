"""RagService: protobuf in and out of the use cases."""

from collections.abc import AsyncIterator

import grpc

from libs.common import request_context
from repartee.v1 import rag_pb2, rag_pb2_grpc
from services.rag.adapters import messages
from services.rag.adapters.pattern_methods import PatternDesk, PatternMethods
from services.rag.catalog import Catalog
from services.rag.fact_reading import FactReading
from services.rag.ingestion import Ingestion
from services.rag.retrieval import PassageRetrieval

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's


class RagServicer(PatternMethods, rag_pb2_grpc.RagServiceServicer):
    """Serves RagService."""

    def __init__(
        self,
        *,
        retrieval: PassageRetrieval,
        ingestion: Ingestion,
        catalog: Catalog,
        facts: FactReading,
        patterns: PatternDesk,
    ) -> None:
        super().__init__(patterns)
        self._retrieval = retrieval
        self._ingestion = ingestion
        self._catalog = catalog
        self._facts = facts

    async def RetrievePassages(
        self, request: rag_pb2.RetrievePassagesRequest, context: grpc.ServicerContext
    ) -> rag_pb2.RetrievePassagesResponse:
        """Finds passages."""
        call = request_context.current()
        question = messages.read_question(request)
        return messages.write_retrieval(await self._retrieval.retrieve(call.principal, question, budget=call.budget))

    async def UpsertDocuments(
        self, request: rag_pb2.UpsertDocumentsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.UpsertDocumentsResponse:
        """Indexes documents."""
        documents = [messages.read_document(document) for document in request.documents]
        upserted = await self._ingestion.upsert(request_context.current().principal, documents)
        return rag_pb2.UpsertDocumentsResponse(
            results=[messages.write_outcome(outcome) for outcome in upserted.outcomes],
            knowledge_epoch=upserted.knowledge_epoch,
        )

    async def StreamUpsertDocuments(
        self, request_iterator: AsyncIterator[rag_pb2.StreamUpsertDocumentsRequest], context: grpc.ServicerContext
    ) -> AsyncIterator[rag_pb2.StreamUpsertDocumentsResponse]:
        """Indexes documents as they come in, one after the other."""
        principal = request_context.current().principal
        done_count = 0
        async for request in request_iterator:
            upserted = await self._ingestion.upsert(principal, [messages.read_document(request.document)])
            done_count += 1
            yield rag_pb2.StreamUpsertDocumentsResponse(
                result=messages.write_outcome(upserted.outcomes[0]), done_count=done_count
            )

    async def DeleteDocuments(
        self, request: rag_pb2.DeleteDocumentsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.DeleteDocumentsResponse:
        """Removes documents."""
        deleted = await self._ingestion.delete(request_context.current().principal, request.document_ids)
        return rag_pb2.DeleteDocumentsResponse(deleted_count=deleted.count, knowledge_epoch=deleted.knowledge_epoch)

    async def ListDocuments(
        self, request: rag_pb2.ListDocumentsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.ListDocumentsResponse:
        """Pages through documents."""
        page_size = messages.in_range(request.page_size, field="page_size", default=100, most=1000)
        principal = request_context.current().principal
        page = await self._catalog.page(principal, page_size=page_size, page_token=request.page_token)
        return rag_pb2.ListDocumentsResponse(
            documents=[messages.write_summary(record) for record in page.documents],
            next_page_token=page.next_page_token,
        )

    async def ExtractFacts(
        self, request: rag_pb2.ExtractFactsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.ExtractFactsResponse:
        """Says what a text states."""
        owner = request_context.current().principal
        return messages.write_facts(await self._facts.read(owner, request.text))
