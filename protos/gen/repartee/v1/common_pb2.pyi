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

class Attachment(_message.Message):
    __slots__ = ("kind", "uri", "sha256", "caption", "media_type")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Attachment.Kind]
        KIND_IMAGE: _ClassVar[Attachment.Kind]
        KIND_AUDIO: _ClassVar[Attachment.Kind]
        KIND_DOCUMENT: _ClassVar[Attachment.Kind]
        KIND_LOCATION: _ClassVar[Attachment.Kind]
    KIND_UNSPECIFIED: Attachment.Kind
    KIND_IMAGE: Attachment.Kind
    KIND_AUDIO: Attachment.Kind
    KIND_DOCUMENT: Attachment.Kind
    KIND_LOCATION: Attachment.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    kind: Attachment.Kind
    uri: str
    sha256: str
    caption: str
    media_type: str
    def __init__(self, kind: _Optional[_Union[Attachment.Kind, str]] = ..., uri: _Optional[str] = ..., sha256: _Optional[str] = ..., caption: _Optional[str] = ..., media_type: _Optional[str] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("turn_id", "author", "text", "attachments", "create_time", "action", "state_digest")
    class Author(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        AUTHOR_UNSPECIFIED: _ClassVar[Message.Author]
        AUTHOR_CUSTOMER: _ClassVar[Message.Author]
        AUTHOR_BOT: _ClassVar[Message.Author]
        AUTHOR_AGENT: _ClassVar[Message.Author]
    AUTHOR_UNSPECIFIED: Message.Author
    AUTHOR_CUSTOMER: Message.Author
    AUTHOR_BOT: Message.Author
    AUTHOR_AGENT: Message.Author
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    author: Message.Author
    text: str
    attachments: _containers.RepeatedCompositeFieldContainer[Attachment]
    create_time: _timestamp_pb2.Timestamp
    action: str
    state_digest: str
    def __init__(self, turn_id: _Optional[str] = ..., author: _Optional[_Union[Message.Author, str]] = ..., text: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[Attachment, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., action: _Optional[str] = ..., state_digest: _Optional[str] = ...) -> None: ...

class SlotValue(_message.Message):
    __slots__ = ("value", "turn_id", "needs_review")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    NEEDS_REVIEW_FIELD_NUMBER: _ClassVar[int]
    value: str
    turn_id: str
    needs_review: bool
    def __init__(self, value: _Optional[str] = ..., turn_id: _Optional[str] = ..., needs_review: _Optional[bool] = ...) -> None: ...

class FlowState(_message.Message):
    __slots__ = ("flow_id", "phase", "slots", "asks", "awaiting_slot", "event_count", "proof_digests", "order_id")
    class SlotsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SlotValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SlotValue, _Mapping]] = ...) -> None: ...
    class AsksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    AWAITING_SLOT_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROOF_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    flow_id: str
    phase: str
    slots: _containers.MessageMap[str, SlotValue]
    asks: _containers.ScalarMap[str, int]
    awaiting_slot: str
    event_count: int
    proof_digests: _containers.RepeatedScalarFieldContainer[str]
    order_id: str
    def __init__(self, flow_id: _Optional[str] = ..., phase: _Optional[str] = ..., slots: _Optional[_Mapping[str, SlotValue]] = ..., asks: _Optional[_Mapping[str, int]] = ..., awaiting_slot: _Optional[str] = ..., event_count: _Optional[int] = ..., proof_digests: _Optional[_Iterable[str]] = ..., order_id: _Optional[str] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ("embedder_id", "values")
    EMBEDDER_ID_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    embedder_id: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, embedder_id: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("document_id", "chunk", "title", "score")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    chunk: int
    title: str
    score: float
    def __init__(self, document_id: _Optional[str] = ..., chunk: _Optional[int] = ..., title: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens", "wasted_tokens", "cost_micro_usd")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    WASTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_MICRO_USD_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    wasted_tokens: int
    cost_micro_usd: int
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., wasted_tokens: _Optional[int] = ..., cost_micro_usd: _Optional[int] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("tier", "model", "reason", "duration_ms")
    TIER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    tier: str
    model: str
    reason: str
    duration_ms: int
    def __init__(self, tier: _Optional[str] = ..., model: _Optional[str] = ..., reason: _Optional[str] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class Dependency(_message.Message):
    __slots__ = ("name", "state", "detail")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Dependency.State]
        STATE_UP: _ClassVar[Dependency.State]
        STATE_DEGRADED: _ClassVar[Dependency.State]
        STATE_EMBEDDED: _ClassVar[Dependency.State]
    STATE_UNSPECIFIED: Dependency.State
    STATE_UP: Dependency.State
    STATE_DEGRADED: Dependency.State
    STATE_EMBEDDED: Dependency.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Dependency.State
    detail: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Dependency.State, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("service", "version", "degraded", "dependencies", "uptime_seconds")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: str
    degraded: bool
    dependencies: _containers.RepeatedCompositeFieldContainer[Dependency]
    uptime_seconds: float
    def __init__(self, service: _Optional[str] = ..., version: _Optional[str] = ..., degraded: _Optional[bool] = ..., dependencies: _Optional[_Iterable[_Union[Dependency, _Mapping]]] = ..., uptime_seconds: _Optional[float] = ...) -> None: ...
