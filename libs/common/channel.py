"""Channels to other services: balanced, health-checked, kept alive, and retried only where a retry is harmless."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from opentelemetry.trace import Tracer

from libs.common.certificate_files import CertificateFiles
from libs.common.certificates import PemPaths
from libs.common.interceptors.outgoing import CallingChannel
from libs.common.metrics import Meter
from libs.common.renewed_channel import RenewedChannel
from libs.common.settings import ServiceSettings

_MAX_RECEIVE_BYTES = 16 * 1024 * 1024
# A replica that dies takes along as many calls as it takes at once. They are no sign of overload: each is sent again.
_LOST_WITH_ONE_REPLICA = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """How a client knows the server and, with a certificate of its own, shows itself. PEM files."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, settings: ServiceSettings) -> "ClientTls | None":
        """Returns how the process of `settings` calls others; None for plaintext."""
        if settings.upstream_ca_file is None:
            return None
        return cls(ca_file=settings.upstream_ca_file, cert_file=settings.tls_cert_file, key_file=settings.tls_key_file)

    def paths(self) -> PemPaths:
        """Returns the files by the settings that name them."""
        return PemPaths(
            cert=self.cert_file,
            key=self.key_file,
            roots=self.ca_file,
            roots_variable="REPARTEE_UPSTREAM_CA_FILE",
        )

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files and returns channel credentials; the system's roots where no CA is named."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca_file.read_bytes() if self.ca_file else None,
            private_key=self.key_file.read_bytes() if self.key_file else None,
            certificate_chain=self.cert_file.read_bytes() if self.cert_file else None,
        )


def open_channel(
    target: str,
    *,
    services: Sequence[ServiceDescriptor],
    name: str = "repartee",
    tls: ClientTls | None = None,
    tracer: Tracer | None = None,
    meter: Meter | None = None,
    authorization: str | None = None,
) -> grpc.aio.Channel:
    """Returns a channel to `target` (`host:port`, `dns:///…` or `unix:…`) for stubs of `services`.

    Each call carries the credential and request id of the call being served (or `authorization`), a trace, and a
    timeout of at most what is left of the deadline. `name` is the caller's name in the user agent. Close the channel,
    or use it with `async with`; one per target and process. Files of `tls` that change are taken while it is open.

    Raises PreconditionFailed (TLS_FILES) for files of `tls` that are wrong.
    """
    options = [
        ("grpc.service_config", json.dumps(service_config(services))),
        ("grpc.primary_user_agent", name),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.use_local_subchannel_pool", 1),
        # gRPC's own 30 s are longer than a rolling restart takes: all replicas that a caller knows may be gone by then.
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ]
    inner = (
        grpc.aio.insecure_channel(target, options=options)
        if tls is None
        else RenewedChannel(
            CertificateFiles(tls.paths(), name=f"calls to {target}"),
            lambda credentials: grpc.aio.secure_channel(target, credentials, options=options),
        )
    )
    return CallingChannel(inner, authorization=authorization, tracer=tracer, meter=meter)


def service_config(services: Sequence[ServiceDescriptor]) -> dict[str, Any]:
    """Returns gRPC's service config: round robin, health checks by the first service's name, retries of UNAVAILABLE.

    Only methods whose proto calls them idempotent are retried, twice at most, and not when every second call fails
    for longer than one replica can be the cause.
    """
    idempotent = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
        and not (method.client_streaming or method.server_streaming)
    ]
    retry = {
        "maxAttempts": 3,
        "initialBackoff": "0.05s",
        "maxBackoff": "0.5s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        # Retries end when half of the tokens are gone; a failure takes one, two successes bring one back.
        "retryThrottling": {"maxTokens": 2 * _LOST_WITH_ONE_REPLICA, "tokenRatio": 0.5},
    }
    if idempotent:
        config["methodConfig"] = [{"name": idempotent, "retryPolicy": retry}]
    if services:
        config["healthCheckConfig"] = {"serviceName": services[0].full_name}
    return config
