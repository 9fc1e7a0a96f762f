"""Wires the voice service: settings, voices, phrases, servicers, `main`."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from libs.common.redis_store import RedisStore
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.telemetry import start_telemetry
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.open_store import open_tenant_store
from repartee.v1 import voice_pb2, voice_pb2_grpc
from services.voice.adapters.elevenlabs_speech import ElevenLabsOptions, ElevenLabsSpeech
from services.voice.adapters.espeak_speech import EspeakSpeech
from services.voice.adapters.pico_speech import PicoSpeech
from services.voice.adapters.tenant_voices import BundleVoices
from services.voice.admin import VoiceAdminServicer
from services.voice.phrases import PhraseMemory
from services.voice.servicer import VoiceServicer
from services.voice.settings import VoiceSettings
from services.voice.speaking import Speaking
from services.voice.voices import SpeechProvider, Voices

_LOG = logging.getLogger(__name__)
_WARM_UP_LOCALES = ("fr", "en")


@asynccontextmanager
async def running(settings: VoiceSettings) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block."""
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry("voice", settings)
        stack.callback(telemetry.shutdown)
        store = None
        if settings.redis_url is not None:
            store = RedisStore.connect(settings.redis_url.get_secret_value(), prefix=settings.redis_prefix)
            stack.push_async_callback(store.aclose)
        directory = await stack.enter_async_context(TenantDirectory(open_tenant_store(settings, store)))
        voices = Voices(open_providers(settings), cooldown_seconds=settings.voice_cooldown_seconds)
        stack.push_async_callback(voices.aclose)
        phrases = PhraseMemory(voices, max_bytes=settings.phrase_memory_mb << 20)
        await phrases.warm_up(_WARM_UP_LOCALES)
        speaking = Speaking(tenants=BundleVoices(directory), voices=voices, phrases=phrases)
        _LOG.info("voices: %s", ", ".join(f"{line.name} {line.state}" for line in voices.dependencies()))
        server = await stack.enter_async_context(
            running_server(
                settings,
                name="voice",
                registrations=_registrations(speaking),
                tracer=telemetry.tracer,
                dependencies=lambda: _dependencies(voices),
            )
        )
        yield server


def open_providers(settings: VoiceSettings) -> list[SpeechProvider]:
    """Returns the voices in order of preference: ElevenLabs, then the local ones that the settings name."""
    key = settings.elevenlabs_api_key
    options = ElevenLabsOptions(
        voice=settings.elevenlabs_voice,
        model=settings.elevenlabs_model,
        base_url=settings.elevenlabs_base_url,
        first_byte_seconds=settings.elevenlabs_first_byte_seconds,
        gap_seconds=settings.elevenlabs_gap_seconds,
        max_concurrent=settings.elevenlabs_max_concurrent,
    )
    providers: list[SpeechProvider] = [
        ElevenLabsSpeech(api_key=key.get_secret_value() if key else None, options=options)
    ]
    for name in (part.strip() for part in settings.local_voices.split(",")):
        if name == "pico":
            providers.append(PicoSpeech(threads=settings.local_voice_threads))
        elif name == "espeak":
            providers.append(EspeakSpeech())
    return providers


def _registrations(speaking: Speaking) -> Sequence[Registration]:
    services = voice_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(
            services["VoiceService"],
            voice_pb2_grpc.add_VoiceServiceServicer_to_server,
            VoiceServicer(speaking),  # pyright: ignore[reportAbstractUsage]  # Converse is not served yet
        ),
        Registration(
            services["VoiceAdminService"],
            voice_pb2_grpc.add_VoiceAdminServiceServicer_to_server,
            VoiceAdminServicer(speaking),  # pyright: ignore[reportAbstractUsage]  # PregeneratePhrases is not served yet
        ),
    )


def _dependencies(voices: Voices) -> list[DependencyState]:
    return [DependencyState(line.name, line.state, line.detail) for line in voices.dependencies()]


async def serve(settings: VoiceSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(VoiceSettings)))
