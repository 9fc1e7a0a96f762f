import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from repartee.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Document(_message.Message):
    __slots__ = ("document_id", "title", "content", "media_type", "agent_owner", "locale")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    AGENT_OWNER_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    title: str
    content: bytes
    media_type: str
    agent_owner: str
    locale: str
    def __init__(self, document_id: _Optional[str] = ..., title: _Optional[str] = ..., content: _Optional[bytes] = ..., media_type: _Optional[str] = ..., agent_owner: _Optional[str] = ..., locale: _Optional[str] = ...) -> None: ...

class DocumentResult(_message.Message):
    __slots__ = ("document_id", "outcome", "chunk_count", "reason", "detail")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[DocumentResult.Outcome]
        OUTCOME_INDEXED: _ClassVar[DocumentResult.Outcome]
        OUTCOME_UNCHANGED: _ClassVar[DocumentResult.Outcome]
        OUTCOME_REFUSED: _ClassVar[DocumentResult.Outcome]
        OUTCOME_QUARANTINED: _ClassVar[DocumentResult.Outcome]
    OUTCOME_UNSPECIFIED: DocumentResult.Outcome
    OUTCOME_INDEXED: DocumentResult.Outcome
    OUTCOME_UNCHANGED: DocumentResult.Outcome
    OUTCOME_REFUSED: DocumentResult.Outcome
    OUTCOME_QUARANTINED: DocumentResult.Outcome
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_COUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    outcome: DocumentResult.Outcome
    chunk_count: int
    reason: str
    detail: str
    def __init__(self, document_id: _Optional[str] = ..., outcome: _Optional[_Union[DocumentResult.Outcome, str]] = ..., chunk_count: _Optional[int] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class UpsertDocumentsRequest(_message.Message):
    __slots__ = ("tenant_id", "documents")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    documents: _containers.RepeatedCompositeFieldContainer[Document]
    def __init__(self, tenant_id: _Optional[str] = ..., documents: _Optional[_Iterable[_Union[Document, _Mapping]]] = ...) -> None: ...

class UpsertDocumentsResponse(_message.Message):
    __slots__ = ("results", "knowledge_epoch")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[DocumentResult]
    knowledge_epoch: int
    def __init__(self, results: _Optional[_Iterable[_Union[DocumentResult, _Mapping]]] = ..., knowledge_epoch: _Optional[int] = ...) -> None: ...

class StreamUpsertDocumentsRequest(_message.Message):
    __slots__ = ("tenant_id", "document")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    document: Document
    def __init__(self, tenant_id: _Optional[str] = ..., document: _Optional[_Union[Document, _Mapping]] = ...) -> None: ...

class StreamUpsertDocumentsResponse(_message.Message):
    __slots__ = ("result", "done_count")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    result: DocumentResult
    done_count: int
    def __init__(self, result: _Optional[_Union[DocumentResult, _Mapping]] = ..., done_count: _Optional[int] = ...) -> None: ...

class DeleteDocumentsRequest(_message.Message):
    __slots__ = ("tenant_id", "document_ids")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_IDS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    document_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tenant_id: _Optional[str] = ..., document_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteDocumentsResponse(_message.Message):
    __slots__ = ("deleted_count", "knowledge_epoch")
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    knowledge_epoch: int
    def __init__(self, deleted_count: _Optional[int] = ..., knowledge_epoch: _Optional[int] = ...) -> None: ...

class DocumentSummary(_message.Message):
    __slots__ = ("document_id", "title", "agent_owner", "chunk_count", "content_sha256", "update_time", "status", "reason", "locale", "media_type")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    AGENT_OWNER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    title: str
    agent_owner: str
    chunk_count: int
    content_sha256: str
    update_time: _timestamp_pb2.Timestamp
    status: str
    reason: str
    locale: str
    media_type: str
    def __init__(self, document_id: _Optional[str] = ..., title: _Optional[str] = ..., agent_owner: _Optional[str] = ..., chunk_count: _Optional[int] = ..., content_sha256: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., locale: _Optional[str] = ..., media_type: _Optional[str] = ...) -> None: ...

class ListDocumentsRequest(_message.Message):
    __slots__ = ("tenant_id", "page_size", "page_token")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    page_size: int
    page_token: str
    def __init__(self, tenant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDocumentsResponse(_message.Message):
    __slots__ = ("documents", "next_page_token")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[DocumentSummary]
    next_page_token: str
    def __init__(self, documents: _Optional[_Iterable[_Union[DocumentSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RetrievePassagesRequest(_message.Message):
    __slots__ = ("tenant_id", "query", "agent", "embedding", "candidate_count", "passage_count", "context_tokens")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PASSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    query: str
    agent: str
    embedding: _common_pb2.Embedding
    candidate_count: int
    passage_count: int
    context_tokens: int
    def __init__(self, tenant_id: _Optional[str] = ..., query: _Optional[str] = ..., agent: _Optional[str] = ..., embedding: _Optional[_Union[_common_pb2.Embedding, _Mapping]] = ..., candidate_count: _Optional[int] = ..., passage_count: _Optional[int] = ..., context_tokens: _Optional[int] = ...) -> None: ...

class Passage(_message.Message):
    __slots__ = ("document_id", "chunk", "title", "text", "score", "rerank_score", "agent_owner")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RERANK_SCORE_FIELD_NUMBER: _ClassVar[int]
    AGENT_OWNER_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    chunk: int
    title: str
    text: str
    score: float
    rerank_score: float
    agent_owner: str
    def __init__(self, document_id: _Optional[str] = ..., chunk: _Optional[int] = ..., title: _Optional[str] = ..., text: _Optional[str] = ..., score: _Optional[float] = ..., rerank_score: _Optional[float] = ..., agent_owner: _Optional[str] = ...) -> None: ...

class RetrievePassagesResponse(_message.Message):
    __slots__ = ("passages", "context", "rerank", "knowledge_epoch", "embedding")
    PASSAGES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RERANK_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    passages: _containers.RepeatedCompositeFieldContainer[Passage]
    context: str
    rerank: str
    knowledge_epoch: int
    embedding: _common_pb2.Embedding
    def __init__(self, passages: _Optional[_Iterable[_Union[Passage, _Mapping]]] = ..., context: _Optional[str] = ..., rerank: _Optional[str] = ..., knowledge_epoch: _Optional[int] = ..., embedding: _Optional[_Union[_common_pb2.Embedding, _Mapping]] = ...) -> None: ...

class Pattern(_message.Message):
    __slots__ = ("field", "expression", "status", "support", "precision", "examples", "counter_examples", "generic")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    COUNTER_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    GENERIC_FIELD_NUMBER: _ClassVar[int]
    field: str
    expression: str
    status: str
    support: int
    precision: float
    examples: _containers.RepeatedScalarFieldContainer[str]
    counter_examples: _containers.RepeatedScalarFieldContainer[str]
    generic: bool
    def __init__(self, field: _Optional[str] = ..., expression: _Optional[str] = ..., status: _Optional[str] = ..., support: _Optional[int] = ..., precision: _Optional[float] = ..., examples: _Optional[_Iterable[str]] = ..., counter_examples: _Optional[_Iterable[str]] = ..., generic: _Optional[bool] = ...) -> None: ...

class LearnPatternsRequest(_message.Message):
    __slots__ = ("tenant_id", "dry_run")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    dry_run: bool
    def __init__(self, tenant_id: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class LearnPatternsResponse(_message.Message):
    __slots__ = ("patterns", "version", "documents", "country", "country_confidence")
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    version: int
    documents: int
    country: str
    country_confidence: float
    def __init__(self, patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ..., version: _Optional[int] = ..., documents: _Optional[int] = ..., country: _Optional[str] = ..., country_confidence: _Optional[float] = ...) -> None: ...

class GetPatternsRequest(_message.Message):
    __slots__ = ("tenant_id", "version")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    version: int
    def __init__(self, tenant_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetPatternsResponse(_message.Message):
    __slots__ = ("patterns", "version")
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    version: int
    def __init__(self, patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ..., version: _Optional[int] = ...) -> None: ...

class ImportPatternsRequest(_message.Message):
    __slots__ = ("tenant_id", "patterns", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class ImportPatternsResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class RollbackPatternsRequest(_message.Message):
    __slots__ = ("tenant_id", "version", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    version: int
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class RollbackPatternsResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class ExtractedFact(_message.Message):
    __slots__ = ("kind", "value", "unit", "start", "end")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    kind: str
    value: str
    unit: str
    start: int
    end: int
    def __init__(self, kind: _Optional[str] = ..., value: _Optional[str] = ..., unit: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class ExtractFactsRequest(_message.Message):
    __slots__ = ("tenant_id", "text")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    text: str
    def __init__(self, tenant_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ExtractFactsResponse(_message.Message):
    __slots__ = ("facts",)
    FACTS_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[ExtractedFact]
    def __init__(self, facts: _Optional[_Iterable[_Union[ExtractedFact, _Mapping]]] = ...) -> None: ...

class ExplainRetrievalRequest(_message.Message):
    __slots__ = ("retrieval",)
    RETRIEVAL_FIELD_NUMBER: _ClassVar[int]
    retrieval: RetrievePassagesRequest
    def __init__(self, retrieval: _Optional[_Union[RetrievePassagesRequest, _Mapping]] = ...) -> None: ...

class RetrievalStage(_message.Message):
    __slots__ = ("name", "duration_ms", "candidates", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    duration_ms: float
    candidates: _containers.RepeatedCompositeFieldContainer[Passage]
    detail: str
    def __init__(self, name: _Optional[str] = ..., duration_ms: _Optional[float] = ..., candidates: _Optional[_Iterable[_Union[Passage, _Mapping]]] = ..., detail: _Optional[str] = ...) -> None: ...

class ExplainRetrievalResponse(_message.Message):
    __slots__ = ("stages",)
    STAGES_FIELD_NUMBER: _ClassVar[int]
    stages: _containers.RepeatedCompositeFieldContainer[RetrievalStage]
    def __init__(self, stages: _Optional[_Iterable[_Union[RetrievalStage, _Mapping]]] = ...) -> None: ...

class GetRagStatsRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class GetRagStatsResponse(_message.Message):
    __slots__ = ("documents", "chunks", "embedder_id")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_ID_FIELD_NUMBER: _ClassVar[int]
    documents: int
    chunks: int
    embedder_id: str
    def __init__(self, documents: _Optional[int] = ..., chunks: _Optional[int] = ..., embedder_id: _Optional[str] = ...) -> None: ...

class GetPatternStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPatternStatsResponse(_message.Message):
    __slots__ = ("companies_in_redis", "companies_in_memory", "cache_ttl_days")
    COMPANIES_IN_REDIS_FIELD_NUMBER: _ClassVar[int]
    COMPANIES_IN_MEMORY_FIELD_NUMBER: _ClassVar[int]
    CACHE_TTL_DAYS_FIELD_NUMBER: _ClassVar[int]
    companies_in_redis: int
    companies_in_memory: int
    cache_ttl_days: int
    def __init__(self, companies_in_redis: _Optional[int] = ..., companies_in_memory: _Optional[int] = ..., cache_ttl_days: _Optional[int] = ...) -> None: ...
