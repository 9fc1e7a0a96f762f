import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from repartee.v1 import router_pb2 as _router_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SwitchPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SWITCH_POLICY_UNSPECIFIED: _ClassVar[SwitchPolicy]
    SWITCH_POLICY_NEXT_REQUEST: _ClassVar[SwitchPolicy]
    SWITCH_POLICY_PIN_CONVERSATION: _ClassVar[SwitchPolicy]
SWITCH_POLICY_UNSPECIFIED: SwitchPolicy
SWITCH_POLICY_NEXT_REQUEST: SwitchPolicy
SWITCH_POLICY_PIN_CONVERSATION: SwitchPolicy

class RolloutStep(_message.Message):
    __slots__ = ("percent", "min_duration_seconds", "min_samples_per_arm")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    MIN_DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MIN_SAMPLES_PER_ARM_FIELD_NUMBER: _ClassVar[int]
    percent: float
    min_duration_seconds: int
    min_samples_per_arm: int
    def __init__(self, percent: _Optional[float] = ..., min_duration_seconds: _Optional[int] = ..., min_samples_per_arm: _Optional[int] = ...) -> None: ...

class RolloutState(_message.Message):
    __slots__ = ("tenant_id", "hybrid_enabled", "percent", "version", "source", "switch_policy", "plan", "steps", "step", "update_time", "actor", "reason", "needs_acknowledgement", "emergency", "step_time", "seconds_left", "samples_left", "auto_advance", "always_hybrid", "shadow_percent", "experiment", "names")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    HYBRID_ENABLED_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SWITCH_POLICY_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NEEDS_ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    STEP_TIME_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_LEFT_FIELD_NUMBER: _ClassVar[int]
    AUTO_ADVANCE_FIELD_NUMBER: _ClassVar[int]
    ALWAYS_HYBRID_FIELD_NUMBER: _ClassVar[int]
    SHADOW_PERCENT_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    hybrid_enabled: bool
    percent: float
    version: int
    source: str
    switch_policy: SwitchPolicy
    plan: str
    steps: _containers.RepeatedCompositeFieldContainer[RolloutStep]
    step: int
    update_time: _timestamp_pb2.Timestamp
    actor: str
    reason: str
    needs_acknowledgement: bool
    emergency: bool
    step_time: _timestamp_pb2.Timestamp
    seconds_left: int
    samples_left: int
    auto_advance: bool
    always_hybrid: _containers.RepeatedScalarFieldContainer[str]
    shadow_percent: float
    experiment: str
    names: _router_pb2.VariantNames
    def __init__(self, tenant_id: _Optional[str] = ..., hybrid_enabled: _Optional[bool] = ..., percent: _Optional[float] = ..., version: _Optional[int] = ..., source: _Optional[str] = ..., switch_policy: _Optional[_Union[SwitchPolicy, str]] = ..., plan: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[RolloutStep, _Mapping]]] = ..., step: _Optional[int] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., needs_acknowledgement: _Optional[bool] = ..., emergency: _Optional[bool] = ..., step_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seconds_left: _Optional[int] = ..., samples_left: _Optional[int] = ..., auto_advance: _Optional[bool] = ..., always_hybrid: _Optional[_Iterable[str]] = ..., shadow_percent: _Optional[float] = ..., experiment: _Optional[str] = ..., names: _Optional[_Union[_router_pb2.VariantNames, _Mapping]] = ...) -> None: ...

class GetRolloutRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class GetRolloutResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: RolloutState
    def __init__(self, state: _Optional[_Union[RolloutState, _Mapping]] = ...) -> None: ...

class EnableHybridRequest(_message.Message):
    __slots__ = ("tenant_id", "reason", "request_id", "acknowledge")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    reason: str
    request_id: str
    acknowledge: bool
    def __init__(self, tenant_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ..., acknowledge: _Optional[bool] = ...) -> None: ...

class EnableHybridResponse(_message.Message):
    __slots__ = ("state", "changed")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    state: RolloutState
    changed: bool
    def __init__(self, state: _Optional[_Union[RolloutState, _Mapping]] = ..., changed: _Optional[bool] = ...) -> None: ...

