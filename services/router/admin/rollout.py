"""RolloutService: the switch between the two systems, for operators."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from libs.common.request_context import current
from repartee.v1 import rollout_pb2, rollout_pb2_grpc
from services.router.adapters.wire import VARIANTS
from services.router.admin.metrics import MetricsMethods
from services.router.admin.rollout_messages import entry_message, names_message, read_wish, state_message
from services.router.admin.scopes import Scopes, Tenants
from services.router.admin.shadow import ShadowMethods
from services.router.judging.judge import Judge
from services.router.rollout import Rollout
from services.router.rollout.plans import Progress
from services.router.rollout.state import RolloutState
from services.router.shadow.pairs import ShadowCounts


class RolloutServicer(MetricsMethods, ShadowMethods, rollout_pb2_grpc.RolloutServiceServicer):
    """Says and changes who gets which system, and how each does. The actor is the credential's subject.

    A call that names a tenant which is not there raises NotFound (TENANT_NOT_FOUND), as far as `tenants` can say. What
    is still kept of one that was deleted can be read.
    """

    def __init__(
        self, rollout: Rollout, *, judge: Judge, shadow_counts: ShadowCounts, tenants: Tenants | None = None
    ) -> None:
        self._rollout = rollout
        self._judge = judge
        self.shadow_counts = shadow_counts
        self.scopes = Scopes(tenants)

    async def GetRollout(self, request: rollout_pb2.GetRolloutRequest, context: Any) -> rollout_pb2.GetRolloutResponse:
        tenant = await self.scopes.existing(request.tenant_id)
        progress = await self._rollout.progress(tenant)
        return rollout_pb2.GetRolloutResponse(state=self._shown(self._rollout.state(tenant), progress))

    async def EnableHybrid(
        self, request: rollout_pb2.EnableHybridRequest, context: Any
    ) -> rollout_pb2.EnableHybridResponse:
        change = await self._rollout.enable(
            await self.scopes.existing(request.tenant_id),
            actor=_actor(),
            reason=request.reason,
            request_id=request.request_id,
            acknowledge=request.acknowledge,
        )
        return rollout_pb2.EnableHybridResponse(state=self._shown(change.state), changed=change.changed)

    async def DisableHybrid(
        self, request: rollout_pb2.DisableHybridRequest, context: Any
    ) -> rollout_pb2.DisableHybridResponse:
        change = await self._rollout.disable(
            await self.scopes.existing(request.tenant_id),
            actor=_actor(),
            reason=request.reason,
            request_id=request.request_id,
            emergency=request.emergency,
        )
        return rollout_pb2.DisableHybridResponse(
            state=self._shown(change.state),
            changed=change.changed,
            propagated_to=change.propagated_to,
            pending=change.pending,
        )

    async def ToggleHybrid(
        self, request: rollout_pb2.ToggleHybridRequest, context: Any
    ) -> rollout_pb2.ToggleHybridResponse:
        change = await self._rollout.toggle(
            await self.scopes.existing(request.tenant_id),
            actor=_actor(),
            reason=request.reason,
            expected_version=request.expected_version,
        )
        return rollout_pb2.ToggleHybridResponse(
            state=self._shown(change.state), last_writer_wins=not request.expected_version
        )

    async def SetRollout(self, request: rollout_pb2.SetRolloutRequest, context: Any) -> rollout_pb2.SetRolloutResponse:
        change = await self._rollout.set_rollout(
            await self.scopes.existing(request.tenant_id),
            read_wish(request),
            actor=_actor(),
            reason=request.reason,
            expected_version=request.expected_version,
        )
        progress = await self._rollout.progress(request.tenant_id)
        return rollout_pb2.SetRolloutResponse(state=self._shown(change.state, progress))

    async def AdvanceRollout(
        self, request: rollout_pb2.AdvanceRolloutRequest, context: Any
    ) -> rollout_pb2.AdvanceRolloutResponse:
        change = await self._rollout.advance(
            await self.scopes.existing(request.tenant_id),
            actor=_actor(),
            reason=request.reason,
            expected_version=request.expected_version,
            force=request.force,
        )
        progress = await self._rollout.progress(request.tenant_id)
        return rollout_pb2.AdvanceRolloutResponse(state=self._shown(change.state, progress))

    async def WatchRollout(
        self, request: rollout_pb2.WatchRolloutRequest, context: Any
    ) -> AsyncIterator[rollout_pb2.WatchRolloutResponse]:
        tenant = await self.scopes.existing(request.tenant_id)
        async with contextlib.aclosing(self._rollout.watch(tenant)) as states:
            async for state in states:
                yield rollout_pb2.WatchRolloutResponse(state=self._shown(state))

    async def ListAudit(self, request: rollout_pb2.ListAuditRequest, context: Any) -> rollout_pb2.ListAuditResponse:
        page = await self._rollout.audit(request.tenant_id, size=request.page_size, token=request.page_token)
        if not page.entries:
            await self.scopes.existing(request.tenant_id)
        return rollout_pb2.ListAuditResponse(
            entries=[entry_message(each) for each in page.entries],
            next_page_token=page.next_token,
            chain_intact=page.is_intact,
        )

    async def ExplainAssignment(
        self, request: rollout_pb2.ExplainAssignmentRequest, context: Any
    ) -> rollout_pb2.ExplainAssignmentResponse:
        tenant = await self.scopes.existing(request.tenant_id)
        assignment = self._rollout.assignment(tenant, conversation_id=request.conversation_id)
        return rollout_pb2.ExplainAssignmentResponse(
            variant=VARIANTS[assignment.variant],
            bucket=assignment.bucket,
            percent=self._rollout.state(tenant).percent,
            decided_by=assignment.decided_by,
            unit_kind=assignment.unit_kind,
            names=names_message(self._judge.names),
        )

    def _shown(self, state: RolloutState, progress: Progress | None = None) -> rollout_pb2.RolloutState:
        return state_message(state, progress or Progress(), names=self._judge.names)


def _actor() -> str:
    return current().principal.subject
