"""Language models in the order they are tried: a reply from the first that gives one, or an honest end."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

from libs.common.request_context import current_or_none
from services.hybrid_engine.llm.accounting import Account, Unpaid
from services.hybrid_engine.llm.chat import ChatPrompt, ChatReply, Finished, MidStream, Purpose, Streamed
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.llm.mode import LlmMode
from services.hybrid_engine.llm.model import ChatModel
from services.hybrid_engine.llm.running import Running
from services.hybrid_engine.llm.trying import Try

# What is left of a turn for the template that replaces a model's words.
RESERVE_SECONDS = 0.15
_ANSWER = Purpose()


def _nobody(_attempt: Try) -> None:
    """Is told nothing."""


@dataclass
class Cascade:
    """The models of one tenant or of the process; none at all is a good cascade that always says so.

    `whole_seconds` bounds a request that brings no deadline of its own. A model that comes without a guard gets one.
    `tell` is told of every try when it is over.
    """

    models: Sequence[ChatModel | GuardedTier] = ()
    mode: LlmMode = LlmMode.AUTO
    whole_seconds: float = 60.0
    account: Account = field(default_factory=Unpaid)
    now: Callable[[], float] = time.monotonic
    # Spreads retries; nothing secret hangs on it.
    jitter: Random = field(default_factory=Random)
    tell: Callable[[Try], None] = _nobody

    def __post_init__(self) -> None:
        self.tiers: Sequence[GuardedTier] = tuple(
            model if isinstance(model, GuardedTier) else GuardedTier(model, now=self.now, jitter=self.jitter)
            for model in self.models
        )

    @property
    def configured(self) -> bool:
        """Whether any model may be called."""
        return self.mode is not LlmMode.DISABLED and any(tier.has_key for tier in self.tiers)

    async def complete(self, prompt: ChatPrompt, *, purpose: Purpose = _ANSWER) -> ChatReply:
        """Returns the first whole reply.

        Raises NoTier (NO_TIER_AVAILABLE; BUDGET_SPENT when nothing but money was missing), which holds the attempts,
        and ContentFiltered (LLM_CONTENT_FILTERED): a text that one filter refused is not shown to the next.
        """
        events = self.stream(prompt, policy=MidStream.HOLD_BACK, purpose=purpose)
        reply = None
        async for event in events:
            if isinstance(event, Finished):
                reply = event.reply
        if reply is None:
            raise RuntimeError("a stream ended without Finished")
        return reply

    async def stream(
        self, prompt: ChatPrompt, *, policy: MidStream = MidStream.HOLD_BACK, purpose: Purpose = _ANSWER
    ) -> AsyncGenerator[Streamed, None]:
        """Yields the reply in pieces, and Finished last, exactly once.

        Raises as `complete` does, but only while nothing was sent. What is cut later is closed with a phrase in the
        conversation's language, and `Finished.reply.complete` is false. Close it (`aclosing`) to leave early.
        """
        running = Running(
            tiers=self.tiers,
            mode=self.mode,
            account=self.account,
            prompt=prompt,
            purpose=purpose,
            # Half an object is of no use to anybody.
            policy=MidStream.HOLD_BACK if purpose.json else policy,
            seconds_left=self._seconds_left(),
            jitter=self.jitter,
            tell=self.tell,
        )
        async with aclosing(running.events()) as events:
            async for event in events:
                yield event

    def _seconds_left(self) -> Callable[[], float]:
        context = current_or_none()
        if context is not None:
            budget = context.budget
            return lambda: budget.timeout(self.whole_seconds, reserve=RESERVE_SECONDS)
        end = self.now() + self.whole_seconds
        return lambda: end - self.now()
