"""The rollout as a process begins it, from its settings."""

from pathlib import Path

from services.router.rollout.live import Rollout
from services.router.rollout.plans import SamplesSince, no_samples
from services.router.rollout.store import RolloutStore
from services.router.rollout.switch_file import SwitchFile
from services.router.rollout.switch_word import read_switch


def rollout_from(
    switch_text: str,
    *,
    percent: float,
    file: Path | None = None,
    store: RolloutStore | None = None,
    samples: SamplesSince = no_samples,
    replica: str = "router",
) -> Rollout:
    """Returns the rollout that the switch asks for; classic for everybody when it says nothing.

    `percent` is the share that hybrid gets once it is switched on by the variable or by `file`. Raises InvalidRequest
    (INVALID_SETTING).
    """
    switch = read_switch(switch_text)
    return Rollout(
        percent if switch else 0.0,
        "default" if switch is None else "environment",
        share=percent,
        store=store,
        file=SwitchFile(file) if file else None,
        samples=samples,
        replica=replica,
    )
