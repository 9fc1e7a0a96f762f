"""`repartee say`: hear a text in a tenant's voice, as a WAV file."""

import wave
from pathlib import Path
from typing import Annotated

import typer

from repartee.v1 import voice_pb2, voice_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, TenantOption, console, run

_DESCRIPTOR = voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]


def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The WAV file to write.")] = Path("reply.wav"),
    tenant: TenantOption = "rue-du-gros",
    phrase: Annotated[str, typer.Option(help="Play this phrase first, such as greet or filler_ok.")] = "",
    rate: Annotated[int, typer.Option(help="Samples a second: 8000, 16000 or 24000.")] = 8000,
    locale: Annotated[str, typer.Option(help="Language, such as fr-FR; the tenant's when empty.")] = "",
    voice: Annotated[str, typer.Option(help="Voice, such as pico:fr-FR; the tenant's when empty.")] = "",
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Speak a text into a WAV file and say which voice spoke, when its first sound came, and how long it is."""
    connection = Connection.for_tenant(tenant, host=host, port_base=port_base)
    spoken = run(lambda: speak(connection, text, output, phrase=phrase, rate=rate, locale=locale, voice=voice))
    console.print(spoken)


async def speak(
    connection: Connection,
    text: str,
    output: Path,
    *,
    phrase: str = "",
    rate: int = 8000,
    locale: str = "",
    voice: str = "",
) -> str:
    """Writes `text` as speech to `output` and returns one line about it. Nothing is written when it fails.

    A phrase is spoken in the tenant's voice: `voice` counts without one.
    """
    audio_format = voice_pb2.AudioFormat(encoding=voice_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=rate)
    samples = bytearray()
    config = voice_pb2.AudioConfig()
    completed = voice_pb2.AudioCompleted()
    async with connection.open("voice", _DESCRIPTOR) as channel:
        stub = voice_pb2_grpc.VoiceServiceStub(channel)
        if phrase:
            stream = stub.SayHybrid(
                voice_pb2.SayHybridRequest(cache_key=phrase, text=text, format=audio_format, locale=locale)
            )
        else:
            stream = stub.Say(voice_pb2.SayRequest(text=text, format=audio_format, locale=locale, voice=voice))
        async for message in stream:
            if message.HasField("config"):
                config = message.config
            elif message.HasField("chunk"):
                samples += message.chunk.samples
            else:
                completed = message.completed
    write_wav(output, bytes(samples), config.format.sample_rate_hz)
    whole = "" if completed.complete else ", cut short"
    reasons = f" ({', '.join(completed.reasons)})" if completed.reasons else ""
    return (
        f"{output}: {completed.audio_ms / 1000:.1f} s by {config.voice}{reasons}{whole}, "
        f"first sound after {completed.first_audio_ms:.0f} ms, largest gap {completed.largest_gap_ms:.0f} ms, "
        f"{completed.billed_characters} characters paid"
    )


def write_wav(path: Path, samples: bytes, rate: int) -> None:
    """Writes mono 16-bit samples as a WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples)
