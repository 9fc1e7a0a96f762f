"""Between protobuf and the values of speech."""

from collections.abc import AsyncIterator, Callable

from libs.common.errors import FieldViolation, InvalidRequest
from repartee.v1 import router_pb2, voice_pb2
from services.voice.audio import AudioForm, Encoding, audio_form
from services.voice.chunks import Chunk, Segment
from services.voice.conversing import ConverseEvent
from services.voice.inbox import Interruption, Said
from services.voice.reply_feed import Replied, SpokenTurn
from services.voice.speech_stream import Finished, Started
from services.voice.spoken_turn import Unanswered

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
_EMERGENCY_LEVEL = 3


def read_form(message: voice_pb2.AudioFormat) -> AudioForm:
    """Returns the form that is asked for; raises InvalidRequest (FORMAT_UNSUPPORTED)."""
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        raise InvalidRequest(
            "FORMAT_UNSUPPORTED",
            "Audio comes as PCM at 8, 16 or 24 kHz, or as µ-law at 8 kHz.",
            violations=[FieldViolation("format.encoding", "expected a value of AudioEncoding")],
        )
    return audio_form(encoding, message.sample_rate_hz)


def write_started(event: Started) -> voice_pb2.AudioConfig:
    """Returns the first message of a stream."""
    form = voice_pb2.AudioFormat(
        encoding=_ENCODING_CODES[event.form.encoding], sample_rate_hz=event.form.sample_rate_hz
    )
    return voice_pb2.AudioConfig(format=form, voice=event.voice, turn_id=event.turn_id)


def write_chunk(event: Chunk) -> voice_pb2.AudioChunk:
    """Returns a piece of audio."""
    return voice_pb2.AudioChunk(
        samples=event.samples,
        sequence=event.sequence,
        segment=_SEGMENT_CODES[event.segment],
        text_span=event.text_span,
        is_last=event.is_last,
        voice=event.voice,
    )


def write_finished(event: Finished) -> voice_pb2.AudioCompleted:
    """Returns what closes a stream, or a spoken turn."""
    return voice_pb2.AudioCompleted(
        complete=event.complete,
        spoken_text=event.spoken_text,
        audio_ms=event.audio_ms,
        billed_characters=event.billed_characters,
        reasons=event.reasons,
        first_audio_ms=event.first_audio_ms,
        largest_gap_ms=event.largest_gap_ms,
        turn_id=event.turn_id,
        interrupted=event.interrupted,
    )


def write_converse(event: ConverseEvent) -> voice_pb2.ConverseResponse:
    """Returns one message of a spoken conversation."""
    match event:
        case Started():
            return voice_pb2.ConverseResponse(config=write_started(event))
        case Chunk():
            return voice_pb2.ConverseResponse(chunk=write_chunk(event))
        case Finished():
            return voice_pb2.ConverseResponse(completed=write_finished(event))
        case Unanswered():
            reply = router_pb2.ChatResponse(
                text=event.text,
                turn_id=event.turn_id,
                rung=router_pb2.RUNG_EMERGENCY,
                fallback_level=_EMERGENCY_LEVEL,
                reasons=event.reasons,
            )
            return voice_pb2.ConverseResponse(reply=reply)
        case Replied():
            if not isinstance(event.message, router_pb2.ChatResponse):
                raise TypeError("a reply of the router is a ChatResponse")
            return voice_pb2.ConverseResponse(reply=event.message)


async def read_config(requests: AsyncIterator[voice_pb2.ConverseRequest]) -> voice_pb2.ConverseConfig:
    """Returns the first message's config; raises InvalidRequest (CONFIG_REQUIRED)."""
    async for request in requests:
        if request.WhichOneof("event") == "config":
            return request.config
        break
    raise InvalidRequest(
        "CONFIG_REQUIRED",
        "The first message of a spoken conversation is its config.",
        violations=[FieldViolation("config", "required in the first message")],
    )


async def read_said(
    requests: AsyncIterator[voice_pb2.ConverseRequest],
    config: voice_pb2.ConverseConfig,
    *,
    new_turn_id: Callable[[], str],
) -> AsyncIterator[Said]:
    """Yields what follows; raises InvalidRequest (CONFIG_REPEATED, CONVERSATION_MISMATCH, REQUIRED_FIELD)."""
    async for request in requests:
        match request.WhichOneof("event"):
            case "turn":
                yield _turn(request.turn, config, new_turn_id)
            case "barge_in":
                yield Interruption(request.barge_in.heard_ms)
            case "config":
                raise InvalidRequest(
                    "CONFIG_REPEATED",
                    "A spoken conversation has one config, its first message; begin another stream.",
                    violations=[FieldViolation("config", "expected once, first")],
                )
            case _:
                raise InvalidRequest(
                    "REQUIRED_FIELD",
                    "A message of a spoken conversation holds a turn or says that the caller speaks.",
                    violations=[FieldViolation("event", "required")],
                )


def _turn(turn: router_pb2.ChatRequest, config: voice_pb2.ConverseConfig, new_turn_id: Callable[[], str]) -> SpokenTurn:
    if turn.conversation_id != config.conversation_id:
        raise InvalidRequest(
            "CONVERSATION_MISMATCH",
            "Every turn of a stream belongs to the conversation of its config.",
            violations=[FieldViolation("turn.conversation_id", "expected the config's")],
        )
    request = router_pb2.ChatRequest()
    request.CopyFrom(turn)
    request.turn_id = turn.turn_id or new_turn_id()
    request.user_id = turn.user_id or config.user_id
    request.locale = turn.locale or config.locale
    request.channel = turn.channel or "voice"
    return SpokenTurn(request.message, request.turn_id, request)
