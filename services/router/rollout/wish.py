"""What an operator asks of a rollout, checked before anything is changed."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from libs.common.errors import FieldViolation, InvalidRequest
from services.router.rollout.plans import PLANS
from services.router.rollout.state import Step, SwitchPolicy

OWN_PLAN = "own"
MAX_STEPS = 20
MAX_ALWAYS_HYBRID = 100
MAX_REASON_CHARACTERS = 500

_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")
_ID_TEXT = "expected 1 to 128 of [A-Za-z0-9._:@+-]"
# How far a double may lie beside a thousandth and still be meant as one, in thousandths.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A share, or a plan by name, or own steps; `percent` is ignored beside either. None or empty leaves as it is."""

    percent: float = 0.0
    plan: str = ""
    steps: tuple[Step, ...] = ()
    policy: SwitchPolicy = SwitchPolicy.NEXT_REQUEST
    auto_advance: bool = False
    always_hybrid: Sequence[str] = ()
    shadow_percent: float | None = None
    experiment: str = ""
    acknowledge: bool = False


def checked(wish: Wish) -> Wish:
    """Returns `wish` with its plan's steps and shares in whole thousandths.

    Raises InvalidRequest: UNKNOWN_PLAN, or INVALID_FIELD with every place that is wrong.
    """
    violations: list[FieldViolation] = []
    steps, plan = wish.steps, wish.plan
    if plan and steps:
        violations.append(FieldViolation("steps", "name a plan or give steps, not both"))
    elif plan:
        if plan not in PLANS:
            raise InvalidRequest(
                "UNKNOWN_PLAN",
                f"There is no such plan; choose one of {', '.join(PLANS)}, or give your own steps.",
                violations=[FieldViolation("plan", f"expected one of {', '.join(PLANS)}")],
            )
        steps = PLANS[plan]
    elif steps:
        plan = OWN_PLAN
        if len(steps) > MAX_STEPS:
            violations.append(FieldViolation("steps", f"expected at most {MAX_STEPS} items"))
        steps = tuple(
            replace(each, percent=_share(each.percent, f"steps[{index}].percent", violations))
            for index, each in enumerate(steps)
        )
    percent = steps[0].percent if steps else _share(wish.percent, "percent", violations)
    if wish.auto_advance and not steps:
        violations.append(FieldViolation("auto_advance", "needs a plan, or steps"))
    shadow = wish.shadow_percent
    if shadow is not None:
        shadow = _share(shadow, "shadow_percent", violations)
    if len(wish.always_hybrid) > MAX_ALWAYS_HYBRID:
        violations.append(FieldViolation("always_hybrid", f"expected at most {MAX_ALWAYS_HYBRID} items"))
    violations += [
        FieldViolation(f"always_hybrid[{index}]", _ID_TEXT)
        for index, each in enumerate(wish.always_hybrid[:MAX_ALWAYS_HYBRID])
        if not _ID.fullmatch(each)
    ]
    if wish.experiment and not _ID.fullmatch(wish.experiment):
        violations.append(FieldViolation("experiment", _ID_TEXT))
    if violations:
        places = ", ".join(each.field for each in violations[:5])
        raise InvalidRequest("INVALID_FIELD", f"The rollout stays as it was; look at {places}.", violations=violations)
    return replace(wish, percent=percent, plan=plan, steps=steps, shadow_percent=shadow)


def checked_reason(reason: str) -> str:
    """Returns `reason` without spaces around it; raises InvalidRequest (REQUIRED_FIELD, INVALID_FIELD)."""
    text = reason.strip()
    if not text:
        raise InvalidRequest(
            "REQUIRED_FIELD",
            "Say why: the reason is kept in the audit.",
            violations=[FieldViolation("reason", "required")],
        )
    if len(text) > MAX_REASON_CHARACTERS:
        raise InvalidRequest(
            "INVALID_FIELD",
            "The reason is too long.",
            violations=[FieldViolation("reason", f"expected at most {MAX_REASON_CHARACTERS} characters")],
        )
    return text


def _share(percent: float, field: str, violations: list[FieldViolation]) -> float:
    if not math.isfinite(percent) or not 0 <= percent <= 100:
        violations.append(FieldViolation(field, "expected 0 to 100"))
        return 0.0
    thousandths = round(percent * 1000)
    if abs(percent * 1000 - thousandths) > _TOLERANCE:
        violations.append(FieldViolation(field, "expected at most three decimals"))
    return thousandths / 1000
