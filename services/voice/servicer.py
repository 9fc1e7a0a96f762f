"""VoiceService: protobuf in and out of the speaking use cases."""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TypeVar

import grpc

from libs.common import request_context
from repartee.v1 import voice_pb2, voice_pb2_grpc
from services.voice.adapters.wire import (
    read_config,
    read_form,
    read_said,
    write_chunk,
    write_converse,
    write_finished,
    write_started,
)
from services.voice.chunks import Chunk
from services.voice.conversing import Conversing, Opening
from services.voice.speaking import Speaking, Utterance
from services.voice.speech_stream import Finished, SpeechEvent, Started

_ResponseT = TypeVar("_ResponseT", voice_pb2.SayResponse, voice_pb2.SayHybridResponse)


class VoiceServicer(voice_pb2_grpc.VoiceServiceServicer):
    """Serves Say, SayHybrid and Converse."""

    def __init__(self, speaking: Speaking, conversing: Conversing) -> None:
        self._speaking = speaking
        self._conversing = conversing

    async def Say(  # noqa: N802 - the name is the proto's
        self,
        request: voice_pb2.SayRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the signature is the stub's
    ) -> AsyncIterator[voice_pb2.SayResponse]:
        """Speaks a text."""
        call = request_context.current()
        utterance = Utterance(request.text, read_form(request.format), request.locale, request.voice, call.request_id)
        async with aclosing(self._speaking.say(call.principal.require_tenant(), utterance)) as events:
            async for event in events:
                yield _response(voice_pb2.SayResponse, event)

    async def SayHybrid(  # noqa: N802 - the name is the proto's
        self,
        request: voice_pb2.SayHybridRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the signature is the stub's
    ) -> AsyncIterator[voice_pb2.SayHybridResponse]:
        """Plays a phrase, then speaks a text."""
        call = request_context.current()
        tenant = call.principal.require_tenant()
        utterance = Utterance(request.text, read_form(request.format), request.locale, turn_id=call.request_id)
        async with aclosing(self._speaking.say_hybrid(tenant, request.cache_key, utterance)) as events:
            async for event in events:
                yield _response(voice_pb2.SayHybridResponse, event)

    async def Converse(  # noqa: N802 - the name is the proto's
        self,
        request_iterator: AsyncIterator[voice_pb2.ConverseRequest],
        context: grpc.ServicerContext,  # noqa: ARG002 - the signature is the stub's
    ) -> AsyncIterator[voice_pb2.ConverseResponse]:
        """Holds a spoken conversation."""
        call = request_context.current()
        config = await read_config(request_iterator)
        opening = Opening(read_form(config.format), config.locale, call.request_id)
        said = read_said(request_iterator, config, new_turn_id=_new_turn_id)
        async with aclosing(self._conversing.converse(call.principal.require_tenant(), opening, said)) as events:
            async for event in events:
                yield write_converse(event)


def _response(kind: type[_ResponseT], event: SpeechEvent) -> _ResponseT:
    match event:
        case Started():
            return kind(config=write_started(event))
        case Chunk():
            return kind(chunk=write_chunk(event))
        case Finished():
            return kind(completed=write_finished(event))


def _new_turn_id() -> str:
    return f"{random.getrandbits(128):032x}"  # an id to find a turn by, not a secret
