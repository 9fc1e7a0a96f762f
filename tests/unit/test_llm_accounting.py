"""Every try is paid for, whatever became of it; what the budget does not hold is not asked."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from libs.common.request_context import TenantId
from libs.common.spending.ledger import Allowance, Charge, nameless
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.prices import Prices
from services.hybrid_engine.llm.accounting import Settling, TenantAccount, estimate_tokens
from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.chat import ChatPrompt, MidStream, Purpose
from services.hybrid_engine.llm.endings import NoTier
from services.hybrid_engine.llm.faults import Fault
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.llm.model import Piece, TokenCount, Traits
from tests.fakes.scripted_model import END, FOREVER, ScriptedModel, counted
from tests.fakes.virtual_time import run_in_virtual_time

SHOP = TenantId("shop")
PROMPT = ChatPrompt("Tu es bref.", "Bonjour", max_output_tokens=100)
PURPOSE = Purpose("wording", variant="hybrid", agent="audrey", conversation_id="c", turn_id="t")
UNLIMITED = Allowance()
PAID = ("gpt-4o-mini",)


def _worded(text: str, completion: int) -> Piece:
    return Piece(text, count=TokenCount(5, completion))


class Books:
    """A ledger and who is charged."""

    def __init__(self, *, allowance: Allowance = UNLIMITED) -> None:
        self.ledger = MemoryLedger(clock=lambda: 1_795_248_000.0)
        self.settling = Settling()
        self.account = TenantAccount(
            SHOP, allowance, self.ledger, Prices(), self.settling, clock=lambda: 1_795_248_000.0
        )

    async def charges(self) -> Sequence[Charge]:
        """Oldest first."""
        await self.settling.finish()
        return [*reversed(await self.ledger.recent(SHOP, limit=100))]


def test_the_served_try_and_the_dead_one_are_rows_of_their_own() -> None:
    async def play() -> None:
        books = Books()
        first = ScriptedModel("openai", ["Bon", counted(11, 1), Fault.CUT], models=PAID)
        second = ScriptedModel("groq", ["Bonjour.", END, counted(9, 2)], models=("llama-3.3-70b-versatile",))
        reply = await Cascade([first, second], account=books.account).complete(PROMPT, purpose=PURPOSE)
        dead, served = await books.charges()
        assert (dead.tier, dead.model, dead.prompt_tokens, dead.completion_tokens) == ("openai", *PAID, 11, 1)
        assert (dead.used, served.used, dead.attempt, served.attempt) == (False, True, 1, 2)
        assert (served.tenant, served.variant, served.component, served.agent) == (SHOP, "hybrid", "wording", "audrey")
        # What is deleted must not live on in the books.
        assert (served.conversation_id, served.turn_id) == (nameless(SHOP, "c"), nameless(SHOP, "t"))
        assert {"c", "t"}.isdisjoint((served.conversation_id, served.turn_id))
        assert served.tokens == 11
        assert dead.cost_micro_usd > 0
        assert reply.cost_micro_usd == dead.cost_micro_usd + served.cost_micro_usd

    run_in_virtual_time(play())


def test_a_refused_request_is_a_row_without_tokens() -> None:
    async def play() -> None:
        books = Books()
        with pytest.raises(NoTier) as raised:
            await Cascade([ScriptedModel("a", [Fault.BAD_REQUEST])], account=books.account).complete(PROMPT)
        (row,) = await books.charges()
        assert (row.tokens, row.cost_micro_usd, row.used) == (0, 0, False)
        assert (raised.value.wasted_tokens, raised.value.cost_micro_usd) == (0, 0)

    run_in_virtual_time(play())


def test_a_stream_that_dies_before_its_count_is_charged_for_what_arrived() -> None:
    async def play() -> None:
        books = Books()
        with pytest.raises(NoTier):
            await Cascade([ScriptedModel("a", ["Bon", "jour", FOREVER])], account=books.account).complete(PROMPT)
        (row,) = await books.charges()
        assert row.completion_tokens == 2
        assert row.prompt_tokens >= estimate_tokens(PROMPT.system) + estimate_tokens(PROMPT.user)

    run_in_virtual_time(play())


@pytest.mark.parametrize("leave", ["cancelled", "closed"])
def test_a_caller_that_leaves_has_paid(leave: str) -> None:
    async def play() -> None:
        books = Books()
        model = ScriptedModel("a", [_worded("Un. ", 1), _worded("Deux. ", 2), FOREVER])
        cascade = Cascade([model], account=books.account)
        if leave == "cancelled":
            call = asyncio.create_task(cascade.complete(PROMPT))
            await asyncio.sleep(0.1)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        else:
            async with aclosing(cascade.stream(PROMPT, policy=MidStream.FAIL)) as events:
                async for _ in events:
                    break
        (row,) = await books.charges()
        assert (row.prompt_tokens, row.completion_tokens, row.used) == (5, 2 if leave == "cancelled" else 1, False)

    run_in_virtual_time(play())


def test_money_that_is_spent_leaves_a_free_tier() -> None:
    async def play() -> None:
        books = Books(allowance=Allowance(daily_micro_usd=1))
        paid = GuardedTier(ScriptedModel("openai", models=PAID))
        own = GuardedTier(ScriptedModel("lm_studio", models=PAID), Traits(is_free=True))
        reply = await Cascade([paid, own], account=books.account).complete(PROMPT)
        assert [(each.tier, each.reason) for each in reply.attempts] == [("openai", "BUDGET_SPENT"), ("lm_studio", "")]
        assert reply.cost_micro_usd == 0
        assert paid.breaker.is_closed

    run_in_virtual_time(play())


def test_a_spent_budget_is_the_reason_when_nothing_else_was_missing() -> None:
    async def play() -> None:
        books = Books(allowance=Allowance(daily_tokens=20))
        model = ScriptedModel("openai", models=PAID)
        with pytest.raises(NoTier) as raised:
            await Cascade([model], account=books.account).complete(PROMPT)
        assert raised.value.reason == "BUDGET_SPENT"
        assert not model.prompts
        assert not await books.charges()

    run_in_virtual_time(play())


def test_what_was_held_and_not_used_is_given_back() -> None:
    async def play() -> None:
        books = Books(allowance=Allowance(daily_tokens=150))
        cascade = Cascade([ScriptedModel("a", *[["Oui.", END, counted(3, 1)]] * 8)], account=books.account)
        for _ in range(8):
            assert (await cascade.complete(PROMPT)).text == "Oui."
            await books.settling.finish()

    run_in_virtual_time(play())


def test_the_longest_reply_is_held_while_the_call_lasts() -> None:
    async def play() -> None:
        books = Books(allowance=Allowance(daily_tokens=150))
        cascade = Cascade(
            [ScriptedModel("a", *[["Oui. ", 1.0, "Non.", END, counted(3, 1)]] * 2)], account=books.account
        )
        calls = await asyncio.gather(*(cascade.complete(PROMPT) for _ in range(2)), return_exceptions=True)
        assert [type(each).__name__ for each in calls].count("NoTier") == 1

    run_in_virtual_time(play())


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("Oui", 1), ("un deux trois", 4), ("a b c d", 4)])
def test_tokens_are_estimated(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
