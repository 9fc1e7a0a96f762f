"""The fault table, row by row: who is asked again, who is asked next, what the breaker counts."""

import asyncio
import logging
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from libs.common.request_context import Budget, Principal, RequestContext, TenantId, use_context
from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.chat import Attempt, ChatPrompt, ChatReply
from services.hybrid_engine.llm.endings import ContentFiltered, NoTier
from services.hybrid_engine.llm.faults import HANDLING, Fault, TierFailure
from services.hybrid_engine.llm.guarded_tier import GuardedTier, TierState
from services.hybrid_engine.llm.mode import LlmMode
from services.hybrid_engine.llm.model import Piece, Traits
from tests.fakes.scripted_model import END, FOREVER, ScriptedModel, Step, counted, limited
from tests.fakes.virtual_time import run_in_virtual_time

PROMPT = ChatPrompt("Tu es bref.", "Bonjour")


def guarded(model: ScriptedModel, **traits: Any) -> GuardedTier:
    return GuardedTier(model, Traits(**traits), now=lambda: asyncio.get_running_loop().time(), jitter=Random(1))


def cascade(*models: ScriptedModel, mode: LlmMode = LlmMode.AUTO, whole_seconds: float = 60.0) -> Cascade:
    tiers = [guarded(model) for model in models]
    now = lambda: asyncio.get_running_loop().time()  # noqa: E731
    return Cascade(tiers, mode=mode, whole_seconds=whole_seconds, now=now, jitter=Random(1))


def in_virtual_time(work: Coroutine[Any, Any, Any]) -> Any:
    return run_in_virtual_time(work)


def tries(reply: ChatReply | NoTier | ContentFiltered) -> list[tuple[str, str]]:
    return [(each.tier, each.reason) for each in reply.attempts]


LOCAL, REMOTE = "lm_studio", "openai"

# What one request does, the tries before the next tier serves, and what the breaker of the first has counted.
ROWS: dict[str, tuple[list[list[Step]], list[str], int]] = {
    "429 without a time": ([[limited(LOCAL)], [limited(LOCAL)]], ["LLM_RATE_LIMITED"] * 2, 2),
    "429 with a short time": ([[limited(LOCAL, 2.0)], [limited(LOCAL, 2.0)]], ["LLM_RATE_LIMITED"] * 2, 0),
    "429 with a long time": ([[limited(LOCAL, 30.0)]], ["LLM_RATE_LIMITED"], 0),
    "5xx": ([[Fault.SERVER_ERROR], [Fault.SERVER_ERROR]], ["LLM_SERVER_ERROR"] * 2, 2),
    "reset before headers": ([[Fault.UNREACHABLE], [Fault.UNREACHABLE]], ["LLM_UNREACHABLE"] * 2, 2),
    "no response": ([[FOREVER]], ["LLM_TIMEOUT"], 1),
    "no first token": ([[Piece(), FOREVER]], ["LLM_TIMEOUT"], 1),
    "stall": ([["Bon", FOREVER]], ["LLM_STALLED"], 1),
    "dribble": ([["Bon", *[step for _ in range(9) for step in (1.0, "o")]]], ["LLM_STALLED"], 1),
    "cut": ([["Bon", Fault.CUT]], ["LLM_CUT"], 1),
    "no finish reason": ([["Bonjour."]], ["LLM_ENDED_EARLY"], 1),
    "strange finish reason": ([["Bonjour.", Piece(finish="tool_calls")]], ["LLM_ENDED_EARLY"], 1),
    "200 with an error or HTML": ([[Fault.MALFORMED]], ["LLM_MALFORMED"], 1),
    "empty": ([[" ", END]], ["LLM_EMPTY"], 1),
    "endless": ([["Encore une fois. " * 60] * 5], ["LLM_TOO_LARGE"], 1),
    "cut by its own limit": ([["Bon", Piece(finish="length")]], ["LLM_TRUNCATED"], 0),
    "context length": ([[Fault.CONTEXT_LENGTH]], ["LLM_CONTEXT_LENGTH"], 0),
    "401": ([[Fault.REFUSED]], ["LLM_REFUSED"], 0),
    "404": ([[Fault.MODEL_GONE]], ["LLM_MODEL_GONE"], 0),
    "400": ([[Fault.BAD_REQUEST]], ["LLM_BAD_REQUEST"], 0),
    "too many in flight": ([[Fault.BUSY]], ["LLM_BUSY"], 0),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_next_tier_serves_and_the_breaker_counts_what_is_the_tiers_fault(
    row: tuple[list[list[Step]], list[str], int],
) -> None:
    scripts, reasons, counted_failures = row

    async def play() -> None:
        first, second = ScriptedModel(LOCAL, *scripts), ScriptedModel(REMOTE)
        tiers = [guarded(first), guarded(second, context_tokens=100_000)]
        reply = await Cascade(tiers, whole_seconds=20.0, jitter=Random(1)).complete(PROMPT)
        assert tries(reply) == [*((LOCAL, reason) for reason in reasons), (REMOTE, "")]
        assert (reply.text, reply.tier, reply.tier_index, reply.model) == ("Bien reçu par openai.", REMOTE, 1, "m-1")
        assert reply.complete
        assert sum(not good for _, good in tiers[0].breaker._recent) == counted_failures

    in_virtual_time(play())


def test_every_fault_has_its_row() -> None:
    assert set(HANDLING) == set(Fault)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.UNREACHABLE, Fault.RATE_LIMITED])
