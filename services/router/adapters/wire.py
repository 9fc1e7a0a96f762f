"""Protobuf messages to the router's values and back, field by field."""

import math
from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from repartee.v1 import common_pb2, router_pb2
from services.router.adapters.wire_state import read_state, write_state
from services.router.turn import (
    NO_STATE,
    NO_USAGE,
    Attachment,
    Attempt,
    CacheOutcome,
    Message,
    Reply,
    Rung,
    Source,
    Turn,
    Usage,
    Variant,
)

_KIND_NAMES = {
    common_pb2.Attachment.KIND_IMAGE: "image",
    common_pb2.Attachment.KIND_AUDIO: "audio",
    common_pb2.Attachment.KIND_DOCUMENT: "document",
    common_pb2.Attachment.KIND_LOCATION: "location",
}
_KINDS = {name: kind for kind, name in _KIND_NAMES.items()}
_AUTHORS = {
    "customer": common_pb2.Message.AUTHOR_CUSTOMER,
    "bot": common_pb2.Message.AUTHOR_BOT,
    "agent": common_pb2.Message.AUTHOR_AGENT,
}
_AUTHOR_NAMES = {author: name for name, author in _AUTHORS.items()}
VARIANTS = {Variant.CLASSIC: router_pb2.VARIANT_CLASSIC, Variant.HYBRID: router_pb2.VARIANT_HYBRID}
_VARIANT_NAMES = {number: variant for variant, number in VARIANTS.items()}
_RUNGS = {
    Rung.ASSIGNED: router_pb2.RUNG_ASSIGNED,
    Rung.TEMPLATE: router_pb2.RUNG_TEMPLATE,
    Rung.OTHER_ENGINE: router_pb2.RUNG_OTHER_ENGINE,
    Rung.EMERGENCY: router_pb2.RUNG_EMERGENCY,
}
_RUNG_NAMES = {number: rung for rung, number in _RUNGS.items()}


def read_turn(request: router_pb2.ChatRequest) -> Turn:
    """Returns the turn of a request."""
    return Turn(
        conversation_id=request.conversation_id,
        message=request.message,
        attachments=tuple(_read_attachment(each) for each in request.attachments) if request.attachments else (),
        user_id=request.user_id,
        turn_id=request.turn_id,
        locale=request.locale,
        channel=request.channel,
        agent=request.agent,
        sent_at=read_time(request.timestamp) if request.HasField("timestamp") else 0.0,
        strict=request.strict,
    )


def read_reply(response: router_pb2.ChatResponse) -> Reply:
    """Returns the reply that `write_reply` wrote."""
    return Reply(
        text=response.text,
        turn_id=response.turn_id,
        variant=_VARIANT_NAMES[response.variant],
        rung=_RUNG_NAMES[response.rung],
        state=read_state(response.state) if response.HasField("state") else NO_STATE,
        cache=CacheOutcome(
            response.cache.hit,
            response.cache.type,
            response.cache.confidence,
            response.cache.entry_id,
            response.cache.age_seconds,
            response.cache.miss_reason,
        ),
        served_by=_VARIANT_NAMES.get(response.served_by),
        agent=response.agent,
        confidence=response.confidence,
        reasoning=response.reasoning,
        reasons=tuple(response.reasons),
        sources=tuple(read_source(each) for each in response.sources),
        usage=read_usage(response.usage) if response.HasField("usage") else NO_USAGE,
        action=response.action,
        llm_tier=response.llm_tier,
        trace_id=response.trace_id,
        attempts=read_attempts(response.attempts),
    )


