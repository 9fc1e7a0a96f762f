"""Protobuf in and out of the engine's own values."""

import re

from libs.common.errors import FieldViolation, InvalidRequest
from repartee.v1 import common_pb2, engine_pb2
from services.hybrid_engine.flow.state import Attached, Event, FlowState, Phase, SlotValue
from services.hybrid_engine.turn import (
    Answer,
    AnswerEvent,
    Began,
    Completed,
    Piece,
    Said,
    Turn,
    Vector,
    Voided,
    Wording,
)

# As in `tenant.yaml`. A name that the flow has no longer means its first phase.
_PHASE_PATTERN = "[a-z][a-z0-9_-]{0,31}"
_PHASE = re.compile(_PHASE_PATTERN)
_KINDS = {
    common_pb2.Attachment.KIND_IMAGE: "image",
    common_pb2.Attachment.KIND_AUDIO: "audio",
    common_pb2.Attachment.KIND_DOCUMENT: "document",
    common_pb2.Attachment.KIND_LOCATION: "location",
}
_AUTHORS = {
    common_pb2.Message.AUTHOR_CUSTOMER: "customer",
    common_pb2.Message.AUTHOR_BOT: "bot",
    common_pb2.Message.AUTHOR_AGENT: "agent",
}
_WORDINGS = {
    Wording.MODEL: engine_pb2.WORDING_SOURCE_MODEL,
    Wording.TEMPLATE: engine_pb2.WORDING_SOURCE_TEMPLATE,
    Wording.EXTRACT: engine_pb2.WORDING_SOURCE_EXTRACT,
    Wording.CANNED: engine_pb2.WORDING_SOURCE_CANNED,
}


def read_turn(request: engine_pb2.GenerateAnswerRequest) -> Turn:
    """Returns the turn of a request. Raises InvalidRequest (INVALID_FIELD) for a phase that no flow can have."""
    event = Event(
        turn_id=request.turn_id,
        conversation_id=request.conversation_id,
        text=request.text,
        attachments=tuple(
            Attached(_KINDS.get(attachment.kind, "document"), attachment.uri, attachment.sha256, attachment.caption)
            for attachment in request.attachments
        ),
    )
    embedding = request.embedding
    return Turn(
        event=event,
        state=read_state(request.state),
        history=tuple(Said(_AUTHORS.get(said.author, "customer"), said.text) for said in request.history),
        embedding=Vector(embedding.embedder_id, tuple(embedding.values)) if embedding.embedder_id else None,
        locale=request.locale,
        channel=request.channel,
        agent=request.agent,
        shadow=request.shadow,
        assigned_variant=request.assigned_variant,
        nothing_found=request.nothing_found,
    )


def read_state(state: common_pb2.FlowState) -> FlowState:
    """Returns a state; an empty message is the state of a conversation that just began."""
    phase = state.phase or Phase.IDLE
    if not _PHASE.fullmatch(phase):
        raise InvalidRequest(
            "INVALID_FIELD",
            "The state has a phase that no flow can have.",
            violations=[FieldViolation("state.phase", f"expected a name that matches {_PHASE_PATTERN}")],
        )
    return FlowState(
        flow_id=state.flow_id,
        phase=phase,
        slots={name: SlotValue(held.value, held.turn_id, held.needs_review) for name, held in state.slots.items()},
        asks=dict(state.asks),
        awaiting_slot=state.awaiting_slot,
        event_count=state.event_count,
        proof_digests=tuple(state.proof_digests),
        order_id=state.order_id,
    )


def write_state(state: FlowState) -> common_pb2.FlowState:
    """Returns `state` as a message."""
    return common_pb2.FlowState(
        flow_id=state.flow_id,
        phase=str(state.phase),
        slots={
            name: common_pb2.SlotValue(value=held.value, turn_id=held.turn_id, needs_review=held.needs_review)
            for name, held in state.slots.items()
        },
        asks=dict(state.asks),
        awaiting_slot=state.awaiting_slot,
        event_count=state.event_count,
        proof_digests=state.proof_digests,
        order_id=state.order_id,
    )


def write_answer(answer: Answer) -> engine_pb2.Answer:
    """Returns `answer` as a message."""
    message = engine_pb2.Answer(
        text=answer.text,
        knowledge_text=answer.knowledge_text,
        action=answer.action,
        slot_index=answer.slot_index,
        slot_count=answer.slot_count,
        state=write_state(answer.state),
        agent=answer.agent,
        confidence=answer.confidence,
        reasoning=answer.reasoning,
        wording=_WORDINGS[answer.wording],
        reasons=answer.reasons,
        sources=[
            common_pb2.Source(document_id=cited.document_id, chunk=cited.chunk, title=cited.title, score=cited.score)
            for cited in answer.sources
        ],
        usage=common_pb2.Usage(
            prompt_tokens=answer.tokens.prompt,
            completion_tokens=answer.tokens.completion,
            wasted_tokens=answer.tokens.wasted,
            cost_micro_usd=answer.tokens.cost_micro_usd,
        ),
        llm_tier=answer.llm_tier,
        cacheable=answer.cacheable,
        knowledge_epoch=answer.knowledge_epoch,
        attempts=[
            common_pb2.Attempt(tier=each.tier, model=each.model, reason=each.reason, duration_ms=each.duration_ms)
            for each in answer.attempts
        ],
        complete=answer.complete,
        finish_reason=answer.finish_reason,
        nothing_found=answer.nothing_found,
    )
    if answer.embedding is not None:
        vector = answer.embedding
        message.embedding.CopyFrom(common_pb2.Embedding(embedder_id=vector.embedder_id, values=vector.values))
    return message


def write_event(sequence: int, event: AnswerEvent) -> engine_pb2.StreamAnswerResponse:
    """Returns one event of a streamed answer as a message."""
    message = engine_pb2.StreamAnswerResponse(sequence=sequence)
    match event:
        case Began():
            message.started.action = event.action
        case Piece():
            message.delta.text = event.text
        case Voided():
            message.reset.reason = event.reason
        case Completed():
            answer = event.answer
            message.completed.answer.CopyFrom(write_answer(answer))
            message.completed.complete, message.completed.finish_reason = answer.complete, answer.finish_reason
    return message
