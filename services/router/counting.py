"""Every turn that ends is counted once, by everything that counts: what is known of it, and of whom."""

import time
from collections.abc import Callable, Sequence

from libs.common.request_context import TenantId
from services.router.turn import FlowState, Reply, Rung, Variant
from services.router.turn_record import TurnRecord, TurnRecorder

# An installation that has no model words everything by templates, and that is no event.
_NO_MODEL = "LLM_NOT_CONFIGURED"
# The caller left so little time that no engine could be asked: that says nothing about the engines.
_CALLERS_FAULT = "DEADLINE_TOO_SHORT"
_ESCALATIONS = frozenset({"handoff"})
_UNSURE = "AGENT_UNSURE"


class Counting:
    """Makes the record of a turn and gives it to every recorder. `clock` counts seconds since 1970."""

    def __init__(self, recorders: Sequence[TurnRecorder] = (), *, clock: Callable[[], float] = time.time) -> None:
        self._recorders = recorders
        self._clock = clock

    def served(
        self,
        tenant: TenantId,
        conversation_id: str,
        reply: Reply,
        *,
        before: FlowState,
        share: float | None,
        seconds: float,
    ) -> None:
        """Counts a turn that ended with `reply`; `before` is the state it was asked in, `share` as in TurnRecord."""
        if reply.reasons[:1] == (_CALLERS_FAULT,):
            return
        slot = before.awaiting_slot
        record = TurnRecord(
            tenant=tenant,
            conversation_id=conversation_id,
            turn_id=reply.turn_id,
            assigned=reply.variant,
            rung=reply.rung,
            seconds=seconds,
            at=self._clock(),
            failed=reply.rung in (Rung.OTHER_ENGINE, Rung.EMERGENCY),
            cache_hit=reply.cache.hit,
            template=reply.rung is Rung.TEMPLATE and reply.reasons[:1] != (_NO_MODEL,),
            escalated=reply.action in _ESCALATIONS or _UNSURE in reply.reasons,
            asked_again=bool(slot) and reply.state.awaiting_slot == slot and not reply.cache.hit,
            agent=reply.agent,
            confidence=reply.confidence,
            llm_tier=reply.llm_tier,
            usage=reply.usage,
            awaits=bool(reply.state.awaiting_slot) if slot or reply.state.awaiting_slot else None,
            share=share,
        )
        self._tell(record)

    def failed(
        self,
        tenant: TenantId,
        conversation_id: str,
        turn_id: str,
        *,
        assigned: Variant,
        reason: str,
        share: float | None,
        seconds: float,
    ) -> None:
        """Counts a turn that ended in an error for the caller."""
        if reason == _CALLERS_FAULT:
            return
        self._tell(
            TurnRecord(
                tenant=tenant,
                conversation_id=conversation_id,
                turn_id=turn_id,
                assigned=assigned,
                rung=Rung.EMERGENCY,
                seconds=seconds,
                at=self._clock(),
                failed=True,
                share=share,
            )
        )

    def _tell(self, record: TurnRecord) -> None:
        for recorder in self._recorders:
            recorder.record(record)
