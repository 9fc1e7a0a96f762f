"""Wires the voice service: settings, voices, phrases, servicers, `main`."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from libs.common.channel import ClientTls, open_channel
from libs.common.metrics import Meter
from libs.common.redis_store import RedisStore
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.spending.metered_ledger import metered
from libs.common.spending.open_ledger import open_ledger
from libs.common.spending.price_file import load_prices
from libs.common.telemetry import start_telemetry
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.open_store import open_tenant_store
from repartee.v1 import router_pb2, voice_pb2, voice_pb2_grpc
from services.voice.adapters.disk_phrases import DiskPhrases
from services.voice.adapters.elevenlabs_speech import ElevenLabsOptions, ElevenLabsSpeech
from services.voice.adapters.espeak_speech import EspeakSpeech
from services.voice.adapters.pico_speech import PicoSpeech
from services.voice.adapters.router_client import RouterClient
from services.voice.adapters.speech_account import LedgerAccount
from services.voice.adapters.tenant_voices import BundleVoices
from services.voice.admin import VoiceAdminServicer
from services.voice.conversing import Conversing
from services.voice.loudness import VoiceLevels
from services.voice.masking import Waits
from services.voice.phrases import PhraseMemory
from services.voice.pregenerating import Pregenerating
from services.voice.servicer import VoiceServicer
from services.voice.settings import VoiceSettings
from services.voice.speaking import Speaking
from services.voice.speech_figures import SpeechFigures
from services.voice.stream_metrics import StreamMetrics
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
            store = RedisStore.connect(
                settings.redis_url.get_secret_value(),
                prefix=settings.redis_prefix,
                timeout_seconds=settings.redis_seconds,
            )
            stack.push_async_callback(store.aclose)
        directory = await stack.enter_async_context(TenantDirectory(open_tenant_store(settings, store)))
        ledger = metered(await stack.enter_async_context(open_ledger(store)), telemetry.meter)
        account = LedgerAccount(directory, ledger, load_prices(settings.prices_file))
        stack.push_async_callback(account.aclose)
        figures = SpeechFigures(
            cost=lambda model, characters: account.quote(model, characters).cost_micro_usd, meter=telemetry.meter
        )
        voices = Voices(
            open_providers(settings),
            cooldown_seconds=settings.voice_cooldown_seconds,
            account=account,
            levels=VoiceLevels(),
            note=figures.took,
        )
        stack.push_async_callback(voices.aclose)
        stack.callback(lambda: _LOG.info("spoken: %s", figures.summary()))
        kept = DiskPhrases(settings.state_dir / "voice" / "phrases") if settings.state_dir else None
        phrases = PhraseMemory(voices, store=kept, figures=figures, max_bytes=settings.phrase_memory_mb << 20)
        await phrases.load()
        await phrases.warm_up(_WARM_UP_LOCALES)
        tenants = BundleVoices(directory)
        streams = StreamMetrics(telemetry.meter or Meter())
        speaking = Speaking(tenants=tenants, voices=voices, phrases=phrases, note=streams.heard)
        channel = open_channel(
            settings.router_target,
            services=[router_pb2.DESCRIPTOR.services_by_name["RouterService"]],
            name="voice",
            tls=ClientTls.of(settings),
            tracer=telemetry.tracer,
            meter=telemetry.meter,
        )
        router = RouterClient(await stack.enter_async_context(channel))
        conversing = Conversing(
            tenants=tenants, voices=voices, phrases=phrases, router=router, waits=Waits(), note=streams.heard
        )
        pregenerating = Pregenerating(tenants=tenants, voices=voices, phrases=phrases)
        _LOG.info("voices: %s", ", ".join(f"{line.name} {line.state}" for line in voices.dependencies()))
        server = await stack.enter_async_context(
            running_server(
                settings,
                name="voice",
                registrations=_registrations(speaking, conversing, pregenerating),
                tracer=telemetry.tracer,
                meter=telemetry.meter,
                dependencies=lambda: [*_dependencies(voices), *_router_line(router), _phrases_line(phrases, figures)],
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
        mulaw=settings.elevenlabs_mulaw,
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


def _registrations(speaking: Speaking, conversing: Conversing, pregenerating: Pregenerating) -> Sequence[Registration]:
    services = voice_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(
            services["VoiceService"],
            voice_pb2_grpc.add_VoiceServiceServicer_to_server,
            VoiceServicer(speaking, conversing),
        ),
        Registration(
            services["VoiceAdminService"],
            voice_pb2_grpc.add_VoiceAdminServiceServicer_to_server,
            VoiceAdminServicer(speaking, pregenerating),
        ),
    )


def _dependencies(voices: Voices) -> list[DependencyState]:
    return [DependencyState(line.name, line.state, line.detail) for line in voices.dependencies()]


def _router_line(router: RouterClient) -> list[DependencyState]:
    if not router.is_failing:
        return []
    detail = "It did not answer its last call; callers are asked to say it again. Check REPARTEE_ROUTER_TARGET."
    return [DependencyState("router", "degraded", detail)]


def _phrases_line(phrases: PhraseMemory, figures: SpeechFigures) -> DependencyState:
    return DependencyState("speech:phrases", "up", f"{len(phrases)} kept; {figures.summary()}.")


async def serve(settings: VoiceSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(VoiceSettings)))