class DisableHybridRequest(_message.Message):
    __slots__ = ("tenant_id", "reason", "request_id", "emergency")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    reason: str
    request_id: str
    emergency: bool
    def __init__(self, tenant_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ..., emergency: _Optional[bool] = ...) -> None: ...

class DisableHybridResponse(_message.Message):
    __slots__ = ("state", "changed", "propagated_to", "pending")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    PROPAGATED_TO_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    state: RolloutState
    changed: bool
    propagated_to: _containers.RepeatedScalarFieldContainer[str]
    pending: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[_Union[RolloutState, _Mapping]] = ..., changed: _Optional[bool] = ..., propagated_to: _Optional[_Iterable[str]] = ..., pending: _Optional[_Iterable[str]] = ...) -> None: ...

class ToggleHybridRequest(_message.Message):
    __slots__ = ("tenant_id", "reason", "expected_version")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    reason: str
    expected_version: int
    def __init__(self, tenant_id: _Optional[str] = ..., reason: _Optional[str] = ..., expected_version: _Optional[int] = ...) -> None: ...

class ToggleHybridResponse(_message.Message):
    __slots__ = ("state", "last_writer_wins")
    STATE_FIELD_NUMBER: _ClassVar[int]
    LAST_WRITER_WINS_FIELD_NUMBER: _ClassVar[int]
    state: RolloutState
    last_writer_wins: bool
    def __init__(self, state: _Optional[_Union[RolloutState, _Mapping]] = ..., last_writer_wins: _Optional[bool] = ...) -> None: ...

class SetRolloutRequest(_message.Message):
    __slots__ = ("tenant_id", "percent", "plan", "steps", "switch_policy", "expected_version", "reason", "auto_advance", "always_hybrid", "shadow_percent", "experiment", "acknowledge")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SWITCH_POLICY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AUTO_ADVANCE_FIELD_NUMBER: _ClassVar[int]
    ALWAYS_HYBRID_FIELD_NUMBER: _ClassVar[int]
    SHADOW_PERCENT_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    percent: float
    plan: str
    steps: _containers.RepeatedCompositeFieldContainer[RolloutStep]
    switch_policy: SwitchPolicy
    expected_version: int
    reason: str
    auto_advance: bool
    always_hybrid: _containers.RepeatedScalarFieldContainer[str]
    shadow_percent: float
    experiment: str
    acknowledge: bool
    def __init__(self, tenant_id: _Optional[str] = ..., percent: _Optional[float] = ..., plan: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[RolloutStep, _Mapping]]] = ..., switch_policy: _Optional[_Union[SwitchPolicy, str]] = ..., expected_version: _Optional[int] = ..., reason: _Optional[str] = ..., auto_advance: _Optional[bool] = ..., always_hybrid: _Optional[_Iterable[str]] = ..., shadow_percent: _Optional[float] = ..., experiment: _Optional[str] = ..., acknowledge: _Optional[bool] = ...) -> None: ...

class SetRolloutResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: RolloutState
    def __init__(self, state: _Optional[_Union[RolloutState, _Mapping]] = ...) -> None: ...

