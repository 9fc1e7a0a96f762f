"""LlmService: protobuf in and out of `Generating`."""

import grpc

from repartee.v1 import common_pb2, engine_pb2, engine_pb2_grpc
from services.hybrid_engine.llm.generating import Asked, Generated, Generating

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's


class LlmServicer(engine_pb2_grpc.LlmServiceServicer):
    """Serves LlmService."""

    def __init__(self, generating: Generating) -> None:
        self._generating = generating

    async def Generate(
        self, request: engine_pb2.GenerateRequest, context: grpc.ServicerContext
    ) -> engine_pb2.GenerateResponse:
        """Words one reply."""
        return _write(await self._generating.generate(_read(request)))


def _read(request: engine_pb2.GenerateRequest) -> Asked:
    return Asked(
        prompt=request.prompt,
        intent=request.intent,
        user=request.user,
        channel=request.channel,
        max_words=request.max_words,
        allow_canned=request.allow_canned if request.HasField("allow_canned") else True,
        conversation_id=request.conversation_id,
    )


def _write(generated: Generated) -> engine_pb2.GenerateResponse:
    source = engine_pb2.WORDING_SOURCE_CANNED if generated.is_canned else engine_pb2.WORDING_SOURCE_MODEL
    return engine_pb2.GenerateResponse(
        text=generated.text,
        source=source,
        tier=generated.tier,
        tier_index=generated.tier_index,
        attempts=[
            common_pb2.Attempt(tier=each.tier, model=each.model, reason=each.reason, duration_ms=each.duration_ms)
            for each in generated.attempts
        ],
        usage=common_pb2.Usage(
            prompt_tokens=generated.prompt_tokens,
            completion_tokens=generated.completion_tokens,
            wasted_tokens=generated.wasted_tokens,
            cost_micro_usd=generated.cost_micro_usd,
        ),
        finish_reason=generated.finish_reason,
    )
