"""How the switch, its guard and the outbox stand, as metrics that are read from them."""

from libs.common.measures import Measures
from libs.common.metrics import Meter
from services.router.adapters.open_conversations import OpenConversations
from services.router.adapters.open_rollout import OpenRollout
from services.router.judging.guarding import CAUSES, RISKS


def show_rollout(meter: Meter, opened: OpenRollout) -> None:
    """Lets `meter` read the state of all tenants together, and what the guard makes of it."""
    rollout, guard = opened.rollout, opened.guard
    meter.gauge(Measures.HYBRID_PERCENT, lambda: [((), rollout.state().percent)])
    meter.gauge(Measures.SWITCH_WAITING, lambda: [((), rollout.waiting)])
    meter.gauge(Measures.UNACKNOWLEDGED, lambda: [((), float(rollout.state().needs_acknowledgement))])
    meter.gauge(Measures.EVIDENCE, lambda: [((name,), value) for name, value in guard.evidence.items()])
    meter.gauge(Measures.EVIDENCE_LIMIT, lambda: [((name,), 1.0 / risk) for name, risk in RISKS.items()])
    # From 0 on: the first rollback of a series that only begins with it is no increase to Prometheus.
    for name in CAUSES:
        for scope in ("tenant", "all"):
            guard.rollbacks.setdefault((name, scope), 0)
    meter.total(Measures.ROLLBACKS, guard.rollbacks.items)


def show_outbox(meter: Meter, kept: OpenConversations) -> None:
    """Lets `meter` read how many turns wait for the store of conversations, where there is one."""
    if (steady := kept.steady) is not None:
        meter.gauge(Measures.OUTBOX_WAITING, lambda: [((), steady.waiting)])
        meter.total(Measures.OUTBOX_LOST, lambda: [((), steady.lost)])