class AdvanceRolloutRequest(_message.Message):
    __slots__ = ("tenant_id", "expected_version", "reason", "force")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    expected_version: int
    reason: str
    force: bool
    def __init__(self, tenant_id: _Optional[str] = ..., expected_version: _Optional[int] = ..., reason: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class AdvanceRolloutResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: RolloutState
    def __init__(self, state: _Optional[_Union[RolloutState, _Mapping]] = ...) -> None: ...

class WatchRolloutRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class WatchRolloutResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: RolloutState
    def __init__(self, state: _Optional[_Union[RolloutState, _Mapping]] = ...) -> None: ...

class SystemMetrics(_message.Message):
    __slots__ = ("count", "errors", "avg_time")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    AVG_TIME_FIELD_NUMBER: _ClassVar[int]
    count: int
    errors: int
    avg_time: float
    def __init__(self, count: _Optional[int] = ..., errors: _Optional[int] = ..., avg_time: _Optional[float] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("old_error_rate", "hybrid_error_rate", "time_improvement", "recommendation")
    OLD_ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    HYBRID_ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    TIME_IMPROVEMENT_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDATION_FIELD_NUMBER: _ClassVar[int]
    old_error_rate: str
    hybrid_error_rate: str
    time_improvement: str
    recommendation: str
    def __init__(self, old_error_rate: _Optional[str] = ..., hybrid_error_rate: _Optional[str] = ..., time_improvement: _Optional[str] = ..., recommendation: _Optional[str] = ...) -> None: ...

class SystemDetail(_message.Message):
    __slots__ = ("p50_time", "p95_time", "p99_time", "rescued", "fallback_levels", "templates", "escalations", "asked_again", "cache_hits", "cost_usd", "conversations", "rated_good", "rated_bad", "bad_reasons", "abandoned")
    class FallbackLevelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class BadReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    P50_TIME_FIELD_NUMBER: _ClassVar[int]
    P95_TIME_FIELD_NUMBER: _ClassVar[int]
    P99_TIME_FIELD_NUMBER: _ClassVar[int]
    RESCUED_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_LEVELS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    ESCALATIONS_FIELD_NUMBER: _ClassVar[int]
    ASKED_AGAIN_FIELD_NUMBER: _ClassVar[int]
    CACHE_HITS_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    RATED_GOOD_FIELD_NUMBER: _ClassVar[int]
    RATED_BAD_FIELD_NUMBER: _ClassVar[int]
    BAD_REASONS_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    p50_time: float
    p95_time: float
    p99_time: float
    rescued: int
    fallback_levels: _containers.ScalarMap[str, int]
    templates: int
    escalations: int
    asked_again: int
    cache_hits: int
    cost_usd: float
    conversations: int
    rated_good: int
    rated_bad: int
    bad_reasons: _containers.ScalarMap[str, int]
    abandoned: int
    def __init__(self, p50_time: _Optional[float] = ..., p95_time: _Optional[float] = ..., p99_time: _Optional[float] = ..., rescued: _Optional[int] = ..., fallback_levels: _Optional[_Mapping[str, int]] = ..., templates: _Optional[int] = ..., escalations: _Optional[int] = ..., asked_again: _Optional[int] = ..., cache_hits: _Optional[int] = ..., cost_usd: _Optional[float] = ..., conversations: _Optional[int] = ..., rated_good: _Optional[int] = ..., rated_bad: _Optional[int] = ..., bad_reasons: _Optional[_Mapping[str, int]] = ..., abandoned: _Optional[int] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("harm", "better", "sample_ratio_p", "risk_ratio_upper")
    class HarmEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    HARM_FIELD_NUMBER: _ClassVar[int]
    BETTER_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATIO_P_FIELD_NUMBER: _ClassVar[int]
    RISK_RATIO_UPPER_FIELD_NUMBER: _ClassVar[int]
    harm: _containers.ScalarMap[str, float]
    better: float
    sample_ratio_p: float
    risk_ratio_upper: float
    def __init__(self, harm: _Optional[_Mapping[str, float]] = ..., better: _Optional[float] = ..., sample_ratio_p: _Optional[float] = ..., risk_ratio_upper: _Optional[float] = ...) -> None: ...

class MetricsDetail(_message.Message):
    __slots__ = ("window", "start_time", "old_system", "hybrid_system", "evidence", "explanation")
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    OLD_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    HYBRID_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    window: str
    start_time: _timestamp_pb2.Timestamp
    old_system: SystemDetail
    hybrid_system: SystemDetail
    evidence: Evidence
    explanation: str
    def __init__(self, window: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., old_system: _Optional[_Union[SystemDetail, _Mapping]] = ..., hybrid_system: _Optional[_Union[SystemDetail, _Mapping]] = ..., evidence: _Optional[_Union[Evidence, _Mapping]] = ..., explanation: _Optional[str] = ...) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ("tenant_id", "window", "detail")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    window: str
    detail: bool
    def __init__(self, tenant_id: _Optional[str] = ..., window: _Optional[str] = ..., detail: _Optional[bool] = ...) -> None: ...

class GetMetricsResponse(_message.Message):
    __slots__ = ("hybrid_enabled", "old_system", "hybrid_system", "comparison", "detail", "names")
    HYBRID_ENABLED_FIELD_NUMBER: _ClassVar[int]
    OLD_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    HYBRID_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    hybrid_enabled: bool
    old_system: SystemMetrics
    hybrid_system: SystemMetrics
    comparison: Comparison
    detail: MetricsDetail
    names: _router_pb2.VariantNames
    def __init__(self, hybrid_enabled: _Optional[bool] = ..., old_system: _Optional[_Union[SystemMetrics, _Mapping]] = ..., hybrid_system: _Optional[_Union[SystemMetrics, _Mapping]] = ..., comparison: _Optional[_Union[Comparison, _Mapping]] = ..., detail: _Optional[_Union[MetricsDetail, _Mapping]] = ..., names: _Optional[_Union[_router_pb2.VariantNames, _Mapping]] = ...) -> None: ...

class ResetMetricsRequest(_message.Message):
    __slots__ = ("tenant_id", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ResetMetricsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuditEntry(_message.Message):
    __slots__ = ("sequence", "time", "actor", "action", "reason", "before", "after", "hash", "previous_hash", "tenant_id")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    actor: str
    action: str
    reason: str
    before: str
    after: str
    hash: str
    previous_hash: str
    tenant_id: str
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., reason: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., hash: _Optional[str] = ..., previous_hash: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListAuditRequest(_message.Message):
    __slots__ = ("tenant_id", "page_size", "page_token")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    page_size: int
    page_token: str
    def __init__(self, tenant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAuditResponse(_message.Message):
    __slots__ = ("entries", "next_page_token", "chain_intact")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHAIN_INTACT_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[AuditEntry]
    next_page_token: str
    chain_intact: bool
    def __init__(self, entries: _Optional[_Iterable[_Union[AuditEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., chain_intact: _Optional[bool] = ...) -> None: ...

class GetShadowReportRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class GetShadowReportResponse(_message.Message):
    __slots__ = ("pairs", "same_state", "same_ask", "failed", "served_seconds", "shadow_seconds", "served_tokens", "shadow_tokens", "served_cost_usd", "shadow_cost_usd", "differing_turns")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    SAME_STATE_FIELD_NUMBER: _ClassVar[int]
    SAME_ASK_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SERVED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SERVED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SERVED_COST_USD_FIELD_NUMBER: _ClassVar[int]
    SHADOW_COST_USD_FIELD_NUMBER: _ClassVar[int]
    DIFFERING_TURNS_FIELD_NUMBER: _ClassVar[int]
    pairs: int
    same_state: int
    same_ask: int
    failed: int
    served_seconds: float
    shadow_seconds: float
    served_tokens: float
    shadow_tokens: float
    served_cost_usd: float
    shadow_cost_usd: float
    differing_turns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pairs: _Optional[int] = ..., same_state: _Optional[int] = ..., same_ask: _Optional[int] = ..., failed: _Optional[int] = ..., served_seconds: _Optional[float] = ..., shadow_seconds: _Optional[float] = ..., served_tokens: _Optional[float] = ..., shadow_tokens: _Optional[float] = ..., served_cost_usd: _Optional[float] = ..., shadow_cost_usd: _Optional[float] = ..., differing_turns: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainAssignmentRequest(_message.Message):
    __slots__ = ("tenant_id", "conversation_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ...) -> None: ...

class ExplainAssignmentResponse(_message.Message):
    __slots__ = ("variant", "bucket", "percent", "decided_by", "unit_kind", "names")
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    UNIT_KIND_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    variant: _router_pb2.Variant
    bucket: int
    percent: float
    decided_by: str
    unit_kind: str
    names: _router_pb2.VariantNames
    def __init__(self, variant: _Optional[_Union[_router_pb2.Variant, str]] = ..., bucket: _Optional[int] = ..., percent: _Optional[float] = ..., decided_by: _Optional[str] = ..., unit_kind: _Optional[str] = ..., names: _Optional[_Union[_router_pb2.VariantNames, _Mapping]] = ...) -> None: ...
