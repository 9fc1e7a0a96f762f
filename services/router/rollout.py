"""The share of conversations that hybrid gets, and which source has said so."""

from dataclasses import dataclass

from libs.common.errors import InvalidRequest
from services.router.assignment import Assignment, assign

SWITCH = "USE_HYBRID_BOTLIVE"

# One experiment, one salt: another salt deals every conversation anew.
EXPERIMENT_SALT = "hybrid-botlive-1"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Rollout:
    """The rollout in force: `percent` 0 to 100 for hybrid; `source` is `environment` or `default`."""

    percent: float
    source: str
    version: int = 1
    salt: str = EXPERIMENT_SALT

    @property
    def hybrid_enabled(self) -> bool:
        """True when hybrid gets any traffic."""
        return self.percent > 0

    def assignment(self, tenant: str, conversation_id: str) -> Assignment:
        """Returns what the next turn of a conversation gets."""
        return assign(self.percent, salt=self.salt, tenant=tenant, unit=conversation_id, source=self.source)


def read_switch(text: str) -> bool | None:
    """Returns what USE_HYBRID_BOTLIVE says, None when it is empty.

    Raises InvalidRequest (INVALID_SETTING) for any other word: a typing mistake must not silently choose a system.
    """
    word = text.strip().lower()
    if not word:
        return None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidRequest(
        "INVALID_SETTING",
        f"{SWITCH} is {text!r}; write true or false (1, 0, yes, no, on and off are understood too).",
    )


def rollout_from(switch_text: str, *, percent: float) -> Rollout:
    """Returns the rollout that the switch asks for; classic for everybody when it says nothing.

    `percent` is the share that hybrid gets once it is switched on. Raises InvalidRequest (INVALID_SETTING).
    """
    switch = read_switch(switch_text)
    if switch is None:
        return Rollout(0.0, "default")
    return Rollout(percent if switch else 0.0, "environment")
