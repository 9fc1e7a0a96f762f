"""Streamed answers over the wire: events in order, and a caller that leaves ends the model's call."""

import asyncio
from typing import Any

import pytest

from repartee.v1 import engine_pb2, engine_pb2_grpc
from tests.fakes.openai_double import OpenAIDouble, Scripted, openai_double
from tests.service.test_engine_service import CUSTOMERS, served, turn

__all__ = ["openai_double"]

ANSWER = "Les 6 paquets coûtent 25.000 FCFA. Les 3 paquets coûtent 13.000 FCFA."
PAY = "Envoyez 2000F sur +225 0787360757, puis capture."


def model_of(double: OpenAIDouble) -> dict[str, Any]:
    return {"llm_base_url": double.base_url, "llm_model": "double-small"}


async def events_of(stub: "engine_pb2_grpc.EngineServiceAsyncStub", request: engine_pb2.GenerateAnswerRequest):
    call = stub.StreamAnswer(engine_pb2.StreamAnswerRequest(turn=request), metadata=CUSTOMERS, timeout=5)
    return [event async for event in call]


@pytest.mark.parametrize("engine", ["hybrid", "classic"])
async def test_events_are_numbered_and_the_last_one_says_how_it_ended(engine: str, openai_double: OpenAIDouble) -> None:
    openai_double.script(Scripted(reply=ANSWER))
    async with served(engine=engine, **model_of(openai_double)) as channel:
        events = await events_of(engine_pb2_grpc.EngineServiceStub(channel), turn("Combien coûtent 6 paquets ?"))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == ["started", "delta", "delta", "completed"]
    assert [event.sequence for event in events] == [0, 1, 2, 3]
    completed = events[-1].completed
    assert (completed.complete, completed.finish_reason) == (True, "stop")
    assert completed.answer.text == ANSWER == "".join(event.delta.text for event in events[1:3])
    assert completed.answer.attempts[-1].reason == ""
    assert completed.answer.complete


async def test_what_was_said_before_a_refused_sentence_is_made_void(openai_double: OpenAIDouble) -> None:
    openai_double.script(Scripted(reply="Les 6 paquets coûtent 25.000 FCFA. Payez au 0102030405."))
    async with served(engine="classic", **model_of(openai_double)) as channel:
        events = await events_of(engine_pb2_grpc.EngineServiceStub(channel), turn("Combien ?", image="a"))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == ["started", "delta", "reset", "delta", "completed"]
    assert events[2].reset.reason == "GATE_FACT_FOREIGN"
    assert events[-1].completed.answer.text == events[3].delta.text == PAY


async def test_a_caller_that_leaves_ends_the_model_s_call(openai_double: OpenAIDouble) -> None:
    openai_double.script(Scripted(reply=f"{ANSWER} Et plus encore, si vous voulez.", hold_after=8))
    async with served(engine="classic", **model_of(openai_double)) as channel:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        request = engine_pb2.StreamAnswerRequest(turn=turn("Combien coûtent 6 paquets ?"))
        call = stub.StreamAnswer(request, metadata=CUSTOMERS, timeout=5)
        async for event in call:
            if event.WhichOneof("event") == "delta":
                break
        call.cancel()
        async with asyncio.timeout(5):
            await openai_double.client_left.wait()
