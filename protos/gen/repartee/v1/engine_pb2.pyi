from google.api import field_behavior_pb2 as _field_behavior_pb2
from repartee.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WordingSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORDING_SOURCE_UNSPECIFIED: _ClassVar[WordingSource]
    WORDING_SOURCE_MODEL: _ClassVar[WordingSource]
    WORDING_SOURCE_TEMPLATE: _ClassVar[WordingSource]
    WORDING_SOURCE_EXTRACT: _ClassVar[WordingSource]
    WORDING_SOURCE_CANNED: _ClassVar[WordingSource]

class LlmMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LLM_MODE_UNSPECIFIED: _ClassVar[LlmMode]
    LLM_MODE_AUTO: _ClassVar[LlmMode]
    LLM_MODE_ENABLED: _ClassVar[LlmMode]
    LLM_MODE_DISABLED: _ClassVar[LlmMode]
WORDING_SOURCE_UNSPECIFIED: WordingSource
WORDING_SOURCE_MODEL: WordingSource
WORDING_SOURCE_TEMPLATE: WordingSource
WORDING_SOURCE_EXTRACT: WordingSource
WORDING_SOURCE_CANNED: WordingSource
LLM_MODE_UNSPECIFIED: LlmMode
LLM_MODE_AUTO: LlmMode
LLM_MODE_ENABLED: LlmMode
LLM_MODE_DISABLED: LlmMode

class GenerateAnswerRequest(_message.Message):
    __slots__ = ("tenant_id", "conversation_id", "turn_id", "text", "attachments", "history", "state", "embedding", "locale", "channel", "agent", "shadow", "assigned_variant", "nothing_found")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_VARIANT_FIELD_NUMBER: _ClassVar[int]
    NOTHING_FOUND_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    conversation_id: str
    turn_id: str
    text: str
    attachments: _containers.RepeatedCompositeFieldContainer[_common_pb2.Attachment]
    history: _containers.RepeatedCompositeFieldContainer[_common_pb2.Message]
    state: _common_pb2.FlowState
    embedding: _common_pb2.Embedding
    locale: str
    channel: str
    agent: str
    shadow: bool
    assigned_variant: str
    nothing_found: bool
    def __init__(self, tenant_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., turn_id: _Optional[str] = ..., text: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[_common_pb2.Attachment, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[_common_pb2.Message, _Mapping]]] = ..., state: _Optional[_Union[_common_pb2.FlowState, _Mapping]] = ..., embedding: _Optional[_Union[_common_pb2.Embedding, _Mapping]] = ..., locale: _Optional[str] = ..., channel: _Optional[str] = ..., agent: _Optional[str] = ..., shadow: _Optional[bool] = ..., assigned_variant: _Optional[str] = ..., nothing_found: _Optional[bool] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("text", "knowledge_text", "action", "slot_index", "slot_count", "state", "agent", "confidence", "reasoning", "wording", "reasons", "sources", "usage", "llm_tier", "cacheable", "knowledge_epoch", "embedding", "attempts", "complete", "finish_reason", "nothing_found")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_TEXT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SLOT_INDEX_FIELD_NUMBER: _ClassVar[int]
    SLOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    WORDING_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    LLM_TIER_FIELD_NUMBER: _ClassVar[int]
    CACHEABLE_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    NOTHING_FOUND_FIELD_NUMBER: _ClassVar[int]
    text: str
    knowledge_text: str
    action: str
    slot_index: int
    slot_count: int
    state: _common_pb2.FlowState
    agent: str
    confidence: float
    reasoning: str
    wording: WordingSource
    reasons: _containers.RepeatedScalarFieldContainer[str]
    sources: _containers.RepeatedCompositeFieldContainer[_common_pb2.Source]
    usage: _common_pb2.Usage
    llm_tier: str
    cacheable: bool
    knowledge_epoch: int
    embedding: _common_pb2.Embedding
    attempts: _containers.RepeatedCompositeFieldContainer[_common_pb2.Attempt]
    complete: bool
    finish_reason: str
    nothing_found: bool
    def __init__(self, text: _Optional[str] = ..., knowledge_text: _Optional[str] = ..., action: _Optional[str] = ..., slot_index: _Optional[int] = ..., slot_count: _Optional[int] = ..., state: _Optional[_Union[_common_pb2.FlowState, _Mapping]] = ..., agent: _Optional[str] = ..., confidence: _Optional[float] = ..., reasoning: _Optional[str] = ..., wording: _Optional[_Union[WordingSource, str]] = ..., reasons: _Optional[_Iterable[str]] = ..., sources: _Optional[_Iterable[_Union[_common_pb2.Source, _Mapping]]] = ..., usage: _Optional[_Union[_common_pb2.Usage, _Mapping]] = ..., llm_tier: _Optional[str] = ..., cacheable: _Optional[bool] = ..., knowledge_epoch: _Optional[int] = ..., embedding: _Optional[_Union[_common_pb2.Embedding, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[_common_pb2.Attempt, _Mapping]]] = ..., complete: _Optional[bool] = ..., finish_reason: _Optional[str] = ..., nothing_found: _Optional[bool] = ...) -> None: ...

class GenerateAnswerResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: Answer
    def __init__(self, answer: _Optional[_Union[Answer, _Mapping]] = ...) -> None: ...