def write_reply(reply: Reply) -> router_pb2.ChatResponse:
    """Returns the reply as a message, without `stored` and `replayed`, which belong to a call and not to a reply."""
    cache = reply.cache
    response = router_pb2.ChatResponse(
        text=reply.text,
        turn_id=reply.turn_id,
        agent=reply.agent,
        confidence=reply.confidence,
        reasoning=reply.reasoning,
        variant=VARIANTS[reply.variant],
        rung=_RUNGS[reply.rung],
        fallback_level=reply.rung.value,
        reasons=reply.reasons,
        cache=router_pb2.CacheOutcome(
            hit=cache.hit,
            type=cache.type,
            confidence=cache.confidence,
            entry_id=cache.entry_id,
            age_seconds=cache.age_seconds,
            miss_reason=cache.miss_reason,
        ),
        action=reply.action,
        trace_id=reply.trace_id,
        llm_tier=reply.llm_tier,
    )
    if reply.attempts:
        response.attempts.extend(_write_attempt(each) for each in reply.attempts)
    if reply.served_by is not None:
        response.served_by = VARIANTS[reply.served_by]
    if reply.sources:
        response.sources.extend(write_source(each) for each in reply.sources)
    if reply.usage is not NO_USAGE:
        response.usage.CopyFrom(write_usage(reply.usage))
    if reply.state is not NO_STATE:
        response.state.CopyFrom(write_state(reply.state))
    return response


def read_message(message: common_pb2.Message) -> Message:
    """Returns a kept message."""
    return Message(
        turn_id=message.turn_id,
        author=_AUTHOR_NAMES[message.author],
        text=message.text,
        attachments=tuple(_read_attachment(each) for each in message.attachments),
        created_at=read_time(message.create_time),
        action=message.action,
        state_digest=message.state_digest,
    )


def write_message(message: Message) -> common_pb2.Message:
    """Returns a message to keep."""
    seconds = math.floor(message.created_at)
    return common_pb2.Message(
        turn_id=message.turn_id,
        author=_AUTHORS[message.author],
        text=message.text,
        attachments=[write_attachment(each) for each in message.attachments],
        create_time=Timestamp(seconds=seconds, nanos=int((message.created_at - seconds) * 1e6) * 1000),
        action=message.action,
        state_digest=message.state_digest,
    )


def read_source(source: common_pb2.Source) -> Source:
    """Returns a passage's reference."""
    return Source(source.document_id, source.chunk, source.title, source.score)


def write_source(source: Source) -> common_pb2.Source:
    """Returns a passage's reference as a message."""
    return common_pb2.Source(document_id=source.document_id, chunk=source.chunk, title=source.title, score=source.score)


def read_usage(usage: common_pb2.Usage) -> Usage:
    """Returns what models cost."""
    return Usage(usage.prompt_tokens, usage.completion_tokens, usage.wasted_tokens, usage.cost_micro_usd)


def write_usage(usage: Usage) -> common_pb2.Usage:
    """Returns what models cost as a message."""
    return common_pb2.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        wasted_tokens=usage.wasted_tokens,
        cost_micro_usd=usage.cost_micro_usd,
    )


def read_attempts(attempts: Iterable[common_pb2.Attempt]) -> tuple[Attempt, ...]:
    """Returns the tries of tiers, in order."""
    return tuple(Attempt(each.tier, each.model, each.reason, each.duration_ms) for each in attempts)


def write_attachment(attachment: Attachment) -> common_pb2.Attachment:
    """Returns an attachment as a message."""
    return common_pb2.Attachment(
        kind=_KINDS[attachment.kind],
        uri=attachment.uri,
        sha256=attachment.sha256,
        caption=attachment.caption,
        media_type=attachment.media_type,
    )


def read_time(timestamp: Timestamp) -> float:
    """Returns seconds since 1970."""
    return timestamp.seconds + timestamp.nanos / 1e9


def _write_attempt(attempt: Attempt) -> common_pb2.Attempt:
    return common_pb2.Attempt(
        tier=attempt.tier, model=attempt.model, reason=attempt.reason, duration_ms=attempt.duration_ms
    )


def _read_attachment(attachment: common_pb2.Attachment) -> Attachment:
    return Attachment(
        kind=_KIND_NAMES.get(attachment.kind, "document"),
        uri=attachment.uri,
        sha256=attachment.sha256,
        caption=attachment.caption,
        media_type=attachment.media_type,
    )
