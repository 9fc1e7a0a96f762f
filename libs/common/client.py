"""The switch between the two systems for programs: `get_router()`, and the same for asyncio.

    router = get_router()
    router.enable_hybrid()
    if router.get_metrics()["comparison"]["recommendation"] == "old":
        router.disable_hybrid()

Everything goes through RolloutService, so it is audited and reaches every replica. Each method raises RemoteError, with
the reason that the service named.
"""

import os
from typing import Any, Self, cast

import grpc
import grpc.aio

from libs.common.channel import ClientTls
from libs.common.status import from_rpc_error
from repartee.v1 import rollout_pb2, rollout_pb2_grpc

DEFAULT_TARGET = "127.0.0.1:50051"
TIMEOUT_SECONDS = 5.0
_REASON = "asked for by a program"

Metadata = tuple[tuple[str, str], ...]


def get_router(
    target: str | None = None, token: str | None = None, *, tenant: str = "", tls: ClientTls | None = None
) -> "Router":
    """Returns the switch of the router at `target`, for one tenant or, without one, for all.

    `target` is `host:port`, else REPARTEE_ROUTER_TARGET, else 127.0.0.1:50051. `token` is an operator's, else
    REPARTEE_TOKEN, else the one that a development stack takes. Nothing is called yet.
    """
    return Router(open_blocking(target, tls), operator_metadata(token), tenant)


def get_async_router(
    target: str | None = None, token: str | None = None, *, tenant: str = "", tls: ClientTls | None = None
) -> "AsyncRouter":
    """As `get_router`, for asyncio; needs a running loop."""
    address, credentials = _target(target), tls.credentials() if tls else None
    channel = grpc.aio.secure_channel(address, credentials) if credentials else grpc.aio.insecure_channel(address)
    return AsyncRouter(channel, operator_metadata(token), tenant)


class Router:
    """The switch, blocking. Close it, or use it with `with`."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata, tenant: str) -> None:
        self._channel = channel
        self._stub = rollout_pb2_grpc.RolloutServiceStub(channel)
        self._metadata = metadata
        self._tenant = tenant

    def enable_hybrid(self, *, reason: str = _REASON, acknowledge: bool = False) -> bool:
        """Gives hybrid all traffic; returns False when it had it. `acknowledge` lifts an automatic rollback."""
        return self._call(self._stub.EnableHybrid, _enable(self._tenant, reason, acknowledge)).changed

    def disable_hybrid(self, *, reason: str = _REASON, emergency: bool = False) -> bool:
        """Gives classic all traffic; returns False when it had it. `emergency` ignores pinned conversations too."""
        return self._call(self._stub.DisableHybrid, _disable(self._tenant, reason, emergency)).changed

    def toggle(self, *, reason: str = _REASON, expected_version: int = 0) -> bool:
        """Flips the switch; returns whether hybrid gets traffic now. With a version, only if it is still that one."""
        response = self._call(self._stub.ToggleHybrid, _toggle(self._tenant, reason, expected_version))
        return response.state.hybrid_enabled

    def is_hybrid_enabled(self) -> bool:
        """Returns whether hybrid gets any traffic."""
        request = rollout_pb2.GetRolloutRequest(tenant_id=self._tenant)
        return self._call(self._stub.GetRollout, request).state.hybrid_enabled

    def get_metrics(self, window: str = "") -> dict[str, Any]:
        """Returns `hybrid_enabled`, `old_system`, `hybrid_system` (`count`, `errors`, `avg_time` in seconds) and
        `comparison`; `window` is `1h`, `24h`, `7d` or `step`, 24 hours when empty.
        """
        request = rollout_pb2.GetMetricsRequest(tenant_id=self._tenant, window=window)
        return metrics_dict(self._call(self._stub.GetMetrics, request))

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, method: Any, request: Any) -> Any:
        return call_blocking(method, request, self._metadata)


class AsyncRouter:
    """The switch for asyncio, with the methods of `Router`. Close it, or use it with `async with`."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata, tenant: str) -> None:
        self._channel = channel
        self._stub = rollout_pb2_grpc.RolloutServiceStub(channel)
        self._metadata = metadata
        self._tenant = tenant

    async def enable_hybrid(self, *, reason: str = _REASON, acknowledge: bool = False) -> bool:
        """As `Router.enable_hybrid`."""
        return (await self._call(self._stub.EnableHybrid, _enable(self._tenant, reason, acknowledge))).changed

    async def disable_hybrid(self, *, reason: str = _REASON, emergency: bool = False) -> bool:
        """As `Router.disable_hybrid`."""
        return (await self._call(self._stub.DisableHybrid, _disable(self._tenant, reason, emergency))).changed

    async def toggle(self, *, reason: str = _REASON, expected_version: int = 0) -> bool:
        """As `Router.toggle`."""
        response = await self._call(self._stub.ToggleHybrid, _toggle(self._tenant, reason, expected_version))
        return response.state.hybrid_enabled

    async def is_hybrid_enabled(self) -> bool:
        """As `Router.is_hybrid_enabled`."""
        request = rollout_pb2.GetRolloutRequest(tenant_id=self._tenant)
        return (await self._call(self._stub.GetRollout, request)).state.hybrid_enabled

    async def get_metrics(self, window: str = "") -> dict[str, Any]:
        """As `Router.get_metrics`."""
        request = rollout_pb2.GetMetricsRequest(tenant_id=self._tenant, window=window)
        return metrics_dict(await self._call(self._stub.GetMetrics, request))

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as failure:
            raise from_rpc_error(failure) from failure


