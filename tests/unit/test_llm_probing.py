"""Tiers are looked after from outside of requests: at the start, and until they are back."""

import asyncio
import logging
from collections.abc import Sequence
from random import Random

import pytest

from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.chat import ChatPrompt
from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.guarded_tier import GuardedTier, TierState
from services.hybrid_engine.llm.mode import LlmMode
from services.hybrid_engine.llm.model import Traits
from services.hybrid_engine.llm.probing import Prober
from tests.fakes.scripted_model import ScriptedModel
from tests.fakes.virtual_time import run_in_virtual_time

GONE = TierFailure(Fault.UNREACHABLE, "t")
PROMPT = ChatPrompt("", "Bonjour")


def guarded(model: ScriptedModel) -> GuardedTier:
    traits = Traits(address=f"http://{model.name}/v1")
    return GuardedTier(model, traits, now=lambda: asyncio.get_running_loop().time(), jitter=Random(3))


def prober(tiers: Sequence[GuardedTier], mode: LlmMode = LlmMode.AUTO, *, warm_up: bool = False) -> Prober:
    return Prober(lambda: tiers, lambda: mode, warm_up=warm_up, jitter=Random(3))


async def run_for(seconds: float, work: Prober, *, again: bool = True) -> None:
    task = asyncio.create_task(work.run(again=again))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_all_tiers_are_probed_at_once_within_two_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    models = [ScriptedModel(name) for name in ("slow", "lm_studio", "gone")]
    models[0].probes, models[2].probes = [60.0], [GONE]

    async def play() -> None:
        tiers = [guarded(model) for model in models]
        assert await prober(tiers).detect() == (True, "✅ LLM détecté : http://lm_studio/v1")
        assert asyncio.get_running_loop().time() == 2.0
        assert [tier.state(LlmMode.AUTO) for tier in tiers] == [TierState.OPEN, TierState.UP, TierState.OPEN]

    run_in_virtual_time(play())
    assert [line for line in caplog.messages if "LLM" in line] == ["✅ LLM détecté : http://lm_studio/v1"]


def test_without_any_the_fallback_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    model = ScriptedModel("lm_studio")
    model.probes = [GONE]
    found = run_in_virtual_time(prober([guarded(model)]).detect())
    assert found == (False, "⚠️ LLM non disponible → mode fallback activé")
    assert caplog.messages[-1] == found[1]


def test_a_server_without_a_loaded_model_may_be_used_and_is_warmed_up_once() -> None:
    model = ScriptedModel("lm_studio")
    model.probes = [[]]

    async def play() -> None:
        tier = guarded(model)
        await prober([tier]).detect()
        assert tier.state(LlmMode.AUTO) is TierState.REACHABLE_EMPTY
        assert (await Cascade([tier]).complete(PROMPT)).tier == "lm_studio"
        other = guarded(model)
        await run_for(100.0, prober([other], warm_up=True))
        assert other.state(LlmMode.AUTO) is TierState.UP

    run_in_virtual_time(play())
    assert model.warmed == 1


def test_who_never_answered_is_asked_less_and_less_often() -> None:
    model = ScriptedModel("lm_studio")
    model.probes = [GONE]
    run_in_virtual_time(run_for(2000.0, prober([guarded(model)])))
    waits = [after - before for before, after in zip(model.probed_at, model.probed_at[1:], strict=False)]
    assert all(wait >= 15.0 for wait in waits)
    for wait, expected in zip(waits, [15, 30, 60, 120, 240, 300, 300], strict=False):
        assert expected <= wait <= 1.2 * expected + 1.0


def test_who_answered_before_serves_again_within_thirty_seconds() -> None:
    model = ScriptedModel("lm_studio")

    async def play() -> None:
        loop = asyncio.get_running_loop()
        tier = guarded(model)
        cascade = Cascade([tier, GuardedTier(ScriptedModel("openai"))], now=loop.time)
        looking = asyncio.create_task(prober([tier]).run())
        await cascade.complete(PROMPT)
        model.probes = [GONE]
        model.scripts = [[Fault.CUT]] * 99
        while loop.time() < 900.0:
            await cascade.complete(PROMPT)
            await asyncio.sleep(1.0)
        model.probes, model.scripts = [["m-1"]], []
        back = loop.time()
        for _ in range(60):
            if (await cascade.complete(PROMPT)).tier == "lm_studio":
                break
            await asyncio.sleep(1.0)
        assert loop.time() - back <= 30.0
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    run_in_virtual_time(play())


def test_without_probing_again_what_was_down_at_the_start_stays_down() -> None:
    model = ScriptedModel("lm_studio")
    model.probes = [GONE, ["m-1"]]
    tier = guarded(model)
    run_in_virtual_time(run_for(1000.0, prober([tier]), again=False))
    assert len(model.probed_at) == 1
    assert tier.pass_over(LlmMode.AUTO) == "TIER_NOT_DETECTED"


def test_a_process_that_may_call_no_model_probes_none() -> None:
    model = ScriptedModel("lm_studio")
    run_in_virtual_time(run_for(1000.0, prober([guarded(model)], LlmMode.DISABLED, warm_up=True)))
    assert not model.probed_at


def test_a_tier_without_its_key_is_not_probed() -> None:
    model = ScriptedModel("openai")
    tier = GuardedTier(model, has_key=False)
    run_in_virtual_time(run_for(100.0, prober([tier])))
    assert not model.probed_at
    assert tier.state(LlmMode.AUTO) is TierState.DISABLED
    assert not Cascade([tier]).configured


def test_refused_credentials_are_tried_again_when_the_server_takes_them() -> None:
    model = ScriptedModel("openai", [Fault.REFUSED])
    model.probes = [["m-1"], TierFailure(Fault.REFUSED, "openai"), ["m-1"]]

    async def play() -> None:
        tier = guarded(model)
        cascade = Cascade([tier, ScriptedModel("groq")])
        looking = asyncio.create_task(prober([tier]).run())
        await asyncio.sleep(0)
        await cascade.complete(PROMPT)
        assert tier.state(LlmMode.AUTO) is TierState.DISABLED
        await asyncio.sleep(100.0)
        assert (await cascade.complete(PROMPT)).tier == "openai"
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    run_in_virtual_time(play())


def test_a_server_that_lists_no_models_still_answers() -> None:
    model = ScriptedModel("groq")
    model.probes = [TierFailure(Fault.MODEL_GONE, "groq")]

    async def play() -> None:
        tier = guarded(model)
        await prober([tier]).detect()
        assert tier.state(LlmMode.AUTO) is TierState.UP

    run_in_virtual_time(play())


def test_a_change_of_state_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    model = ScriptedModel("lm_studio")
    model.probes = [GONE]
    run_in_virtual_time(run_for(2000.0, prober([guarded(model)])))
    assert [line for line in caplog.messages if "→ open" in line] == ["[MODEL] lm_studio: unknown → open"]


def test_thousands_of_tiers_are_probed_a_few_a_second_and_all_in_the_end() -> None:
    async def play() -> None:
        known: list[GuardedTier] = []
        task = asyncio.create_task(prober(known).run())
        await asyncio.sleep(0.5)
        known += [guarded(ScriptedModel(f"t{at}")) for at in range(120)]
        seen: list[int] = []
        for _ in range(3):
            await asyncio.sleep(1.0)
            seen.append(sum(tier.state(LlmMode.AUTO) is TierState.UP for tier in known))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert seen == [50, 100, 120]

    run_in_virtual_time(play())
