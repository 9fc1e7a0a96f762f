"""Shadowed turns: which are, what is compared, and that no customer ever notices."""

import asyncio
from dataclasses import replace
from itertools import count

import pytest

from libs.common.errors import Unavailable
from services.router.adapters.memory_shadow import MemoryShadowCounts
from services.router.background import Background
from services.router.ladder import EngineAnswer
from services.router.shadow.pairs import ShadowReport
from services.router.shadow.shadowing import SHADOW_SECONDS, Shadow, is_sampled
from services.router.turn import NO_STATE, Usage, Variant
from tests.fakes.engines import FakeEngine, Trouble, echo
from tests.fakes.router_world import RouterWorld, call
from tests.fakes.virtual_time import run_in_virtual_time


class ShadowedWorld(RouterWorld):
    """A router whose every turn, or `share` of them, is decided by both."""

    def __init__(self, *, percent: float = 100.0, share: float = 100.0, limit: int = 8) -> None:
        super().__init__(percent=percent)
        self.counts = MemoryShadowCounts()
        ticks = count()
        self.shadow = Shadow(
            engines={Variant.HYBRID: self.hybrid, Variant.CLASSIC: self.classic},
            counts=self.counts,
            percent_of=lambda _: share,
            background=Background(limit=limit),
            now=lambda: float(next(ticks)),
        )
        self.chat._shadow = self.shadow  # pyright: ignore[reportPrivateUsage]

    async def report(self) -> ShadowReport:
        """The shop's sums once everything has run."""
        await self.shadow.finish(timeout_seconds=30)
        return await self.counts.report(call().principal)


async def test_same_decision_is_counted_with_what_each_took() -> None:
    world = ShadowedWorld()
    spent = Usage(prompt_tokens=90, completion_tokens=10, wasted_tokens=5, cost_micro_usd=7)
    world.hybrid.answering = lambda question: replace(echo(question), usage=spent)
    await world.say("un")
    report = await world.report()
    assert (report.pairs, report.same_state, report.same_ask, report.failed) == (1, 1, 1, 0)
    assert (report.served.tokens, report.served.cost_micro_usd, report.shadow.tokens) == (105, 7, 0)
    assert report.shadow.micros == 1_000_000
    asked = world.classic.questions[0]
    assert (asked.shadow, asked.assigned_variant, asked.text) == (True, "hybrid", "un")


async def test_it_works_the_other_way_round() -> None:
    world = ShadowedWorld(percent=0)
    await world.say("un")
    assert (await world.report()).pairs == 1
    assert [each.shadow for each in world.hybrid.questions] == [True]


async def test_another_state_is_a_difference_and_is_named() -> None:
    world = ShadowedWorld()
    asks = replace(NO_STATE, event_count=1, awaiting_slot="zone")
    world.classic.answering = lambda _: EngineAnswer(text="Où ?", state=asks)
    answered = await world.say("un", turn_id="t1")
    report = await world.report()
    assert (report.pairs, report.same_state, report.same_ask) == (1, 0, 0)
    assert report.differing_turns == ("c1 t1",)
    assert answered.reply.text == "reply to un"


@pytest.mark.parametrize("text", ["", "  "])
async def test_unseen_engine_that_says_nothing_has_failed(text: str) -> None:
    world = ShadowedWorld()
    world.classic.answering = lambda _: EngineAnswer(text=text, state=NO_STATE)
    await world.say("un")
    report = await world.report()
    assert (report.pairs, report.failed, report.differing_turns) == (0, 1, ())


async def test_unseen_engine_that_is_down_costs_the_customer_nothing() -> None:
    world = ShadowedWorld()
    world.classic.trouble = Trouble("error")
    assert (await world.say("un")).reply.reasons == ()
    assert (await world.report()).failed == 1


def test_unseen_engine_that_hangs_has_its_own_deadline() -> None:
    async def turn() -> tuple[float, float]:
        world = ShadowedWorld()
        world.classic.trouble = Trouble("hang")
        loop = asyncio.get_running_loop()
        await world.say("un")
        replied = loop.time()
        assert (await world.report()).failed == 1
        return replied, loop.time()

    assert run_in_virtual_time(turn()) == (0.0, SHADOW_SECONDS)


async def test_turns_that_were_rescued_or_cached_have_no_pair() -> None:
    world = ShadowedWorld()
    world.hybrid.script.append(Unavailable("DOWN", "x"))
    await world.say("un")
    world.answers.answers["deux"] = "Oui."
    await world.say("deux")
    assert await world.report() == ShadowReport()
    assert len(world.classic.questions) == 1


async def test_what_comes_on_top_is_dropped_and_counted() -> None:
    world = ShadowedWorld(limit=2)
    gate = world.classic.gate = asyncio.Event()
    for number in range(5):
        await world.say(f"{number}")
    gate.set()
    assert (await world.report()).pairs == 2
    assert world.shadow.dropped == 3


async def test_nobody_is_asked_when_no_share_is_set() -> None:
    world = ShadowedWorld(share=0)
    await world.say("un")
    assert await world.report() == ShadowReport()
    assert not world.classic.questions


async def test_engine_is_told_who_a_turn_counts_for() -> None:
    world = RouterWorld(percent=0)
    await world.say("un")
    assert isinstance(world.classic, FakeEngine)
    assert (world.classic.questions[0].assigned_variant, world.classic.questions[0].shadow) == ("classic", False)


def test_sample_is_always_the_same_and_as_large_as_asked() -> None:
    def sample(percent: float) -> set[str]:
        return {f"t{n}" for n in range(20_000) if is_sampled(percent, tenant="shop", turn_id=f"t{n}")}

    tenth = sample(10)
    assert 1_800 < len(tenth) < 2_200
    assert tenth == sample(10) < sample(20)
    assert sample(0) == set()
    assert len(sample(100)) == 20_000