def metrics_dict(response: rollout_pb2.GetMetricsResponse) -> dict[str, Any]:
    """Returns the comparison in the shape that operators know, every key present."""
    old, hybrid, comparison = response.old_system, response.hybrid_system, response.comparison
    return {
        "hybrid_enabled": response.hybrid_enabled,
        "old_system": {"count": old.count, "errors": old.errors, "avg_time": old.avg_time},
        "hybrid_system": {"count": hybrid.count, "errors": hybrid.errors, "avg_time": hybrid.avg_time},
        "comparison": {
            "old_error_rate": comparison.old_error_rate,
            "hybrid_error_rate": comparison.hybrid_error_rate,
            "time_improvement": comparison.time_improvement,
            "recommendation": comparison.recommendation,
        },
    }


def _enable(tenant: str, reason: str, acknowledge: bool) -> rollout_pb2.EnableHybridRequest:
    return rollout_pb2.EnableHybridRequest(tenant_id=tenant, reason=reason, acknowledge=acknowledge)


def _disable(tenant: str, reason: str, emergency: bool) -> rollout_pb2.DisableHybridRequest:
    return rollout_pb2.DisableHybridRequest(tenant_id=tenant, reason=reason, emergency=emergency)


def _toggle(tenant: str, reason: str, expected_version: int) -> rollout_pb2.ToggleHybridRequest:
    return rollout_pb2.ToggleHybridRequest(tenant_id=tenant, reason=reason, expected_version=expected_version)


def call_blocking(method: Any, request: Any, metadata: Metadata, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Any:
    """Returns the response; raises RemoteError."""
    try:
        return method(request, metadata=metadata, timeout=timeout_seconds)
    except grpc.RpcError as failure:
        # A blocking call's error has the same methods as an asyncio one's.
        raise from_rpc_error(cast(grpc.aio.AioRpcError, failure)) from failure


def open_blocking(target: str | None, tls: ClientTls | None) -> grpc.Channel:
    """Returns a blocking channel to the router; arguments as for `get_router`."""
    address = _target(target)
    return grpc.secure_channel(address, tls.credentials()) if tls else grpc.insecure_channel(address)


def _target(target: str | None) -> str:
    return target or os.environ.get("REPARTEE_ROUTER_TARGET") or DEFAULT_TARGET


def operator_metadata(token: str | None) -> Metadata:
    """Returns the metadata that carries an operator's credential."""
    return (("authorization", f"Bearer {token or os.environ.get('REPARTEE_TOKEN') or 'dev-operator'}"),)
