from google.api import field_behavior_pb2 as _field_behavior_pb2
from repartee.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LookupAnswerRequest(_message.Message):
    __slots__ = ("tenant_id", "query", "agent", "locale", "awaiting_slot", "min_confidence", "may_lead", "wait_ms")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    AWAITING_SLOT_FIELD_NUMBER: _ClassVar[int]
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MAY_LEAD_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    query: str
    agent: str
    locale: str
    awaiting_slot: str
    min_confidence: float
    may_lead: bool
    wait_ms: int
    def __init__(self, tenant_id: _Optional[str] = ..., query: _Optional[str] = ..., agent: _Optional[str] = ..., locale: _Optional[str] = ..., awaiting_slot: _Optional[str] = ..., min_confidence: _Optional[float] = ..., may_lead: _Optional[bool] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class CachedAnswer(_message.Message):
    __slots__ = ("entry_id", "text", "type", "confidence", "age_seconds", "sources", "agent", "recheck")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    RECHECK_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    text: str
    type: str
    confidence: float
    age_seconds: int
    sources: _containers.RepeatedCompositeFieldContainer[_common_pb2.Source]
    agent: str
    recheck: bool
    def __init__(self, entry_id: _Optional[str] = ..., text: _Optional[str] = ..., type: _Optional[str] = ..., confidence: _Optional[float] = ..., age_seconds: _Optional[int] = ..., sources: _Optional[_Iterable[_Union[_common_pb2.Source, _Mapping]]] = ..., agent: _Optional[str] = ..., recheck: _Optional[bool] = ...) -> None: ...

class LookupAnswerResponse(_message.Message):
    __slots__ = ("hit", "miss_reason", "embedding", "in_flight", "lease", "nothing_found")
    HIT_FIELD_NUMBER: _ClassVar[int]
    MISS_REASON_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    NOTHING_FOUND_FIELD_NUMBER: _ClassVar[int]
    hit: CachedAnswer
    miss_reason: str
    embedding: _common_pb2.Embedding
    in_flight: bool
    lease: str
    nothing_found: bool
    def __init__(self, hit: _Optional[_Union[CachedAnswer, _Mapping]] = ..., miss_reason: _Optional[str] = ..., embedding: _Optional[_Union[_common_pb2.Embedding, _Mapping]] = ..., in_flight: _Optional[bool] = ..., lease: _Optional[str] = ..., nothing_found: _Optional[bool] = ...) -> None: ...

class StoreAnswerRequest(_message.Message):
    __slots__ = ("tenant_id", "query", "text", "agent", "locale", "sources", "embedding", "knowledge_epoch", "ttl_seconds", "answered_by", "lease", "nothing_found", "wording", "confidence", "truncated")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_BY_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    NOTHING_FOUND_FIELD_NUMBER: _ClassVar[int]
    WORDING_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    query: str
    text: str
    agent: str
    locale: str
    sources: _containers.RepeatedCompositeFieldContainer[_common_pb2.Source]
    embedding: _common_pb2.Embedding
    knowledge_epoch: int
    ttl_seconds: int
    answered_by: str
    lease: str
    nothing_found: bool
    wording: str
    confidence: float
    truncated: bool
    def __init__(self, tenant_id: _Optional[str] = ..., query: _Optional[str] = ..., text: _Optional[str] = ..., agent: _Optional[str] = ..., locale: _Optional[str] = ..., sources: _Optional[_Iterable[_Union[_common_pb2.Source, _Mapping]]] = ..., embedding: _Optional[_Union[_common_pb2.Embedding, _Mapping]] = ..., knowledge_epoch: _Optional[int] = ..., ttl_seconds: _Optional[int] = ..., answered_by: _Optional[str] = ..., lease: _Optional[str] = ..., nothing_found: _Optional[bool] = ..., wording: _Optional[str] = ..., confidence: _Optional[float] = ..., truncated: _Optional[bool] = ...) -> None: ...

class StoreAnswerResponse(_message.Message):
    __slots__ = ("entry_id", "refused_reason")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    REFUSED_REASON_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    refused_reason: str
    def __init__(self, entry_id: _Optional[str] = ..., refused_reason: _Optional[str] = ...) -> None: ...

class AbandonAnswerRequest(_message.Message):
    __slots__ = ("tenant_id", "query", "agent", "locale", "lease")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    query: str
    agent: str
    locale: str
    lease: str
    def __init__(self, tenant_id: _Optional[str] = ..., query: _Optional[str] = ..., agent: _Optional[str] = ..., locale: _Optional[str] = ..., lease: _Optional[str] = ...) -> None: ...

class AbandonAnswerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportRecheckRequest(_message.Message):
    __slots__ = ("tenant_id", "entry_id", "query", "text", "locale")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    entry_id: str
    query: str
    text: str
    locale: str
    def __init__(self, tenant_id: _Optional[str] = ..., entry_id: _Optional[str] = ..., query: _Optional[str] = ..., text: _Optional[str] = ..., locale: _Optional[str] = ...) -> None: ...

class ReportRecheckResponse(_message.Message):
    __slots__ = ("agrees", "threshold")
    AGREES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    agrees: bool
    threshold: float
    def __init__(self, agrees: _Optional[bool] = ..., threshold: _Optional[float] = ...) -> None: ...

class InvalidateAnswersRequest(_message.Message):
    __slots__ = ("tenant_id", "document_id", "query", "all")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    document_id: str
    query: str
    all: bool
    def __init__(self, tenant_id: _Optional[str] = ..., document_id: _Optional[str] = ..., query: _Optional[str] = ..., all: _Optional[bool] = ...) -> None: ...

class InvalidateAnswersResponse(_message.Message):
    __slots__ = ("removed_count",)
    REMOVED_COUNT_FIELD_NUMBER: _ClassVar[int]
    removed_count: int
    def __init__(self, removed_count: _Optional[int] = ...) -> None: ...

class GetTenantStatsRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class GetTenantStatsResponse(_message.Message):
    __slots__ = ("cache_hits", "cache_misses", "hit_rate_percent", "cache_size", "guard_rejects", "false_hit_estimate", "miss_reasons", "rechecked_hits", "false_hits", "threshold", "cache_bytes", "exact_hits", "refused_reasons")
    class MissReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class RefusedReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CACHE_HITS_FIELD_NUMBER: _ClassVar[int]
    CACHE_MISSES_FIELD_NUMBER: _ClassVar[int]
    HIT_RATE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CACHE_SIZE_FIELD_NUMBER: _ClassVar[int]
    GUARD_REJECTS_FIELD_NUMBER: _ClassVar[int]
    FALSE_HIT_ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    MISS_REASONS_FIELD_NUMBER: _ClassVar[int]
    RECHECKED_HITS_FIELD_NUMBER: _ClassVar[int]
    FALSE_HITS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    CACHE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXACT_HITS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_REASONS_FIELD_NUMBER: _ClassVar[int]
    cache_hits: int
    cache_misses: int
    hit_rate_percent: float
    cache_size: int
    guard_rejects: int
    false_hit_estimate: float
    miss_reasons: _containers.ScalarMap[str, int]
    rechecked_hits: int
    false_hits: int
    threshold: float
    cache_bytes: float
    exact_hits: int
    refused_reasons: _containers.ScalarMap[str, int]
    def __init__(self, cache_hits: _Optional[int] = ..., cache_misses: _Optional[int] = ..., hit_rate_percent: _Optional[float] = ..., cache_size: _Optional[int] = ..., guard_rejects: _Optional[int] = ..., false_hit_estimate: _Optional[float] = ..., miss_reasons: _Optional[_Mapping[str, int]] = ..., rechecked_hits: _Optional[int] = ..., false_hits: _Optional[int] = ..., threshold: _Optional[float] = ..., cache_bytes: _Optional[float] = ..., exact_hits: _Optional[int] = ..., refused_reasons: _Optional[_Mapping[str, int]] = ...) -> None: ...

class GetGlobalStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetGlobalStatsResponse(_message.Message):
    __slots__ = ("total_companies", "total_entries", "global_hit_rate_percent", "seal_failures", "canary_leaks")
    TOTAL_COMPANIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_HIT_RATE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    SEAL_FAILURES_FIELD_NUMBER: _ClassVar[int]
    CANARY_LEAKS_FIELD_NUMBER: _ClassVar[int]
    total_companies: int
    total_entries: int
    global_hit_rate_percent: float
    seal_failures: int
    canary_leaks: int
    def __init__(self, total_companies: _Optional[int] = ..., total_entries: _Optional[int] = ..., global_hit_rate_percent: _Optional[float] = ..., seal_failures: _Optional[int] = ..., canary_leaks: _Optional[int] = ...) -> None: ...

class ExplainLookupRequest(_message.Message):
    __slots__ = ("lookup",)
    LOOKUP_FIELD_NUMBER: _ClassVar[int]
    lookup: LookupAnswerRequest
    def __init__(self, lookup: _Optional[_Union[LookupAnswerRequest, _Mapping]] = ...) -> None: ...

class LookupCandidate(_message.Message):
    __slots__ = ("entry_id", "score", "refused_by", "detail")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_BY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    score: float
    refused_by: str
    detail: str
    def __init__(self, entry_id: _Optional[str] = ..., score: _Optional[float] = ..., refused_by: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class ExplainLookupResponse(_message.Message):
    __slots__ = ("candidates", "outcome", "threshold")
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[LookupCandidate]
    outcome: str
    threshold: float
    def __init__(self, candidates: _Optional[_Iterable[_Union[LookupCandidate, _Mapping]]] = ..., outcome: _Optional[str] = ..., threshold: _Optional[float] = ...) -> None: ...

class FlushTenantRequest(_message.Message):
    __slots__ = ("tenant_id", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class FlushTenantResponse(_message.Message):
    __slots__ = ("removed_count",)
    REMOVED_COUNT_FIELD_NUMBER: _ClassVar[int]
    removed_count: int
    def __init__(self, removed_count: _Optional[int] = ...) -> None: ...
