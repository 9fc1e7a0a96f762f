"""One try of one model: asked, watched, counted and paid for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from libs.common.attributes import Names
from libs.common.spending.ledger import Reservation
from libs.common.stages import TracedStep, begin_model_call
from services.hybrid_engine.llm.accounting import Account, Spent, estimate_prompt, estimate_tokens
from services.hybrid_engine.llm.chat import ChatPrompt, Purpose
from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.llm.model import TokenCount
from services.hybrid_engine.llm.watching import watched


@dataclass
class Try:
    """One try. `failure` says how it ended; without one and not `is_whole`, whoever asked has left."""

    tier: GuardedTier
    model: str
    prompt: ChatPrompt
    # The epoch of the tier's breaker that let it in.
    epoch: int | None = None
    failure: TierFailure | None = None
    is_whole: bool = False
    has_spoken: bool = False
    finish: str = ""
    # From asking to the first of its text; None while there is none.
    first_seconds: float | None = None
    _held: Reservation | None = None
    # The model that the server says it is.
    answering_model: str = ""
    _counted: TokenCount | None = None
    _is_begun: bool = False
    _pieces: int = 0
    _text: str = ""
    _started: float = 0.0
    _step: TracedStep | None = None

    async def hold(self, account: Account) -> None:
        """Holds what it may cost. Raises Exhausted (BUDGET_SPENT)."""
        self._held = await account.hold(self.prompt, model=self.model, is_free=self.tier.traits.is_free)
        self._started = asyncio.get_running_loop().time()

    async def text(self, purpose: Purpose, seconds_left: float) -> AsyncGenerator[str, None]:
        """Yields the pieces of the text; a failure of the tier ends it and is kept."""
        name, limits = self.tier.name, self.tier.traits.limits
        self._step = self._begin_step(purpose)
        asked = self.tier.model.stream(
            self.prompt, model=self.model, temperature=purpose.temperature, json=purpose.json
        )
        try:
            async with (
                aclosing(asked),
                aclosing(watched(asked, limits, tier=name, seconds_left=seconds_left)) as pieces,
            ):
                async for piece in pieces:
                    self._is_begun = True
                    self._counted = piece.count or self._counted
                    self.finish = piece.finish or self.finish
                    self.answering_model = piece.model or self.answering_model
                    if piece.text:
                        if self.first_seconds is None:
                            self.first_seconds = self.seconds()
                        self._pieces += 1
                        self._text += piece.text
                        yield piece.text
            self.is_whole = True
        except TierFailure as failure:
            self.failure = failure

    @property
    def count(self) -> TokenCount:
        """Tokens as the server counted them; where it died before it could, as they arrived."""
        if self._counted is not None:
            return self._counted
        if not self._is_begun:
            return TokenCount(0, 0)
        return TokenCount(estimate_prompt(self.prompt), max(self._pieces, estimate_tokens(self._text)))

    @property
    def asked_to_wait(self) -> float | None:
        """Seconds that a tier which limits its rate asked for; None when it did not."""
        limited = self.failure is not None and self.failure.fault is Fault.RATE_LIMITED
        return self.failure.retry_after_seconds if limited and self.failure else None

    def seconds(self) -> float:
        """Seconds since it was asked."""
        return asyncio.get_running_loop().time() - self._started

    def duration_ms(self) -> int:
        """Milliseconds since it was asked."""
        return round(1000 * self.seconds())

    def settle(self, account: Account, purpose: Purpose, *, number: int) -> int:
        """Charges it as the request's try `number`, from 1; returns micro-dollars."""
        spent = Spent(self.tier.name, self.model, self.tier.traits.is_free, self.count, self.is_whole, number)
        held, self._held = self._held, None
        if self._step is not None:
            self._end_step(self._step, number)
        return account.charge(held, spent, purpose)

    def _begin_step(self, purpose: Purpose) -> TracedStep:
        step = begin_model_call("chat", provider=self.tier.name, model=self.model)
        step.note(Names.GEN_AI_MAX_TOKENS, self.prompt.max_output_tokens)
        if purpose.temperature is not None:
            step.note(Names.GEN_AI_TEMPERATURE, purpose.temperature)
        return step

    def _end_step(self, step: TracedStep, number: int) -> None:
        step.note(Names.ATTEMPT, number)
        step.note(Names.GEN_AI_INPUT_TOKENS, self.count.prompt)
        step.note(Names.GEN_AI_OUTPUT_TOKENS, self.count.completion)
        if self.answering_model:
            step.note(Names.GEN_AI_RESPONSE_MODEL, self.answering_model)
        if self.finish:
            step.note(Names.GEN_AI_FINISH_REASONS, (self.finish,))
        if self.first_seconds is not None:
            step.note(Names.FIRST_PIECE_MS, round(1000 * self.first_seconds))
        if self.failure is not None:
            step.fail(self.failure.reason)
        elif not self.is_whole:
            step.note(Names.CANCELLED, True)
        step.end()
