"""A gRPC server as every process runs it: what it listens on, what it serves, how it starts and how it leaves."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol, cast

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from opentelemetry.trace import Tracer

from libs.common.certificate_files import CertificateFiles
from libs.common.credentials import Authenticator, open_authenticator
from libs.common.errors import ReparteeError
from libs.common.interceptors.admission import Load
from libs.common.interceptors.incoming import Rules
from libs.common.interceptors.registration import register
from libs.common.listening import (
    MAX_STREAM_SECONDS,
    check_listening,
    is_loopback_host,
    listen,
    listen_for_probes,
    server_options,
)
from libs.common.logs import set_up_logging
from libs.common.measures import Measures
from libs.common.metrics import Meter
from libs.common.process_status import DependencyState, StatusServicer, no_dependencies
from libs.common.reflection import add_reflection
from libs.common.settings import ServiceSettings, load_settings
from libs.common.upkeep import Upkeep
from repartee.v1 import common_pb2, common_pb2_grpc

_log = logging.getLogger(__name__)

__all__ = ["DependencyState", "Registration", "RunningServer", "run_service", "running_server"]

_DAY_SECONDS = 86_400.0

_SERVING = health_pb2.HealthCheckResponse.SERVING


@dataclass(frozen=True, slots=True)
class Registration:
    """One service to serve: its descriptor, the generated function that adds it, and who serves it."""

    service: ServiceDescriptor
    add: Callable[[Any, Any], None]
    servicer: object


class Health(Protocol):
    """What `grpc.health.v1` answers, by service name; "" is the process."""

    async def set(self, service: str, status: int) -> None:
        """Sets the status of a service; does nothing once the server drains."""
        ...

    async def enter_graceful_shutdown(self) -> None:
        """Answers NOT_SERVING for everything from now on."""
        ...


def _nothing() -> None:
    """Has no stream to end."""


class RunningServer:
    """A server that takes calls. `health` is told more names where a service has parts that come and go."""

    def __init__(
        self,
        server: grpc.aio.Server,
        health_servicer: Health,
        port: int,
        settings: ServiceSettings,
        on_stopping: Callable[[], None],
    ) -> None:
        self.port = port
        self._on_stopping = on_stopping
        self.health = health_servicer
        self._server = server
        self._settings = settings

    async def serve_until_signal(self) -> None:
        """Serves until SIGTERM or SIGINT, then drains and stops. A second signal cuts the draining short."""
        first, second = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            (second if first.is_set() else first).set()

        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, on_signal)
        try:
            await first.wait()
            _log.info("draining: no new connections, stopping in %g s", self._settings.drain_seconds)
            await self.drain(hurry=second)
        finally:
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(each)

    async def drain(self, *, hurry: asyncio.Event | None = None) -> None:
        """Tells health checks NOT_SERVING, goes on serving while clients turn away, then stops with grace.

        Clients that see NOT_SERVING late would lose calls if the server stopped at once.
        """
        await self.health.enter_graceful_shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_seconds):
                await (hurry or asyncio.Event()).wait()
        self._on_stopping()
        await self._server.stop(self._settings.stop_grace_seconds)

    async def stop(self) -> None:
        """Stops at once; calls in flight are cancelled. Does nothing after `drain`."""
        await self.health.enter_graceful_shutdown()
        await self._server.stop(None)


@contextlib.asynccontextmanager
async def running_server(
    settings: ServiceSettings,
    *,
    name: str,
    registrations: Sequence[Registration],
    authenticator: Authenticator | None = None,
    tracer: Tracer | None = None,
    meter: Meter | None = None,
    dependencies: Callable[[], Sequence[DependencyState]] = no_dependencies,
    default_deadline_seconds: float = 8.0,
    max_deadline_seconds: float = 60.0,
    max_receive_bytes: int = 1 << 20,
    on_stopping: Callable[[], None] = _nothing,
) -> AsyncGenerator[RunningServer, None]:
    """Serves `registrations` beside health, reflection and StatusService until the block ends, which stops it at once.

    `default_deadline_seconds` holds for unary calls that bring none, `max_deadline_seconds` for those that bring more;
    a stream may last an hour. `on_stopping` ends, after the drain, streams that have no end of their own.

    Raises PreconditionFailed (INSECURE_LISTEN, PORT_TAKEN, TLS_FILES, CREDENTIALS_FILE).
    """
    is_local = is_loopback_host(settings.host)
    check_listening(settings, name)
    certificate, roots = CertificateFiles.of(settings), CertificateFiles.of_upstreams(settings)
    watched = [each for each in (certificate, roots) if each is not None]

    def states() -> Sequence[DependencyState]:
        return [*dependencies(), *(each.state() for each in watched)]

    rules = Rules(
        authenticator=authenticator
        or open_authenticator(credentials_file=settings.credentials_file, allow_dev=is_local),
        load=Load(settings.max_concurrent_calls),
        local_only=is_local,
        tracer=tracer,
        meter=meter,
        default_deadline=default_deadline_seconds,
        max_deadline=max_deadline_seconds,
        max_stream=MAX_STREAM_SECONDS,
    )
    if meter is not None:
        _measure(meter, rules.load, states, watched)
    server = grpc.aio.server(options=server_options(settings, max_receive_bytes=max_receive_bytes))
    status = Registration(
        common_pb2.DESCRIPTOR.services_by_name["StatusService"],
        common_pb2_grpc.add_StatusServiceServicer_to_server,
        StatusServicer(name, states),
    )
    served = [*registrations, status]
    for each in served:
        register(rules, each.service, each.add, each.servicer, server)
    health_servicer = _add_health(server)
    names = [each.service.full_name for each in served]
    add_reflection(server, [*names, health.SERVICE_NAME])
    credentials = certificate.server_credentials() if certificate is not None else None
    port = listen(server, settings, name, credentials=credentials)
    await server.start()
    probed = await _serve_probes(settings, name, health_servicer)
    for each in ["", *names]:
        await health_servicer.set(each, _SERVING)
    _log.info("%s %s serves on %s port %d", name, version("repartee"), settings.host, port)
    running = RunningServer(server, health_servicer, port, settings, on_stopping)
    upkeep = Upkeep(after_failure_seconds=_DAY_SECONDS)
    for each in watched:
        upkeep.start(each.tell, name="looking after TLS certificates", every_seconds=_DAY_SECONDS)
    try:
        yield running
    finally:
        await upkeep.stop()
        await running.stop()
        if probed is not None:
            await probed.stop(None)


def run_service(serve: Coroutine[Any, Any, None]) -> None:
    """Runs a service to its end. What keeps it from starting is said in one sentence, with exit status 1."""
    settings = load_settings(ServiceSettings)
    set_up_logging(settings.log_level, settings.log_format)
    try:
        asyncio.run(serve)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except ReparteeError as error:
        sys.stderr.write(f"{error.message}\n")
        for each in error.violations:
            sys.stderr.write(f"  {each.field}: {each.description}\n")
        raise SystemExit(1) from None


async def _serve_probes(settings: ServiceSettings, name: str, health_servicer: Health) -> grpc.aio.Server | None:
    """Serves health checks on a port of their own, until it is stopped; None where the settings name no port."""
    if not settings.health_port:
        return None
    server = grpc.aio.server(options=server_options(settings, max_receive_bytes=1 << 14))
    cast("Any", health_pb2_grpc).add_HealthServicer_to_server(health_servicer, server)
    listen_for_probes(server, settings, name)
    await server.start()
    return server


def _measure(
    meter: Meter,
    load: Load,
    dependencies: Callable[[], Sequence[DependencyState]],
    certificates: Sequence[CertificateFiles],
) -> None:
    meter.gauge(Measures.IN_FLIGHT, lambda: [((), load.in_flight)])
    meter.gauge(
        Measures.DEPENDENCY_UP, lambda: [((each.name,), float(each.state != "degraded")) for each in dependencies()]
    )
    if certificates:
        meter.gauge(Measures.CERTIFICATE, lambda: [((), min(each.remaining_seconds() for each in certificates))])


def _add_health(server: grpc.aio.Server) -> Health:
    """Adds the asyncio health servicer; the plain one fails behind an asyncio server. Its package is untyped."""
    servicer = cast("Any", health).aio.HealthServicer()
    cast("Any", health_pb2_grpc).add_HealthServicer_to_server(servicer, server)
    return servicer
