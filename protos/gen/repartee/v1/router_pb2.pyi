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

class Variant(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VARIANT_UNSPECIFIED: _ClassVar[Variant]
    VARIANT_CLASSIC: _ClassVar[Variant]
    VARIANT_HYBRID: _ClassVar[Variant]

class Rung(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNG_UNSPECIFIED: _ClassVar[Rung]
    RUNG_ASSIGNED: _ClassVar[Rung]
    RUNG_TEMPLATE: _ClassVar[Rung]
    RUNG_OTHER_ENGINE: _ClassVar[Rung]
    RUNG_EMERGENCY: _ClassVar[Rung]

class Stored(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STORED_UNSPECIFIED: _ClassVar[Stored]
    STORED_DURABLE: _ClassVar[Stored]
    STORED_PENDING: _ClassVar[Stored]
    STORED_MEMORY: _ClassVar[Stored]

class Rating(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RATING_UNSPECIFIED: _ClassVar[Rating]
    RATING_GOOD: _ClassVar[Rating]
    RATING_BAD: _ClassVar[Rating]

class RatingReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RATING_REASON_UNSPECIFIED: _ClassVar[RatingReason]
    RATING_REASON_WRONG: _ClassVar[RatingReason]
    RATING_REASON_OFF_TOPIC: _ClassVar[RatingReason]
    RATING_REASON_UNCLEAR: _ClassVar[RatingReason]
    RATING_REASON_SLOW: _ClassVar[RatingReason]
    RATING_REASON_TONE: _ClassVar[RatingReason]
    RATING_REASON_OTHER: _ClassVar[RatingReason]
VARIANT_UNSPECIFIED: Variant
VARIANT_CLASSIC: Variant
VARIANT_HYBRID: Variant
RUNG_UNSPECIFIED: Rung
RUNG_ASSIGNED: Rung
RUNG_TEMPLATE: Rung
RUNG_OTHER_ENGINE: Rung
RUNG_EMERGENCY: Rung
STORED_UNSPECIFIED: Stored
STORED_DURABLE: Stored
STORED_PENDING: Stored
STORED_MEMORY: Stored
RATING_UNSPECIFIED: Rating
RATING_GOOD: Rating
RATING_BAD: Rating
RATING_REASON_UNSPECIFIED: RatingReason
RATING_REASON_WRONG: RatingReason
RATING_REASON_OFF_TOPIC: RatingReason
RATING_REASON_UNCLEAR: RatingReason
RATING_REASON_SLOW: RatingReason
RATING_REASON_TONE: RatingReason
RATING_REASON_OTHER: RatingReason

class VariantNames(_message.Message):
    __slots__ = ("classic", "hybrid")
    CLASSIC_FIELD_NUMBER: _ClassVar[int]
    HYBRID_FIELD_NUMBER: _ClassVar[int]
    classic: str
    hybrid: str
    def __init__(self, classic: _Optional[str] = ..., hybrid: _Optional[str] = ...) -> None: ...

class CacheOutcome(_message.Message):
    __slots__ = ("hit", "type", "confidence", "entry_id", "age_seconds", "miss_reason")
    HIT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MISS_REASON_FIELD_NUMBER: _ClassVar[int]
    hit: bool
    type: str
    confidence: float
    entry_id: str
    age_seconds: int
    miss_reason: str
    def __init__(self, hit: _Optional[bool] = ..., type: _Optional[str] = ..., confidence: _Optional[float] = ..., entry_id: _Optional[str] = ..., age_seconds: _Optional[int] = ..., miss_reason: _Optional[str] = ...) -> None: ...

class ChatRequest(_message.Message):
    __slots__ = ("tenant_id", "conversation_id", "user_id", "message", "attachments", "turn_id", "locale", "channel", "timestamp", "agent", "strict")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    user_id: str
    message: str
    attachments: _containers.RepeatedCompositeFieldContainer[_common_pb2.Attachment]
    turn_id: str
    locale: str
    channel: str
    timestamp: _timestamp_pb2.Timestamp
    agent: str
    strict: bool
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., user_id: _Optional[str] = ..., message: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[_common_pb2.Attachment, _Mapping]]] = ..., turn_id: _Optional[str] = ..., locale: _Optional[str] = ..., channel: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., agent: _Optional[str] = ..., strict: _Optional[bool] = ...) -> None: ...

class ChatResponse(_message.Message):
    __slots__ = ("text", "turn_id", "agent", "confidence", "reasoning", "variant", "served_by", "rung", "fallback_level", "reasons", "cache", "sources", "usage", "action", "state", "stored", "trace_id", "replayed", "llm_tier", "attempts")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    RUNG_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_LEVEL_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    LLM_TIER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    text: str
    turn_id: str
    agent: str
    confidence: float
    reasoning: str
    variant: Variant
    served_by: Variant
    rung: Rung
    fallback_level: int
    reasons: _containers.RepeatedScalarFieldContainer[str]
    cache: CacheOutcome
    sources: _containers.RepeatedCompositeFieldContainer[_common_pb2.Source]
    usage: _common_pb2.Usage
    action: str
    state: _common_pb2.FlowState
    stored: Stored
    trace_id: str
    replayed: bool
    llm_tier: str
    attempts: _containers.RepeatedCompositeFieldContainer[_common_pb2.Attempt]
    def __init__(self, text: _Optional[str] = ..., turn_id: _Optional[str] = ..., agent: _Optional[str] = ..., confidence: _Optional[float] = ..., reasoning: _Optional[str] = ..., variant: _Optional[_Union[Variant, str]] = ..., served_by: _Optional[_Union[Variant, str]] = ..., rung: _Optional[_Union[Rung, str]] = ..., fallback_level: _Optional[int] = ..., reasons: _Optional[_Iterable[str]] = ..., cache: _Optional[_Union[CacheOutcome, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[_common_pb2.Source, _Mapping]]] = ..., usage: _Optional[_Union[_common_pb2.Usage, _Mapping]] = ..., action: _Optional[str] = ..., state: _Optional[_Union[_common_pb2.FlowState, _Mapping]] = ..., stored: _Optional[_Union[Stored, str]] = ..., trace_id: _Optional[str] = ..., replayed: _Optional[bool] = ..., llm_tier: _Optional[str] = ..., attempts: _Optional[_Iterable[_Union[_common_pb2.Attempt, _Mapping]]] = ...) -> None: ...

class ChatStarted(_message.Message):
    __slots__ = ("turn_id", "variant")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    variant: Variant
    def __init__(self, turn_id: _Optional[str] = ..., variant: _Optional[_Union[Variant, str]] = ...) -> None: ...

class ChatDelta(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class ChatReset(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class ChatCompleted(_message.Message):
    __slots__ = ("response", "complete", "finish_reason")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    response: ChatResponse
    complete: bool
    finish_reason: str
    def __init__(self, response: _Optional[_Union[ChatResponse, _Mapping]] = ..., complete: _Optional[bool] = ..., finish_reason: _Optional[str] = ...) -> None: ...

class StreamChatRequest(_message.Message):
    __slots__ = ("turn",)
    TURN_FIELD_NUMBER: _ClassVar[int]
    turn: ChatRequest
    def __init__(self, turn: _Optional[_Union[ChatRequest, _Mapping]] = ...) -> None: ...

class StreamChatResponse(_message.Message):
    __slots__ = ("sequence", "started", "delta", "reset", "completed")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    started: ChatStarted
    delta: ChatDelta
    reset: ChatReset
    completed: ChatCompleted
    def __init__(self, sequence: _Optional[int] = ..., started: _Optional[_Union[ChatStarted, _Mapping]] = ..., delta: _Optional[_Union[ChatDelta, _Mapping]] = ..., reset: _Optional[_Union[ChatReset, _Mapping]] = ..., completed: _Optional[_Union[ChatCompleted, _Mapping]] = ...) -> None: ...

class ListMessagesRequest(_message.Message):
    __slots__ = ("tenant_id", "conversation_id", "page_size", "page_token")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    page_size: int
    page_token: str
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token", "state")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_common_pb2.Message]
    next_page_token: str
    state: _common_pb2.FlowState
    def __init__(self, messages: _Optional[_Iterable[_Union[_common_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., state: _Optional[_Union[_common_pb2.FlowState, _Mapping]] = ...) -> None: ...

class DeleteConversationRequest(_message.Message):
    __slots__ = ("tenant_id", "conversation_id", "user_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    user_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., user_id: _Optional[str] = ...) -> None: ...

class DeleteConversationResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class AmendReplyRequest(_message.Message):
    __slots__ = ("tenant_id", "conversation_id", "turn_id", "heard_text")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    HEARD_TEXT_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    turn_id: str
    heard_text: str
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., turn_id: _Optional[str] = ..., heard_text: _Optional[str] = ...) -> None: ...

class AmendReplyResponse(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class RateReplyRequest(_message.Message):
    __slots__ = ("tenant_id", "conversation_id", "turn_id", "rating", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    turn_id: str
    rating: Rating
    reason: RatingReason
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., turn_id: _Optional[str] = ..., rating: _Optional[_Union[Rating, str]] = ..., reason: _Optional[_Union[RatingReason, str]] = ...) -> None: ...

class RateReplyResponse(_message.Message):
    __slots__ = ("counted", "rating")
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    counted: bool
    rating: Rating
    def __init__(self, counted: _Optional[bool] = ..., rating: _Optional[_Union[Rating, str]] = ...) -> None: ...
