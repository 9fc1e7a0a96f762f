from google.api import field_behavior_pb2 as _field_behavior_pb2
from repartee.v1 import router_pb2 as _router_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AudioEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_ENCODING_UNSPECIFIED: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_S16LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_MULAW: _ClassVar[AudioEncoding]

class Segment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEGMENT_UNSPECIFIED: _ClassVar[Segment]
    SEGMENT_FILLER: _ClassVar[Segment]
    SEGMENT_CONTENT: _ClassVar[Segment]
AUDIO_ENCODING_UNSPECIFIED: AudioEncoding
AUDIO_ENCODING_PCM_S16LE: AudioEncoding
AUDIO_ENCODING_MULAW: AudioEncoding
SEGMENT_UNSPECIFIED: Segment
SEGMENT_FILLER: Segment
SEGMENT_CONTENT: Segment

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hz")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    encoding: AudioEncoding
    sample_rate_hz: int
    def __init__(self, encoding: _Optional[_Union[AudioEncoding, str]] = ..., sample_rate_hz: _Optional[int] = ...) -> None: ...

class AudioConfig(_message.Message):
    __slots__ = ("format", "voice", "turn_id")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    format: AudioFormat
    voice: str
    turn_id: str
    def __init__(self, format: _Optional[_Union[AudioFormat, _Mapping]] = ..., voice: _Optional[str] = ..., turn_id: _Optional[str] = ...) -> None: ...

class AudioChunk(_message.Message):
    __slots__ = ("samples", "sequence", "segment", "text_span", "is_last", "voice")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_SPAN_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    samples: bytes
    sequence: int
    segment: Segment
    text_span: str
    is_last: bool
    voice: str
    def __init__(self, samples: _Optional[bytes] = ..., sequence: _Optional[int] = ..., segment: _Optional[_Union[Segment, str]] = ..., text_span: _Optional[str] = ..., is_last: _Optional[bool] = ..., voice: _Optional[str] = ...) -> None: ...

class AudioCompleted(_message.Message):
    __slots__ = ("complete", "spoken_text", "audio_ms", "billed_characters", "reasons", "first_audio_ms", "largest_gap_ms", "turn_id", "interrupted")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    SPOKEN_TEXT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
    BILLED_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
    LARGEST_GAP_MS_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    spoken_text: str
    audio_ms: int
    billed_characters: int
    reasons: _containers.RepeatedScalarFieldContainer[str]
    first_audio_ms: float
    largest_gap_ms: float
    turn_id: str
    interrupted: bool
    def __init__(self, complete: _Optional[bool] = ..., spoken_text: _Optional[str] = ..., audio_ms: _Optional[int] = ..., billed_characters: _Optional[int] = ..., reasons: _Optional[_Iterable[str]] = ..., first_audio_ms: _Optional[float] = ..., largest_gap_ms: _Optional[float] = ..., turn_id: _Optional[str] = ..., interrupted: _Optional[bool] = ...) -> None: ...

class SayRequest(_message.Message):
    __slots__ = ("tenant_id", "text", "format", "locale", "voice")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    text: str
    format: AudioFormat
    locale: str
    voice: str
    def __init__(self, tenant_id: _Optional[str] = ..., text: _Optional[str] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ..., locale: _Optional[str] = ..., voice: _Optional[str] = ...) -> None: ...

class SayResponse(_message.Message):
    __slots__ = ("config", "chunk", "completed")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    config: AudioConfig
    chunk: AudioChunk
    completed: AudioCompleted
    def __init__(self, config: _Optional[_Union[AudioConfig, _Mapping]] = ..., chunk: _Optional[_Union[AudioChunk, _Mapping]] = ..., completed: _Optional[_Union[AudioCompleted, _Mapping]] = ...) -> None: ...

class SayHybridRequest(_message.Message):
    __slots__ = ("tenant_id", "cache_key", "text", "format", "locale")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CACHE_KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    cache_key: str
    text: str
    format: AudioFormat
    locale: str
    def __init__(self, tenant_id: _Optional[str] = ..., cache_key: _Optional[str] = ..., text: _Optional[str] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ..., locale: _Optional[str] = ...) -> None: ...

