"""A RolloutService and a TenantService that keep everything in memory, for tests of what operators use."""

# ruff: noqa: N802 - names are the generated stub's

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from libs.common.errors import Conflict, PreconditionFailed
from libs.common.server import Registration, running_server
from libs.common.settings import ServiceSettings
from repartee.v1 import rollout_pb2, rollout_pb2_grpc, router_pb2, tenants_pb2, tenants_pb2_grpc


class FakeRollout(rollout_pb2_grpc.RolloutServiceServicer):
    """One state for everybody; every request is kept in `requests`."""

    def __init__(self) -> None:
        self.state = rollout_pb2.RolloutState(version=1, source="default")
        self.metrics = rollout_pb2.GetMetricsResponse(
            hybrid_enabled=True,
            old_system=rollout_pb2.SystemMetrics(count=150, errors=12, avg_time=2.3),
            hybrid_system=rollout_pb2.SystemMetrics(count=200, errors=3, avg_time=0.8),
            comparison=rollout_pb2.Comparison(
                old_error_rate="8.0%", hybrid_error_rate="1.5%", time_improvement="+65.2%", recommendation="hybrid"
            ),
        )
        self.shadow = rollout_pb2.GetShadowReportResponse()
        self.chain_intact = True
        self.audit: list[rollout_pb2.AuditEntry] = []
        self.requests: list[Any] = []
        self.watchers: list[asyncio.Queue[rollout_pb2.RolloutState]] = []

    def change(self, percent: float, request: Any, action: str) -> bool:
        """Sets the share as an RPC would."""
        self.requests.append(request)
        changed = self.state.percent != percent
        self.state.percent, self.state.hybrid_enabled = percent, percent > 0
        self.state.version += 1
        self.state.source, self.state.actor, self.state.reason = "api", "dev-operator", request.reason
        self.audit.insert(
            0,
            rollout_pb2.AuditEntry(
                sequence=len(self.audit) + 1, actor="dev-operator", action=action, reason=request.reason
            ),
        )
        for watcher in self.watchers:
            watcher.put_nowait(rollout_pb2.RolloutState.FromString(self.state.SerializeToString()))
        return changed

    async def GetRollout(self, request: Any, context: Any) -> Any:
        return rollout_pb2.GetRolloutResponse(state=self.state)

    async def EnableHybrid(self, request: Any, context: Any) -> Any:
        if self.state.needs_acknowledgement and not request.acknowledge:
            raise PreconditionFailed("NEEDS_ACKNOWLEDGEMENT", "The guard rolled back; say that you looked into it.")
        return rollout_pb2.EnableHybridResponse(changed=self.change(100, request, "EnableHybrid"), state=self.state)

    async def DisableHybrid(self, request: Any, context: Any) -> Any:
        changed = self.change(0, request, "DisableHybrid")
        return rollout_pb2.DisableHybridResponse(
            changed=changed, state=self.state, propagated_to=["router-2"], pending=["redis"]
        )

    async def ToggleHybrid(self, request: Any, context: Any) -> Any:
        if request.expected_version and request.expected_version != self.state.version:
            raise Conflict("VERSION_MISMATCH", "Somebody changed it first; look again.")
        self.change(0 if self.state.hybrid_enabled else 100, request, "ToggleHybrid")
        return rollout_pb2.ToggleHybridResponse(state=self.state, last_writer_wins=not request.expected_version)

    async def SetRollout(self, request: Any, context: Any) -> Any:
        self.change(request.percent, request, "SetRollout")
        self.state.plan = request.plan
        return rollout_pb2.SetRolloutResponse(state=self.state)

    async def AdvanceRollout(self, request: Any, context: Any) -> Any:
        if not self.state.plan:
            raise PreconditionFailed("NO_PLAN", "No plan is followed there.")
        self.change(50, request, "AdvanceRollout")
        return rollout_pb2.AdvanceRolloutResponse(state=self.state)

    async def WatchRollout(self, request: Any, context: Any) -> AsyncIterator[Any]:
        queue: asyncio.Queue[rollout_pb2.RolloutState] = asyncio.Queue()
        self.watchers.append(queue)
        try:
            yield rollout_pb2.WatchRolloutResponse(state=self.state)
            while True:
                yield rollout_pb2.WatchRolloutResponse(state=await queue.get())
        finally:
            self.watchers.remove(queue)

    async def GetMetrics(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return self.metrics

    async def ListAudit(self, request: Any, context: Any) -> Any:
        return rollout_pb2.ListAuditResponse(entries=self.audit[: request.page_size], chain_intact=self.chain_intact)

    async def GetShadowReport(self, request: Any, context: Any) -> Any:
        return self.shadow

    async def ExplainAssignment(self, request: Any, context: Any) -> Any:
        return rollout_pb2.ExplainAssignmentResponse(
            variant=router_pb2.VARIANT_HYBRID, bucket=7, percent=12.5, decided_by="api", unit_kind="conversation"
        )


class FakeTenants(tenants_pb2_grpc.TenantServiceServicer):
    """One tenant with a bundle; single changes are kept in `templates`."""

    def __init__(self, bundle_yaml: str) -> None:
        self.bundle_yaml = bundle_yaml
        self.templates: dict[str, str] = {}

    async def GetTenant(self, request: Any, context: Any) -> Any:
        tenant = tenants_pb2.Tenant(tenant_id=request.tenant_id, bundle_yaml=self.bundle_yaml)
        return tenants_pb2.GetTenantResponse(tenant=tenant)

    async def SetTemplate(self, request: Any, context: Any) -> Any:
        self.templates[request.action] = request.text
        return tenants_pb2.SetTemplateResponse(version=2)


@asynccontextmanager
async def serving_operators(rollout: FakeRollout, tenants: FakeTenants | None = None) -> AsyncIterator[int]:
    """Serves both on one port, and yields it."""
    registrations = [
        Registration(
            rollout_pb2.DESCRIPTOR.services_by_name["RolloutService"],
            rollout_pb2_grpc.add_RolloutServiceServicer_to_server,
            rollout,
        )
    ]
    if tenants is not None:
        registrations.append(
            Registration(
                tenants_pb2.DESCRIPTOR.services_by_name["TenantService"],
                tenants_pb2_grpc.add_TenantServiceServicer_to_server,
                tenants,
            )
        )
    async with running_server(ServiceSettings(port=0), name="router", registrations=registrations) as server:
        yield server.port
