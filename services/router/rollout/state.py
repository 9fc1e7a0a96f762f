"""The state of a rollout: who gets hybrid, under which plan, by whose word; and its one spelling as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

# A scope that nobody has changed yet is at this version, so that the first change can be compared with something.
FIRST_VERSION = 1
# One experiment, one salt of the hash: another name deals every conversation anew.
FIRST_EXPERIMENT = "hybrid-botlive-1"
# The scope of the state that holds for all tenants.
EVERYBODY = ""


class SwitchPolicy(Enum):
    """What happens to running conversations when the rollout changes under them."""

    NEXT_REQUEST = "next_request"
    PIN_CONVERSATION = "pin_conversation"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: the share for hybrid, 0 to 100, and what has to be seen before the next one."""

    percent: float
    min_duration_seconds: int = 0
    min_samples_per_arm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """Who gets hybrid. Times are seconds since 1970, shares 0 to 100.

    `tenant` is empty for the state that holds for all. `source` is `kill_switch`, `api`, `file`, `environment` or
    `default`. `stopped` says that hybrid was switched off, and not merely given a share of nothing: then nobody's id is
    let through, and where it holds for all, no tenant's own share counts.
    """

    tenant: str = EVERYBODY
    percent: float = 0.0
    version: int = FIRST_VERSION
    source: str = "default"
    policy: SwitchPolicy = SwitchPolicy.NEXT_REQUEST
    plan: str = ""
    steps: tuple[Step, ...] = ()
    step: int = 0
    step_at: float = 0.0
    updated_at: float = 0.0
    actor: str = ""
    reason: str = ""
    stopped: bool = False
    needs_acknowledgement: bool = False
    emergency: bool = False
    auto_advance: bool = False
    always_hybrid: frozenset[str] = frozenset()
    shadow_percent: float = 0.0
    experiment: str = FIRST_EXPERIMENT

    @property
    def hybrid_enabled(self) -> bool:
        """True when hybrid gets any traffic."""
        return self.percent > 0 or (bool(self.always_hybrid) and not self.stopped)

    @property
    def is_at_last_step(self) -> bool:
        """True when no step of a plan is left."""
        return self.step >= len(self.steps) - 1

    def to_fields(self) -> dict[str, Any]:
        """Returns the state as plain values for JSON."""
        return {
            "tenant": self.tenant,
            "percent": self.percent,
            "version": self.version,
            "source": self.source,
            "policy": self.policy.value,
            "plan": self.plan,
            "steps": [[each.percent, each.min_duration_seconds, each.min_samples_per_arm] for each in self.steps],
            "step": self.step,
            "step_at": self.step_at,
            "updated_at": self.updated_at,
            "actor": self.actor,
            "reason": self.reason,
            "stopped": self.stopped,
            "needs_acknowledgement": self.needs_acknowledgement,
            "emergency": self.emergency,
            "auto_advance": self.auto_advance,
            "always_hybrid": sorted(self.always_hybrid),
            "shadow_percent": self.shadow_percent,
            "experiment": self.experiment,
        }

    def to_json(self) -> str:
        """Returns the state's canonical JSON: equal states have equal texts."""
        return canonical_json(self.to_fields())

    @classmethod
    def from_json(cls, text: str) -> "RolloutState":
        """Returns the state that `to_json` wrote; raises ValueError for anything else. Passes over unknown names."""
        try:
            fields = cast("dict[str, Any]", json.loads(text))
            known = {name: fields[name] for name in _PLAIN}
            return cls(
                **known,
                policy=SwitchPolicy(fields["policy"]),
                steps=tuple(Step(*each) for each in fields["steps"]),
                always_hybrid=frozenset(fields["always_hybrid"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("not the state of a rollout") from error


_PLAIN = (
    *("tenant", "percent", "version", "source", "plan", "step", "step_at", "updated_at", "actor", "reason", "stopped"),
    *("needs_acknowledgement", "emergency", "auto_advance", "shadow_percent", "experiment"),
)


def canonical_json(fields: Mapping[str, Any]) -> str:
    """Returns JSON with sorted names and no spaces; raises ValueError for NaN and infinities."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
