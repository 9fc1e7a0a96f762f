"""Plans by name, and how far a state has come in its own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from services.router.rollout.state import RolloutState, Step
from services.router.turn import Variant

_DAY = 86_400
# Below this, a comparison of the two systems says nothing.
_SAMPLES = 100

# A week of measuring classic alone, a week at a tenth, two weeks at a half, then everybody.
PLANS: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {
        "default": (
            Step(0.0, 7 * _DAY, _SAMPLES),
            Step(10.0, 7 * _DAY, _SAMPLES),
            Step(50.0, 14 * _DAY, _SAMPLES),
            Step(100.0),
        ),
        "v1_to_v2": (
            Step(10.0, 7 * _DAY, _SAMPLES),
            Step(50.0, 7 * _DAY, _SAMPLES),
            Step(75.0, 7 * _DAY, _SAMPLES),
            Step(100.0),
        ),
        "fast": (Step(10.0, 2 * _DAY, _SAMPLES), Step(50.0, 7 * _DAY, _SAMPLES), Step(100.0)),
    }
)


class SamplesSince(Protocol):
    """Counts turns."""

    async def __call__(self, tenant: str, since: float) -> Mapping[Variant, int]:
        """Returns the turns of `tenant`, or of all when empty, by variant since `since`, seconds since 1970."""
        ...


async def no_samples(tenant: str, since: float) -> Mapping[Variant, int]:
    """Counts nothing."""
    del tenant, since
    return {}


@dataclass(frozen=True, slots=True)
class Progress:
    """What the current step still lacks: seconds, and turns of the variant that has fewer. Both 0 without a plan."""

    seconds_left: int = 0
    samples_left: int = 0

    @property
    def is_done(self) -> bool:
        """True when the plan may go on."""
        return not self.seconds_left and not self.samples_left


def progress_of(state: RolloutState, samples: Mapping[Variant, int], *, now: float) -> Progress:
    """Returns what the step still lacks; `samples` are turns by variant since it began.

    A variant that gets no traffic at this step is not waited for.
    """
    if not state.steps or state.is_at_last_step:
        return Progress()
    step = state.steps[state.step]
    seconds_left = max(0, math.ceil(state.step_at + step.min_duration_seconds - now))
    arms = [Variant.HYBRID] * (step.percent > 0) + [Variant.CLASSIC] * (step.percent < 100)
    fewest = min(samples.get(arm, 0) for arm in arms)
    return Progress(seconds_left, max(0, step.min_samples_per_arm - fewest))
