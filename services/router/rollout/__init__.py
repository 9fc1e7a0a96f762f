"""The switch between the two systems: who gets which, by whose word, and what was changed."""

from services.router.rollout.live import Rollout
from services.router.rollout.plans import SamplesSince
from services.router.rollout.propagation import Change
from services.router.rollout.start import rollout_from
from services.router.rollout.state import RolloutState, Step, SwitchPolicy
from services.router.rollout.switch_file import SwitchFile
from services.router.rollout.switch_word import SWITCH, read_switch
from services.router.rollout.wish import Wish

__all__ = [
    "SWITCH",
    "Change",
    "Rollout",
    "RolloutState",
    "SamplesSince",
    "Step",
    "SwitchFile",
    "SwitchPolicy",
    "Wish",
    "read_switch",
    "rollout_from",
]
