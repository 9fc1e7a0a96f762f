"""A gRPC server as every process runs it: what it listens on, what it serves, how it starts and how it leaves."""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.trace import Tracer

from libs.common.credentials import Authenticator, open_authenticator
from libs.common.errors import PreconditionFailed, ReparteeError
from libs.common.interceptors import incoming
from libs.common.interceptors.admission import Load
from libs.common.logs import set_up_logging
from libs.common.settings import ServiceSettings, load_settings
from repartee.v1 import common_pb2, common_pb2_grpc

_log = logging.getLogger(__name__)

_SERVING = health_pb2.HealthCheckResponse.SERVING
# A stream may last this long; a connection that has reached its age waits for its streams.
_MAX_STREAM_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Registration:
    """One service to serve: its descriptor, the generated function that adds it, and who serves it."""

    service: ServiceDescriptor
    add: Callable[[Any, Any], None]
    servicer: object


@dataclass(frozen=True, slots=True)
class DependencyState:
    """Where one dependency of a process stands; `detail` says what users lose, and never holds a secret."""

    name: str
    state: Literal["up", "degraded", "embedded"]
    detail: str = ""


def _no_dependencies() -> Sequence[DependencyState]:
    return ()


class RunningServer:
    """A server that takes calls. `health` is told more names where a service has parts that come and go."""

    def __init__(
        self, server: grpc.aio.Server, health_servicer: health.aio.HealthServicer, port: int, settings: ServiceSettings
    ) -> None:
        self.port = port
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
    dependencies: Callable[[], Sequence[DependencyState]] = _no_dependencies,
    default_deadline_seconds: float = 8.0,
    max_deadline_seconds: float = 60.0,
    max_receive_bytes: int = 1 << 20,
) -> AsyncIterator[RunningServer]:
    """Serves `registrations` beside health, reflection and StatusService until the block ends, which stops it at once.

    `default_deadline_seconds` holds for unary calls that bring none, `max_deadline_seconds` for those that bring more;
    a stream may last an hour. Raises PreconditionFailed (INSECURE_LISTEN, PORT_TAKEN, TLS_FILES, CREDENTIALS_FILE).
    """
    is_local = is_loopback_host(settings.host)
    if not is_local and settings.tls_cert_file is None and not settings.insecure_listen:
        raise PreconditionFailed(
            "INSECURE_LISTEN",
            f"{name} will not listen on {settings.host!r} without TLS: set REPARTEE_TLS_CERT_FILE and "
            "REPARTEE_TLS_KEY_FILE, or REPARTEE_INSECURE_LISTEN=true where the network itself is trusted.",
        )
    rules = incoming.Rules(
        authenticator=authenticator
        or open_authenticator(credentials_file=settings.credentials_file, allow_dev=is_local),
        load=Load(settings.max_concurrent_calls),
        local_only=is_local,
        tracer=tracer,
        default_deadline=default_deadline_seconds,
        max_deadline=max_deadline_seconds,
        max_stream=_MAX_STREAM_SECONDS,
    )
    server = grpc.aio.server(options=_options(max_receive_bytes))
    status = Registration(
        common_pb2.DESCRIPTOR.services_by_name["StatusService"],
        common_pb2_grpc.add_StatusServiceServicer_to_server,
        _StatusServicer(name, dependencies),
    )
    served = [*registrations, status]
    for each in served:
        incoming.register(rules, each.service, each.add, each.servicer, server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = [each.service.full_name for each in served]
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    port = _listen(server, settings, name)
    await server.start()
    for each in ["", *names]:
        await health_servicer.set(each, _SERVING)
    _log.info("%s %s serves on %s port %d", name, version("repartee"), settings.host, port)
    running = RunningServer(server, health_servicer, port, settings)
    try:
        yield running
    finally:
        await running.stop()


def is_loopback_host(host: str) -> bool:
    """Says whether only this machine reaches what listens on `host`."""
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


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


class _StatusServicer(common_pb2_grpc.StatusServiceServicer):
    """Answers StatusService for the process."""

    def __init__(self, name: str, dependencies: Callable[[], Sequence[DependencyState]]) -> None:
        self._name = name
        self._dependencies = dependencies
        self._ready_at = time.monotonic()

    async def GetStatus(self, request: common_pb2.GetStatusRequest, context: object) -> common_pb2.GetStatusResponse:
        states = self._dependencies()
        return common_pb2.GetStatusResponse(
            service=self._name,
            version=version("repartee"),
            degraded=any(each.state == "degraded" for each in states),
            dependencies=[
                common_pb2.Dependency(
                    name=each.name,
                    state=common_pb2.Dependency.State.Value(f"STATE_{each.state.upper()}"),
                    detail=each.detail,
                )
                for each in states
            ],
            uptime_seconds=time.monotonic() - self._ready_at,
        )


def _options(max_receive_bytes: int) -> list[tuple[str, int]]:
    return [
        # Two servers on one port would share its calls in silence.
        ("grpc.so_reuseport", 0),
        # Bounds what one connection can ask for at once, and with it a rapid reset.
        ("grpc.max_concurrent_streams", 100),
        # gRPC adds 10 % of jitter. Without an age, clients never learn of new replicas.
        ("grpc.max_connection_age_ms", 60_000),
        ("grpc.max_connection_age_grace_ms", int(_MAX_STREAM_SECONDS * 1000)),
        # Below the clients' 30 s, or they would be sent away for pinging too often.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_receive_message_length", max_receive_bytes),
    ]


def _listen(server: grpc.aio.Server, settings: ServiceSettings, name: str) -> int:
    host = settings.host
    if host.startswith("unix:"):
        address = host
    else:
        address = f"[{host}]:{settings.port}" if ":" in host and not host.startswith("[") else f"{host}:{settings.port}"
    credentials = _server_credentials(settings)
    try:
        if credentials is not None:
            return server.add_secure_port(address, credentials)
        return server.add_insecure_port(address)
    except RuntimeError:
        raise PreconditionFailed(
            "PORT_TAKEN",
            f"{name} cannot listen on {address}: stop what listens there, or set REPARTEE_PORT to a free port.",
        ) from None


def _server_credentials(settings: ServiceSettings) -> grpc.ServerCredentials | None:
    cert, key, ca = settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise PreconditionFailed("TLS_FILES", "Set both REPARTEE_TLS_CERT_FILE and REPARTEE_TLS_KEY_FILE, or neither.")
    try:
        roots = ca.read_bytes() if ca is not None else None
        return grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())], roots, ca is not None)
    except OSError as error:
        raise PreconditionFailed(
            "TLS_FILES", f"A TLS file cannot be read ({type(error).__name__}): {error.filename!r}."
        ) from None