def test_what_passes_is_asked_again_once(fault: Fault) -> None:
    async def play() -> None:
        reply = await cascade(ScriptedModel(LOCAL, [fault])).complete(PROMPT)
        assert tries(reply) == [(LOCAL, fault.value), (LOCAL, "")]

    in_virtual_time(play())


def test_a_short_wait_that_was_asked_for_is_kept() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        reply = await cascade(ScriptedModel(LOCAL, [limited(LOCAL, 2.0)])).complete(PROMPT)
        assert (tries(reply), loop.time()) == ([(LOCAL, "LLM_RATE_LIMITED"), (LOCAL, "")], 2.0)

    in_virtual_time(play())


def test_a_wait_longer_than_a_third_of_what_is_left_is_not_kept() -> None:
    async def play() -> None:
        tiers = cascade(ScriptedModel(LOCAL, [limited(LOCAL, 2.0)]), ScriptedModel(REMOTE), whole_seconds=5.0)
        reply = await tiers.complete(PROMPT)
        assert tries(reply) == [(LOCAL, "LLM_RATE_LIMITED"), (REMOTE, "")]
        assert tiers.tiers[0].breaker.retry_in() == 2.0

    in_virtual_time(play())


def test_a_filter_ends_the_cascade_and_the_reason_is_told() -> None:
    async def play() -> None:
        second = ScriptedModel(REMOTE)
        tiers = cascade(ScriptedModel(LOCAL, ["Je", Piece(finish="content_filter")]), second)
        with pytest.raises(ContentFiltered) as raised:
            await tiers.complete(PROMPT)
        assert raised.value.reason == "LLM_CONTENT_FILTERED"
        assert tries(raised.value) == [(LOCAL, "LLM_CONTENT_FILTERED")]
        assert not second.prompts
        assert tiers.tiers[0].breaker.is_closed

    in_virtual_time(play())


def test_a_prompt_that_was_too_long_goes_only_to_a_larger_window() -> None:
    async def play() -> None:
        models = ScriptedModel("a", [Fault.CONTEXT_LENGTH]), ScriptedModel("b"), ScriptedModel("c")
        windows = 8192, 8192, 128_000
        tiers = [guarded(model, context_tokens=window) for model, window in zip(models, windows, strict=True)]
        reply = await Cascade(tiers).complete(PROMPT)
        assert tries(reply) == [("a", "LLM_CONTEXT_LENGTH"), ("b", "LLM_CONTEXT_LENGTH"), ("c", "")]
        assert not models[1].prompts

    in_virtual_time(play())


