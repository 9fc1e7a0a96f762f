"""EngineService: protobuf in and out of an engine."""

from collections.abc import AsyncIterator

import grpc

from repartee.v1 import engine_pb2, engine_pb2_grpc
from services.hybrid_engine.adapters.messages import read_turn, write_answer
from services.hybrid_engine.turn import Answering

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's


class EngineServicer(engine_pb2_grpc.EngineServiceServicer):
    """Serves either engine."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def GenerateAnswer(
        self, request: engine_pb2.GenerateAnswerRequest, context: grpc.ServicerContext
    ) -> engine_pb2.GenerateAnswerResponse:
        """Answers one turn."""
        answer = await self._answering.answer(read_turn(request))
        return engine_pb2.GenerateAnswerResponse(answer=write_answer(answer))

    async def StreamAnswer(
        self, request: engine_pb2.StreamAnswerRequest, context: grpc.ServicerContext
    ) -> AsyncIterator[engine_pb2.StreamAnswerResponse]:
        """Answers one turn as events. The text is held back until it is checked, so none is ever taken back."""
        answer = await self._answering.answer(read_turn(request.turn))
        yield engine_pb2.StreamAnswerResponse(sequence=0, started=engine_pb2.AnswerStarted(action=answer.action))
        yield engine_pb2.StreamAnswerResponse(sequence=1, delta=engine_pb2.AnswerDelta(text=answer.text))
        completed = engine_pb2.AnswerCompleted(answer=write_answer(answer), complete=True, finish_reason="stop")
        yield engine_pb2.StreamAnswerResponse(sequence=2, completed=completed)
