"""Where a rollout stands, as far as judging needs it, and which turns were dealt by its share."""

from typing import Protocol


class Standing(Protocol):
    """The part of a rollout's state that metrics need."""

    @property
    def percent(self) -> float:
        """Hybrid's share, 0 to 100."""
        ...

    @property
    def hybrid_enabled(self) -> bool:
        """True when hybrid gets any traffic."""
        ...

    @property
    def step_at(self) -> float:
        """When the current step began, in seconds since 1970; 0 when there was none."""
        ...

    @property
    def needs_acknowledgement(self) -> bool:
        """True after an automatic rollback until a person acknowledges it."""
        ...


# Rules that give a variant whatever the share.
_NOT_DEALT = frozenset({"kill_switch", "forced", "always_hybrid"})


def dealt_share(decided_by: str, standing: Standing, *, pinned_at: float = 0.0) -> float | None:
    """Returns the share, 0 to 1, by which an assignment was dealt; None for one that chance had no part in.

    A pin counts as dealt while the step lasts in which the conversation began (`pinned_at`, seconds since 1970): an
    older one was dealt by another share, and would look as if hybrid got more, or less, than it should.
    """
    if decided_by in _NOT_DEALT or (decided_by == "pin" and pinned_at < standing.step_at):
        return None
    return standing.percent / 100
