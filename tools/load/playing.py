"""The parts of a load test, played one after another on one stack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from libs.common.errors import InvalidRequest
from tools.load.calls import CALLS, STREAMS, LoadedCall
from tools.load.crowd import measure_crowd
from tools.load.driver import Driver
from tools.load.neighbours import measure_neighbours
from tools.load.overload import measure_overload
from tools.load.own_driver import OwnDriver
from tools.load.own_stack import LOUD, LOUD_PER_MINUTE, OTHER, use_models
from tools.load.pace import Pace
from tools.load.report import Report
from tools.load.rpcs import chosen, measure_rpcs
from tools.load.streams import StreamsMeasured, measure_streams
from tools.load.target import Target
from tools.stack import Stack

RUSH = 10
"""How many times its limit the loud company sends."""


class Part(StrEnum):
    """A part of a load test."""

    RPCS = "rpcs"
    STREAMS = "streams"
    OVERLOAD = "overload"
    NEIGHBOURS = "neighbours"
    CROWD = "crowd"


GENTLE = (Part.RPCS, Part.STREAMS)
"""Nobody else on the stack feels these."""

Tell = Callable[[str], object]
"""Is told each step when it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Whom to load, who sends, and the own stack, if it is one. `only` names RPCs; all without names."""

    target: Target
    driver: Driver
    pace: Pace
    stack: Stack | None = None
    only: Sequence[str] = ()

    def steps(self, parts: Sequence[Part]) -> int:
        """Returns how many steps will be told."""
        counts = {Part.RPCS: len(chosen(self.only)), Part.STREAMS: len(self.streams)}
        return sum(counts.get(part, 1) for part in parts)

    @property
    def streams(self) -> list[LoadedCall]:
        """The streams that this target serves and that are asked for."""
        wanted = [each for each in STREAMS if not self.only or each.name in self.only]
        return [each for each in wanted if self.target.serves(each)]

    async def use_models(self, *, enabled: bool) -> None:
        """Lets an own stack's engines call their model, or not; a running stack is left as it is."""
        if self.stack is not None:
            await use_models(self.stack, enabled=enabled)


async def play(scene: Scene, parts: Sequence[Part], report: Report, tell: Tell) -> None:
    """Plays the parts and writes into `report` what came of each.

    Raises InvalidRequest (PART_NEEDS_OWN_STACK) for neighbours on a running stack, where nobody can be made to rush.
    """
    if Part.NEIGHBOURS in parts and scene.stack is None:
        raise InvalidRequest(
            "PART_NEEDS_OWN_STACK", "`neighbours` lets a company rush far above its limit; run it without a target."
        )
    if Part.STREAMS in parts:
        await scene.use_models(enabled=True)
        report.streams = await _streams(scene, tell)
    # A model's pace would hide the product's.
    await scene.use_models(enabled=False)
    if Part.RPCS in parts:
        report.rpcs, report.not_loaded = await measure_rpcs(
            scene.target, scene.driver, scene.pace, only=scene.only, before=lambda call: tell(call.name)
        )
    # Replies must be told from refusals, and every turn be its own.
    chat, flooding = CALLS[0], OwnDriver() if scene.driver.cannot(CALLS[0], scene.target) else scene.driver
    if Part.NEIGHBOURS in parts:
        tell("neighbours")
        loud = scene.target.for_tenant(LOUD)
        report.neighbours = await measure_neighbours(
            chat, quiet=scene.target, loud=loud, driver=flooding, loud_per_second=RUSH * LOUD_PER_MINUTE / 60
        )
    if Part.CROWD in parts:
        tell("crowd")
        companies = [scene.target] if scene.stack is None else [scene.target, scene.target.for_tenant(OTHER)]
        report.crowd = await measure_crowd(companies)
    if Part.OVERLOAD in parts:
        tell("overload")
        report.overload = await measure_overload(chat, scene.target, flooding)


async def _streams(scene: Scene, tell: Tell) -> list[StreamsMeasured]:
    found: list[StreamsMeasured] = []
    for call in scene.streams:
        tell(call.name)
        at_once = scene.pace.concurrency
        found.append(await measure_streams(call, scene.target, count=3 * at_once, concurrency=at_once))
    return found
