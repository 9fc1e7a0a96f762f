"""A rollout to be judged: turns made to order, a state that tests set, and a switch that only one caller can turn."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from libs.common.request_context import TenantId
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.adapters.redis_metrics import RedisMetrics
from services.router.judging.guarding import Guard
from services.router.judging.judge import Judge
from services.router.judging.recording import MetricsRecorder
from services.router.judging.slow_turns import SlowTurns
from services.router.turn import Rung, Variant
from services.router.turn_record import TurnRecord
from services.router.variant_names import KNOWN_NAMES, VariantNames

SHOP = TenantId("shop")
# In the middle of an hour and of a minute.
NOON = 1_800_000_000.0 + 1_830.0


@dataclass(frozen=True)
class State:
    percent: float = 50.0
    step_at: float = NOON - 600.0
    needs_acknowledgement: bool = False

    @property
    def hybrid_enabled(self) -> bool:
        return self.percent > 0


@dataclass
class World:
    """One store, one switch, and as many replicas as a test makes."""

    store: MemoryMetrics | RedisMetrics
    now: float = NOON
    states: dict[str, State] = field(default_factory=lambda: {"": State()})
    rollbacks: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)
    audit: list[tuple[str, str, str, str]] = field(default_factory=list)

    def standing(self, tenant: str) -> State:
        return self.states.get(tenant) or self.states[""]

    def share(self, turn: TurnRecord) -> float | None:
        return self.standing(turn.tenant).percent / 100

    async def roll_back(self, tenant: str, *, reason: str, evidence: Mapping[str, object]) -> bool:
        state = self.standing(tenant)
        if state.percent == 0:
            return False
        self.states[tenant] = replace(state, percent=0.0, needs_acknowledgement=True)
        self.rollbacks.append((tenant, reason, evidence))
        return True

    async def note(self, tenant: str, *, actor: str, action: str, reason: str) -> None:
        self.audit.append((tenant, actor, action, reason))

    def recorder(self, name: str = "r1", **options: int) -> MetricsRecorder:
        return MetricsRecorder(
            self.store,
            recorder_id=name,
            standing=self.standing,
            share=self.share,
            slow_turns=SlowTurns(self.store, clock=lambda: self.now),
            **options,
        )

    def guard(self, names: VariantNames = KNOWN_NAMES) -> Guard:
        return Guard(self.store, self.store, self, standing=self.standing, names=names, clock=lambda: self.now)

    def judge(self, names: VariantNames = KNOWN_NAMES) -> Judge:
        return Judge(self.store, standing=self.standing, note=self.note, names=names, clock=lambda: self.now)


def turn(
    conversation: str,
    assigned: Variant = Variant.HYBRID,
    *,
    tenant: TenantId = SHOP,
    at: float = NOON,
    seconds: float = 1.0,
    rung: Rung = Rung.ASSIGNED,
    **more: bool,
) -> TurnRecord:
    return TurnRecord(
        tenant=tenant,
        conversation_id=conversation,
        turn_id=f"{conversation}-t",
        assigned=assigned,
        rung=rung,
        seconds=seconds,
        at=at,
        **more,
    )


def record_example(recorder: MetricsRecorder, *, at: float = NOON) -> None:
    """Records 150 turns of classic, 12 failed, 2.3 s each, and 200 of hybrid, 3 failed, 0.8 s each."""
    for number in range(150):
        recorder.record(
            turn(f"o{number}", Variant.CLASSIC, seconds=2.3, failed=number % 13 == 0 and number < 156, at=at)
        )
    for number in range(200):
        recorder.record(turn(f"h{number}", Variant.HYBRID, seconds=0.8, failed=number in (40, 90, 140), at=at))
