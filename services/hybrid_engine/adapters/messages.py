"""Protobuf in and out of the engine's own values."""

from libs.common.errors import FieldViolation, InvalidRequest
from repartee.v1 import common_pb2, engine_pb2
from services.hybrid_engine.flow.state import Attached, Event, FlowState, Phase, SlotValue
from services.hybrid_engine.turn import Answer, Said, Turn, Vector, Wording

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
}


def read_turn(request: engine_pb2.GenerateAnswerRequest) -> Turn:
    """Returns the turn of a request. Raises InvalidRequest (INVALID_FIELD) for a phase that no flow has."""
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
    )


def read_state(state: common_pb2.FlowState) -> FlowState:
    """Returns a state; an empty message is the state of a conversation that just began."""
    try:
        phase = Phase(state.phase or "idle")
    except ValueError:
        phases = ", ".join(phase.value for phase in Phase)
        raise InvalidRequest(
            "INVALID_FIELD",
            "The state has a phase that no flow knows.",
            violations=[FieldViolation("state.phase", f"expected one of {phases}")],
        ) from None
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
        phase=state.phase.value,
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
        ),
        llm_tier=answer.llm_tier,
        cacheable=answer.cacheable,
        knowledge_epoch=answer.knowledge_epoch,
    )
    if answer.embedding is not None:
        vector = answer.embedding
        message.embedding.CopyFrom(common_pb2.Embedding(embedder_id=vector.embedder_id, values=vector.values))
    return message
