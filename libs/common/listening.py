"""What a server listens on, and with which limits."""

import ipaddress

import grpc
import grpc.aio

from libs.common.errors import PreconditionFailed
from libs.common.settings import ServiceSettings

# A stream may last this long; a connection that has reached its age waits for its streams.
MAX_STREAM_SECONDS = 3600.0
# gRPC lets a connection grow this much older than it is told, at most, so that not all are opened anew at once.
_AGE_JITTER = 1.1


def check_listening(settings: ServiceSettings, name: str) -> None:
    """Raises PreconditionFailed (INSECURE_LISTEN) rather than take credentials in the clear from other machines."""
    if is_loopback_host(settings.host) or settings.tls_cert_file is not None or settings.insecure_listen:
        return
    raise PreconditionFailed(
        "INSECURE_LISTEN",
        f"{name} will not listen on {settings.host!r} without TLS: set REPARTEE_TLS_CERT_FILE and "
        "REPARTEE_TLS_KEY_FILE, or REPARTEE_INSECURE_LISTEN=true where the network itself is trusted.",
    )


def is_loopback_host(host: str) -> bool:
    """Says whether only this machine reaches what listens on `host`."""
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def server_options(settings: ServiceSettings, *, max_receive_bytes: int) -> list[tuple[str, int]]:
    """Returns the limits of every server as gRPC's channel arguments."""
    return [
        # Two servers on one port would share its calls in silence.
        ("grpc.so_reuseport", 0),
        # Bounds what one connection can ask for at once, and with it a rapid reset. Far above what a server takes
        # (`max_concurrent_calls`): beyond this one, gRPC's own clients see calls fail without a reason.
        ("grpc.max_concurrent_streams", 1000),
        # Without an age, callers that are content with the replicas they have never learn of new ones.
        ("grpc.max_connection_age_ms", int(settings.max_connection_age_seconds * 1000 / _AGE_JITTER)),
        ("grpc.max_connection_age_grace_ms", int(MAX_STREAM_SECONDS * 1000)),
        # Below the clients' 30 s, or they would be sent away for pinging too often.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_receive_message_length", max_receive_bytes),
    ]


def listen(
    server: grpc.aio.Server, settings: ServiceSettings, name: str, *, credentials: grpc.ServerCredentials | None = None
) -> int:
    """Makes `server` listen, in plaintext without credentials; returns its port. Raises PreconditionFailed."""
    address = _address(settings.host, settings.port)
    try:
        if credentials is not None:
            return server.add_secure_port(address, credentials)
        return server.add_insecure_port(address)
    except RuntimeError:
        raise PreconditionFailed(
            "PORT_TAKEN",
            f"{name} cannot listen on {address}: stop what listens there, or set REPARTEE_PORT to a free port.",
        ) from None


def listen_for_probes(server: grpc.aio.Server, settings: ServiceSettings, name: str) -> None:
    """Makes `server` listen on the health port, always in plaintext. Raises PreconditionFailed (PORT_TAKEN)."""
    host = "127.0.0.1" if settings.host.startswith("unix:") else settings.host
    address = _address(host, settings.health_port)
    try:
        server.add_insecure_port(address)
    except RuntimeError:
        raise PreconditionFailed(
            "PORT_TAKEN",
            f"{name} cannot answer probes on {address}: set REPARTEE_HEALTH_PORT to a free port.",
        ) from None


def _address(host: str, port: int) -> str:
    if host.startswith("unix:"):
        return host
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