class SayHybridResponse(_message.Message):
    __slots__ = ("config", "chunk", "completed")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    config: AudioConfig
    chunk: AudioChunk
    completed: AudioCompleted
    def __init__(self, config: _Optional[_Union[AudioConfig, _Mapping]] = ..., chunk: _Optional[_Union[AudioChunk, _Mapping]] = ..., completed: _Optional[_Union[AudioCompleted, _Mapping]] = ...) -> None: ...

class ConverseConfig(_message.Message):
    __slots__ = ("tenant_id", "conversation_id", "format", "locale", "user_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    format: AudioFormat
    locale: str
    user_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ..., locale: _Optional[str] = ..., user_id: _Optional[str] = ...) -> None: ...

class BargeIn(_message.Message):
    __slots__ = ("heard_ms",)
    HEARD_MS_FIELD_NUMBER: _ClassVar[int]
    heard_ms: int
    def __init__(self, heard_ms: _Optional[int] = ...) -> None: ...

class ConverseRequest(_message.Message):
    __slots__ = ("config", "turn", "barge_in")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    BARGE_IN_FIELD_NUMBER: _ClassVar[int]
    config: ConverseConfig
    turn: _router_pb2.ChatRequest
    barge_in: BargeIn
    def __init__(self, config: _Optional[_Union[ConverseConfig, _Mapping]] = ..., turn: _Optional[_Union[_router_pb2.ChatRequest, _Mapping]] = ..., barge_in: _Optional[_Union[BargeIn, _Mapping]] = ...) -> None: ...

class ConverseResponse(_message.Message):
    __slots__ = ("config", "chunk", "completed", "reply")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    config: AudioConfig
    chunk: AudioChunk
    completed: AudioCompleted
    reply: _router_pb2.ChatResponse
    def __init__(self, config: _Optional[_Union[AudioConfig, _Mapping]] = ..., chunk: _Optional[_Union[AudioChunk, _Mapping]] = ..., completed: _Optional[_Union[AudioCompleted, _Mapping]] = ..., reply: _Optional[_Union[_router_pb2.ChatResponse, _Mapping]] = ...) -> None: ...

class PregeneratePhrasesRequest(_message.Message):
    __slots__ = ("tenant_id", "check", "format", "locale")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    check: bool
    format: AudioFormat
    locale: str
    def __init__(self, tenant_id: _Optional[str] = ..., check: _Optional[bool] = ..., format: _Optional[_Union[AudioFormat, _Mapping]] = ..., locale: _Optional[str] = ...) -> None: ...

class PregeneratePhrasesResponse(_message.Message):
    __slots__ = ("key", "outcome", "done_count", "total_count", "detail", "audio_ms")
    KEY_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
    key: str
    outcome: str
    done_count: int
    total_count: int
    detail: str
    audio_ms: int
    def __init__(self, key: _Optional[str] = ..., outcome: _Optional[str] = ..., done_count: _Optional[int] = ..., total_count: _Optional[int] = ..., detail: _Optional[str] = ..., audio_ms: _Optional[int] = ...) -> None: ...

class Phrase(_message.Message):
    __slots__ = ("key", "text", "audio_ms", "ready")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    key: str
    text: str
    audio_ms: int
    ready: bool
    def __init__(self, key: _Optional[str] = ..., text: _Optional[str] = ..., audio_ms: _Optional[int] = ..., ready: _Optional[bool] = ...) -> None: ...

class ListPhrasesRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class ListPhrasesResponse(_message.Message):
    __slots__ = ("phrases",)
    PHRASES_FIELD_NUMBER: _ClassVar[int]
    phrases: _containers.RepeatedCompositeFieldContainer[Phrase]
    def __init__(self, phrases: _Optional[_Iterable[_Union[Phrase, _Mapping]]] = ...) -> None: ...
