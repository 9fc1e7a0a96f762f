"""RolloutService: the switch between the two systems, for operators."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

from typing import Any

from repartee.v1 import rollout_pb2, rollout_pb2_grpc
from services.router.adapters.wire import VARIANTS
from services.router.rollout import Rollout


class RolloutServicer(rollout_pb2_grpc.RolloutServiceServicer):
    """Says who gets which system. Changing it, comparing and the audit are not served yet."""

    def __init__(self, rollout: Rollout) -> None:
        self._rollout = rollout

    async def GetRollout(self, request: rollout_pb2.GetRolloutRequest, context: Any) -> rollout_pb2.GetRolloutResponse:
        rollout = self._rollout
        return rollout_pb2.GetRolloutResponse(
            state=rollout_pb2.RolloutState(
                tenant_id=request.tenant_id,
                hybrid_enabled=rollout.hybrid_enabled,
                percent=rollout.percent,
                version=rollout.version,
                source=rollout.source,
                switch_policy=rollout_pb2.SWITCH_POLICY_NEXT_REQUEST,
            )
        )

    async def ExplainAssignment(
        self, request: rollout_pb2.ExplainAssignmentRequest, context: Any
    ) -> rollout_pb2.ExplainAssignmentResponse:
        assignment = self._rollout.assignment(request.tenant_id, request.conversation_id)
        return rollout_pb2.ExplainAssignmentResponse(
            variant=VARIANTS[assignment.variant],
            bucket=assignment.bucket,
            percent=self._rollout.percent,
            decided_by=assignment.decided_by,
        )
