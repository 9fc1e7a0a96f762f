"""VoiceService: protobuf in and out of the speaking use cases."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TypeVar

import grpc

from libs.common import request_context
from repartee.v1 import voice_pb2, voice_pb2_grpc
from services.voice.audio import AudioForm, Encoding, audio_form
from services.voice.chunks import Chunk, Segment
from services.voice.speaking import Speaking, Utterance
from services.voice.speech_stream import Finished, SpeechEvent, Started

_ENCODINGS = {
    voice_pb2.AUDIO_ENCODING_UNSPECIFIED: Encoding.PCM_S16LE,
    voice_pb2.AUDIO_ENCODING_PCM_S16LE: Encoding.PCM_S16LE,
    voice_pb2.AUDIO_ENCODING_MULAW: Encoding.MULAW,
}
_ENCODING_CODES = {
    Encoding.PCM_S16LE: voice_pb2.AUDIO_ENCODING_PCM_S16LE,
    Encoding.MULAW: voice_pb2.AUDIO_ENCODING_MULAW,
}
_SEGMENT_CODES = {Segment.FILLER: voice_pb2.SEGMENT_FILLER, Segment.CONTENT: voice_pb2.SEGMENT_CONTENT}
_ResponseT = TypeVar("_ResponseT", voice_pb2.SayResponse, voice_pb2.SayHybridResponse)


class VoiceServicer(voice_pb2_grpc.VoiceServiceServicer):
    """Serves Say and SayHybrid."""

    def __init__(self, speaking: Speaking) -> None:
        self._speaking = speaking

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


def read_form(message: voice_pb2.AudioFormat) -> AudioForm:
    """Returns the form that is asked for; raises InvalidRequest (FORMAT_UNSUPPORTED)."""
    return audio_form(_ENCODINGS.get(message.encoding, Encoding.PCM_S16LE), message.sample_rate_hz)


def _response(kind: type[_ResponseT], event: SpeechEvent) -> _ResponseT:
    match event:
        case Started():
            return kind(config=_config(event))
        case Chunk():
            return kind(chunk=_chunk(event))
        case Finished():
            return kind(completed=_completed(event))


def _config(event: Started) -> voice_pb2.AudioConfig:
    form = voice_pb2.AudioFormat(
        encoding=_ENCODING_CODES[event.form.encoding], sample_rate_hz=event.form.sample_rate_hz
    )
    return voice_pb2.AudioConfig(format=form, voice=event.voice, turn_id=event.turn_id)


def _chunk(event: Chunk) -> voice_pb2.AudioChunk:
    return voice_pb2.AudioChunk(
        samples=event.samples,
        sequence=event.sequence,
        segment=_SEGMENT_CODES[event.segment],
        text_span=event.text_span,
        is_last=event.is_last,
        voice=event.voice,
    )


def _completed(event: Finished) -> voice_pb2.AudioCompleted:
    return voice_pb2.AudioCompleted(
        complete=event.complete,
        spoken_text=event.spoken_text,
        audio_ms=event.audio_ms,
        billed_characters=event.billed_characters,
        reasons=event.reasons,
        first_audio_ms=event.first_audio_ms,
    )