def test_a_gateways_next_model_serves_when_one_is_gone_or_down() -> None:
    async def play() -> None:
        gateway = ScriptedModel("openrouter", [Fault.MODEL_GONE], [Fault.SERVER_ERROR], models=("a", "b", "c"))
        tiers = cascade(gateway)
        assert (await tiers.complete(PROMPT)).model == "c"
        assert gateway.asked == ["a", "b", "c"]
        assert (await tiers.complete(PROMPT)).model == "b", "what is gone is remembered, what failed once is not"

    in_virtual_time(play())


def test_a_tier_without_any_of_its_models_is_off() -> None:
    async def play() -> None:
        tiers = cascade(ScriptedModel(LOCAL, [Fault.MODEL_GONE]), ScriptedModel(REMOTE))
        await tiers.complete(PROMPT)
        assert tiers.tiers[0].state(LlmMode.AUTO) is TierState.DISABLED
        assert tries(await tiers.complete(PROMPT)) == [(LOCAL, "LLM_MODEL_GONE"), (REMOTE, "")]

    in_virtual_time(play())


def test_no_request_makes_more_than_four_tries() -> None:
    async def play() -> None:
        models = [ScriptedModel(name, *[[Fault.SERVER_ERROR]] * 2) for name in "abcd"]
        with pytest.raises(NoTier) as raised:
            await cascade(*models).complete(PROMPT)
        assert [len(model.prompts) for model in models] == [2, 2, 0, 0]
        assert raised.value.reason == "NO_TIER_AVAILABLE"
        assert raised.value.metadata["tried"].startswith("a:LLM_SERVER_ERROR, a:LLM_SERVER_ERROR, b:")

    in_virtual_time(play())


def test_a_single_tier_is_left_alone_too_and_comes_back_by_itself() -> None:
    async def play() -> None:
        model = ScriptedModel(LOCAL, *[["Bon", Fault.CUT]] * 3)
        tiers = cascade(model)
        for _ in range(3):
            with pytest.raises(NoTier):
                await tiers.complete(PROMPT)
        with pytest.raises(NoTier) as raised:
            await tiers.complete(PROMPT)
        assert tries(raised.value) == [(LOCAL, "TIER_RESTING")]
        assert len(model.prompts) == 3
        await asyncio.sleep(6.0)
        assert (await tiers.complete(PROMPT)).text == "Bien reçu par lm_studio."
        await tiers.complete(PROMPT)
        assert tiers.tiers[0].breaker.is_closed

    in_virtual_time(play())


def test_of_a_hundred_callers_one_tries_a_tier_that_may_be_back() -> None:
    async def play() -> None:
        first = ScriptedModel(LOCAL, *[["Bon", Fault.CUT]] * 3, ["Me ", 1.0, "revoilà.", END])
        tiers = cascade(first, ScriptedModel(REMOTE))
        for _ in range(3):
            await tiers.complete(PROMPT)
        await asyncio.sleep(6.0)
        replies = await asyncio.gather(*(tiers.complete(PROMPT) for _ in range(100)))
        assert [reply.tier for reply in replies].count(LOCAL) == 1
        assert [reply.tier for reply in replies].count(REMOTE) == 99
        assert len(first.prompts) == 4

    in_virtual_time(play())


def test_a_caller_in_a_hurry_says_nothing_about_the_tier() -> None:
    async def play() -> None:
        tiers = cascade(ScriptedModel(LOCAL, *[[2.0, "Bonjour.", END]] * 5), whole_seconds=1.0)
        for _ in range(5):
            with pytest.raises(NoTier) as raised:
                await tiers.complete(PROMPT)
            assert tries(raised.value) == [(LOCAL, "LLM_NO_TIME")]
        assert tiers.tiers[0].breaker.is_closed

    in_virtual_time(play())