class StreamAnswerRequest(_message.Message):
    __slots__ = ("turn",)
    TURN_FIELD_NUMBER: _ClassVar[int]
    turn: GenerateAnswerRequest
    def __init__(self, turn: _Optional[_Union[GenerateAnswerRequest, _Mapping]] = ...) -> None: ...

class AnswerStarted(_message.Message):
    __slots__ = ("action",)
    ACTION_FIELD_NUMBER: _ClassVar[int]
    action: str
    def __init__(self, action: _Optional[str] = ...) -> None: ...

class AnswerDelta(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class AnswerReset(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class AnswerCompleted(_message.Message):
    __slots__ = ("answer", "complete", "finish_reason")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    answer: Answer
    complete: bool
    finish_reason: str
    def __init__(self, answer: _Optional[_Union[Answer, _Mapping]] = ..., complete: _Optional[bool] = ..., finish_reason: _Optional[str] = ...) -> None: ...

class StreamAnswerResponse(_message.Message):
    __slots__ = ("sequence", "started", "delta", "reset", "completed")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    started: AnswerStarted
    delta: AnswerDelta
    reset: AnswerReset
    completed: AnswerCompleted
    def __init__(self, sequence: _Optional[int] = ..., started: _Optional[_Union[AnswerStarted, _Mapping]] = ..., delta: _Optional[_Union[AnswerDelta, _Mapping]] = ..., reset: _Optional[_Union[AnswerReset, _Mapping]] = ..., completed: _Optional[_Union[AnswerCompleted, _Mapping]] = ...) -> None: ...

class Tier(_message.Message):
    __slots__ = ("name", "state", "models", "detail", "retry_in_seconds")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Tier.State]
        STATE_DISABLED: _ClassVar[Tier.State]
        STATE_UP: _ClassVar[Tier.State]
        STATE_REACHABLE_EMPTY: _ClassVar[Tier.State]
        STATE_DEGRADED: _ClassVar[Tier.State]
        STATE_OPEN: _ClassVar[Tier.State]
        STATE_HALF_OPEN: _ClassVar[Tier.State]
    STATE_UNSPECIFIED: Tier.State
    STATE_DISABLED: Tier.State
    STATE_UP: Tier.State
    STATE_REACHABLE_EMPTY: Tier.State
    STATE_DEGRADED: Tier.State
    STATE_OPEN: Tier.State
    STATE_HALF_OPEN: Tier.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RETRY_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Tier.State
    models: _containers.RepeatedScalarFieldContainer[str]
    detail: str
    retry_in_seconds: float
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Tier.State, str]] = ..., models: _Optional[_Iterable[str]] = ..., detail: _Optional[str] = ..., retry_in_seconds: _Optional[float] = ...) -> None: ...

class ListTiersRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class ListTiersResponse(_message.Message):
    __slots__ = ("tiers", "mode")
    TIERS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    tiers: _containers.RepeatedCompositeFieldContainer[Tier]
    mode: LlmMode
    def __init__(self, tiers: _Optional[_Iterable[_Union[Tier, _Mapping]]] = ..., mode: _Optional[_Union[LlmMode, str]] = ...) -> None: ...

class SetLlmModeRequest(_message.Message):
    __slots__ = ("mode", "reason")
    MODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    mode: LlmMode
    reason: str
    def __init__(self, mode: _Optional[_Union[LlmMode, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class SetLlmModeResponse(_message.Message):
    __slots__ = ("previous",)
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    previous: LlmMode
    def __init__(self, previous: _Optional[_Union[LlmMode, str]] = ...) -> None: ...

class ExplainDecisionRequest(_message.Message):
    __slots__ = ("turn",)
    TURN_FIELD_NUMBER: _ClassVar[int]
    turn: GenerateAnswerRequest
    def __init__(self, turn: _Optional[_Union[GenerateAnswerRequest, _Mapping]] = ...) -> None: ...

class ExplainDecisionResponse(_message.Message):
    __slots__ = ("state", "action", "rule", "facts")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    state: _common_pb2.FlowState
    action: str
    rule: str
    facts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[_Union[_common_pb2.FlowState, _Mapping]] = ..., action: _Optional[str] = ..., rule: _Optional[str] = ..., facts: _Optional[_Iterable[str]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("tenant_id", "prompt", "intent", "user", "channel", "max_words", "allow_canned", "conversation_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    MAX_WORDS_FIELD_NUMBER: _ClassVar[int]
    ALLOW_CANNED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    prompt: str
    intent: str
    user: str
    channel: str
    max_words: int
    allow_canned: bool
    conversation_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., prompt: _Optional[str] = ..., intent: _Optional[str] = ..., user: _Optional[str] = ..., channel: _Optional[str] = ..., max_words: _Optional[int] = ..., allow_canned: _Optional[bool] = ..., conversation_id: _Optional[str] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("text", "source", "tier", "tier_index", "attempts", "usage", "finish_reason")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    TIER_INDEX_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    text: str
    source: WordingSource
    tier: str
    tier_index: int
    attempts: _containers.RepeatedCompositeFieldContainer[_common_pb2.Attempt]
    usage: _common_pb2.Usage
    finish_reason: str
    def __init__(self, text: _Optional[str] = ..., source: _Optional[_Union[WordingSource, str]] = ..., tier: _Optional[str] = ..., tier_index: _Optional[int] = ..., attempts: _Optional[_Iterable[_Union[_common_pb2.Attempt, _Mapping]]] = ..., usage: _Optional[_Union[_common_pb2.Usage, _Mapping]] = ..., finish_reason: _Optional[str] = ...) -> None: ...
