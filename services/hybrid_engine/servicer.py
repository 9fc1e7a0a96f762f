"""EngineService: protobuf in and out of an engine."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import grpc

from repartee.v1 import engine_pb2, engine_pb2_grpc
from services.hybrid_engine.adapters.messages import read_turn, write_answer, write_event
from services.hybrid_engine.turn import Answer, Answering, Completed

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's


class EngineServicer(engine_pb2_grpc.EngineServiceServicer):
    """Serves either engine."""

    def __init__(self, answering: Answering, *, note: Callable[[Answer], None] = lambda _: None) -> None:
        """`note` is told of every answer that is given."""
        self._answering = answering
        self._note = note

    async def GenerateAnswer(
        self, request: engine_pb2.GenerateAnswerRequest, context: grpc.ServicerContext
    ) -> engine_pb2.GenerateAnswerResponse:
        """Answers one turn."""
        answer = await self._answering.answer(read_turn(request))
        self._note(answer)
        return engine_pb2.GenerateAnswerResponse(answer=write_answer(answer))

    async def StreamAnswer(
        self, request: engine_pb2.StreamAnswerRequest, context: grpc.ServicerContext
    ) -> AsyncIterator[engine_pb2.StreamAnswerResponse]:
        """Answers one turn as events. A caller that leaves ends the call to the model too."""
        sequence = 0
        async with aclosing(self._answering.stream(read_turn(request.turn))) as events:
            async for event in events:
                if isinstance(event, Completed):
                    self._note(event.answer)
                yield write_event(sequence, event)
                sequence += 1