def test_a_caller_that_leaves_says_nothing_about_the_tier_and_ends_its_call() -> None:
    async def play() -> None:
        model = ScriptedModel(LOCAL, *[["Bon", FOREVER]] * 4)
        tiers = cascade(model)
        for _ in range(4):
            call = asyncio.create_task(tiers.complete(PROMPT))
            await asyncio.sleep(0.5)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert model.left_early == 4
        assert tiers.tiers[0].breaker.is_closed

    in_virtual_time(play())


def test_the_requests_own_deadline_bounds_all_tiers_together() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        tiers = cascade(*(ScriptedModel(name, *[[FOREVER]] * 4) for name in "abc"))
        principal = Principal("test", TenantId("shop"))
        context = RequestContext(principal, "r", Budget.of(4.0, now=loop.time), "")
        with use_context(context), pytest.raises(NoTier) as raised:
            await tiers.complete(PROMPT)
        assert tries(raised.value) == [("a", "LLM_TIMEOUT"), ("b", "LLM_NO_TIME")]
        assert loop.time() == pytest.approx(3.85), "0.15 s are left for a template"

    in_virtual_time(play())


def test_no_time_at_all_asks_nobody() -> None:
    async def play() -> None:
        model = ScriptedModel(LOCAL)
        with pytest.raises(NoTier) as raised:
            await cascade(model, whole_seconds=0.1).complete(PROMPT)
        assert raised.value.attempts == (Attempt("", "", "LLM_NO_TIME"),)
        assert not model.prompts

    in_virtual_time(play())


def test_silence_after_the_finish_reason_is_not_waited_for() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        reply = await cascade(ScriptedModel(LOCAL, ["Bonjour.", END, FOREVER])).complete(PROMPT)
        assert (reply.text, tries(reply), loop.time()) == ("Bonjour.", [(LOCAL, "")], 0.25)
        broken = await cascade(ScriptedModel(LOCAL, ["Bonjour.", END, Fault.CUT])).complete(PROMPT)
        assert broken.complete

    in_virtual_time(play())


def test_a_tier_that_no_probe_reached_is_passed_over_unless_the_mode_says_to_try() -> None:
    async def play() -> None:
        tiers = cascade(ScriptedModel(LOCAL), ScriptedModel(REMOTE))
        tiers.tiers[0].missed(TierFailure(Fault.UNREACHABLE, LOCAL))
        assert tries(await tiers.complete(PROMPT)) == [(LOCAL, "TIER_NOT_DETECTED"), (REMOTE, "")]
        tiers.mode = LlmMode.ENABLED
        assert tries(await tiers.complete(PROMPT)) == [(LOCAL, "")]
        tiers.mode = LlmMode.DISABLED
        assert not tiers.configured
        with pytest.raises(NoTier):
            await tiers.complete(PROMPT)

    in_virtual_time(play())


def test_tokens_of_dead_tries_are_wasted() -> None:
    async def play() -> None:
        first = ScriptedModel(LOCAL, [Piece("Bon", count=None), counted(11, 1), Fault.CUT])
        reply = await cascade(first, ScriptedModel(REMOTE)).complete(PROMPT)
        assert (reply.prompt_tokens, reply.completion_tokens, reply.wasted_tokens) == (7, 3, 12)

    in_virtual_time(play())


def test_the_log_says_who_is_asked_and_never_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def play() -> None:
        await cascade(ScriptedModel(LOCAL, [FOREVER]), ScriptedModel(REMOTE)).complete(PROMPT)

    in_virtual_time(play())
    assert caplog.messages == [
        "[MODEL] 🔗 Tentative LM Studio...",
        "[MODEL] ❌ LM_STUDIO failed: timeout",
        "[MODEL] lm_studio: unknown → degraded",
        "[MODEL] 🌐 Utilisation du fallback OpenAI (si configuré)",
        "[MODEL] openai: unknown → up",
    ]
    assert "Bonjour" not in caplog.text
