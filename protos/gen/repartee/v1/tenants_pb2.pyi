import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Tenant(_message.Message):
    __slots__ = ("tenant_id", "display_name", "version", "update_time", "actor", "bundle_yaml")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_YAML_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    display_name: str
    version: int
    update_time: _timestamp_pb2.Timestamp
    actor: str
    bundle_yaml: str
    def __init__(self, tenant_id: _Optional[str] = ..., display_name: _Optional[str] = ..., version: _Optional[int] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., bundle_yaml: _Optional[str] = ...) -> None: ...

class BundleProblem(_message.Message):
    __slots__ = ("place", "description")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    place: str
    description: str
    def __init__(self, place: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class PutTenantRequest(_message.Message):
    __slots__ = ("tenant_id", "bundle_yaml", "source_name", "expected_version", "reason", "validate_only")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_YAML_FIELD_NUMBER: _ClassVar[int]
    SOURCE_NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    bundle_yaml: str
    source_name: str
    expected_version: int
    reason: str
    validate_only: bool
    def __init__(self, tenant_id: _Optional[str] = ..., bundle_yaml: _Optional[str] = ..., source_name: _Optional[str] = ..., expected_version: _Optional[int] = ..., reason: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class PutTenantResponse(_message.Message):
    __slots__ = ("tenant", "changed")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    changed: bool
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ..., changed: _Optional[bool] = ...) -> None: ...

class GetTenantRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class OverrideChange(_message.Message):
    __slots__ = ("actor", "time", "version", "reason")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    actor: str
    time: _timestamp_pb2.Timestamp
    version: int
    reason: str
    def __init__(self, actor: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class TemplateOverride(_message.Message):
    __slots__ = ("action", "locale", "text", "change")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    action: str
    locale: str
    text: str
    change: OverrideChange
    def __init__(self, action: _Optional[str] = ..., locale: _Optional[str] = ..., text: _Optional[str] = ..., change: _Optional[_Union[OverrideChange, _Mapping]] = ...) -> None: ...

class RepliesOverride(_message.Message):
    __slots__ = ("intent", "replaces", "replies", "change")
    INTENT_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    REPLIES_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    intent: str
    replaces: bool
    replies: _containers.RepeatedScalarFieldContainer[str]
    change: OverrideChange
    def __init__(self, intent: _Optional[str] = ..., replaces: _Optional[bool] = ..., replies: _Optional[_Iterable[str]] = ..., change: _Optional[_Union[OverrideChange, _Mapping]] = ...) -> None: ...

class GetTenantResponse(_message.Message):
    __slots__ = ("tenant", "templates", "replies")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    REPLIES_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    templates: _containers.RepeatedCompositeFieldContainer[TemplateOverride]
    replies: _containers.RepeatedCompositeFieldContainer[RepliesOverride]
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ..., templates: _Optional[_Iterable[_Union[TemplateOverride, _Mapping]]] = ..., replies: _Optional[_Iterable[_Union[RepliesOverride, _Mapping]]] = ...) -> None: ...

class ListTenantsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTenantsResponse(_message.Message):
    __slots__ = ("tenants", "next_page_token")
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenants: _containers.RepeatedCompositeFieldContainer[Tenant]
    next_page_token: str
    def __init__(self, tenants: _Optional[_Iterable[_Union[Tenant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteTenantRequest(_message.Message):
    __slots__ = ("tenant_id", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DeleteTenantResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetTemplateRequest(_message.Message):
    __slots__ = ("tenant_id", "action", "text", "locale", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    action: str
    text: str
    locale: str
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., action: _Optional[str] = ..., text: _Optional[str] = ..., locale: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SetTemplateResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class AddRepliesRequest(_message.Message):
    __slots__ = ("tenant_id", "intent", "replies", "mode", "reason")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[AddRepliesRequest.Mode]
        MODE_APPEND: _ClassVar[AddRepliesRequest.Mode]
        MODE_REPLACE: _ClassVar[AddRepliesRequest.Mode]
    MODE_UNSPECIFIED: AddRepliesRequest.Mode
    MODE_APPEND: AddRepliesRequest.Mode
    MODE_REPLACE: AddRepliesRequest.Mode
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    REPLIES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    intent: str
    replies: _containers.RepeatedScalarFieldContainer[str]
    mode: AddRepliesRequest.Mode
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., intent: _Optional[str] = ..., replies: _Optional[_Iterable[str]] = ..., mode: _Optional[_Union[AddRepliesRequest.Mode, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class AddRepliesResponse(_message.Message):
    __slots__ = ("version", "warnings")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    version: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class QueryUsageRequest(_message.Message):
    __slots__ = ("tenant_id", "start_time", "end_time", "group_by")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    group_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tenant_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., group_by: _Optional[_Iterable[str]] = ...) -> None: ...

class UsageRow(_message.Message):
    __slots__ = ("group", "conversations", "messages", "errors", "escalations", "cache_hits", "prompt_tokens", "completion_tokens", "cost_usd", "p50_time", "p95_time", "p99_time", "wasted_tokens", "calls", "confidence", "unpriced_calls", "rated_good", "rated_bad", "abandoned")
    class GroupEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    ESCALATIONS_FIELD_NUMBER: _ClassVar[int]
    CACHE_HITS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    P50_TIME_FIELD_NUMBER: _ClassVar[int]
    P95_TIME_FIELD_NUMBER: _ClassVar[int]
    P99_TIME_FIELD_NUMBER: _ClassVar[int]
    WASTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_CALLS_FIELD_NUMBER: _ClassVar[int]
    RATED_GOOD_FIELD_NUMBER: _ClassVar[int]
    RATED_BAD_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    group: _containers.ScalarMap[str, str]
    conversations: int
    messages: int
    errors: int
    escalations: int
    cache_hits: int
    prompt_tokens: float
    completion_tokens: float
    cost_usd: float
    p50_time: float
    p95_time: float
    p99_time: float
    wasted_tokens: float
    calls: int
    confidence: float
    unpriced_calls: int
    rated_good: int
    rated_bad: int
    abandoned: int
    def __init__(self, group: _Optional[_Mapping[str, str]] = ..., conversations: _Optional[int] = ..., messages: _Optional[int] = ..., errors: _Optional[int] = ..., escalations: _Optional[int] = ..., cache_hits: _Optional[int] = ..., prompt_tokens: _Optional[float] = ..., completion_tokens: _Optional[float] = ..., cost_usd: _Optional[float] = ..., p50_time: _Optional[float] = ..., p95_time: _Optional[float] = ..., p99_time: _Optional[float] = ..., wasted_tokens: _Optional[float] = ..., calls: _Optional[int] = ..., confidence: _Optional[float] = ..., unpriced_calls: _Optional[int] = ..., rated_good: _Optional[int] = ..., rated_bad: _Optional[int] = ..., abandoned: _Optional[int] = ...) -> None: ...

class QueryUsageResponse(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[UsageRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[UsageRow, _Mapping]]] = ...) -> None: ...
