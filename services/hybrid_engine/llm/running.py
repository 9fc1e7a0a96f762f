"""One request on its way through the tiers: which is asked next, and what has been said so far."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from random import Random

from libs.common.errors import Exhausted
from services.hybrid_engine.llm.accounting import Account
from services.hybrid_engine.llm.chat import (
    Attempt,
    ChatPrompt,
    ChatReply,
    Delta,
    Finished,
    MidStream,
    Purpose,
    Restarted,
    Streamed,
)
from services.hybrid_engine.llm.endings import BUDGET_SPENT, NO_TIER_AVAILABLE, ContentFiltered, NoTier
from services.hybrid_engine.llm.faults import HANDLING, Fault
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.llm.mode import LlmMode
from services.hybrid_engine.llm.release import closing_phrase, continuation, release_of
from services.hybrid_engine.llm.trying import Try

_log = logging.getLogger(__name__)

MAX_ATTEMPTS = 4
# Under this a model is not asked: it could not answer in time.
FLOOR_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 3.0
_RETRY_SECONDS = (0.05, 0.25)


@dataclass
class Running:
    """One request. `events` is called once."""

    tiers: Sequence[GuardedTier]
    mode: LlmMode
    account: Account
    prompt: ChatPrompt
    purpose: Purpose
    policy: MidStream
    seconds_left: Callable[[], float]
    jitter: Random
    tell: Callable[[Try], None]
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    said: str = ""
    _asked: int = 0
    _wasted_tokens: int = 0
    _cost_micro_usd: int = 0
    # Tokens of the largest window that the prompt did not fit into.
    _too_small: int = 0
    _last: Try | None = None
    _speaker: Try | None = None
    _served: ChatReply | None = None

    async def events(self) -> AsyncGenerator[Streamed, None]:
        """Yields what happens; see `Cascade.stream`."""
        for index, tier in enumerate(self.tiers):
            if self._ends_here():
                break
            async with aclosing(self._ask(tier, index)) as events:
                async for event in events:
                    yield event
            if self._served is not None:
                yield Finished(self._served)
                return
        if not self.said:
            raise self._refusal()
        phrase = "" if self.policy is MidStream.FAIL else closing_phrase(self.said, self.purpose.language)
        if phrase:
            self.said += phrase
            yield Delta(phrase)
        yield Finished(self._closed())

    async def _ask(self, tier: GuardedTier, index: int) -> AsyncGenerator[Streamed, None]:
        """Asks one tier, again where the fault allows, until it serves or there is no point in asking it."""
        if tier.traits.context_tokens <= self._too_small:
            self._pass_over(tier, Fault.CONTEXT_LENGTH.value)
            return
        if tier.refusal:
            self._pass_over(tier, tier.refusal)
            return
        models, retries = list(tier.models), 0
        while models and not self._ends_here():
            if reason := tier.pass_over(self.mode):
                self._pass_over(tier, reason)
                return
            prompt = self._rest_of_prompt(tier) if self._continues else self.prompt
            attempt = Try(tier, models[0], prompt, tier.breaker.epoch)
            self._last = attempt
            if not await self._hold(attempt):
                return
            self._announce(tier, index)
            self._asked += 1
            async with aclosing(self._sent(attempt)) as events:
                async for event in events:
                    yield event
            if attempt.failure is None:
                self._served = self._reply(attempt, index)
                return
            if attempt.failure.fault is Fault.MODEL_GONE:
                models.pop(0)
                continue
            wait = self._wait_before_retry(attempt, retries)
            if wait is None:
                if attempt.asked_to_wait is not None:
                    tier.rest(attempt.asked_to_wait)
                return
            # A gateway with more models gets the next one in place of the one that failed.
            models = models[1:] + models[:1]
            retries += 1
            await asyncio.sleep(wait)

    async def _hold(self, attempt: Try) -> bool:
        """Holds what a try may cost; false when the day's budget does not hold it."""
        try:
            await attempt.hold(self.account)
        except BaseException as error:
            attempt.tier.let_go(attempt.epoch)
            if not isinstance(error, Exhausted):
                raise
            self._pass_over(attempt.tier, error.reason)
            return False
        return True

    async def _sent(self, attempt: Try) -> AsyncGenerator[Streamed, None]:
        """Runs one try and yields what of it may be sent; afterwards its `failure` says how it ended."""
        release = release_of(self.policy, self.said)
        voided = self.said if self.policy is MidStream.RESTART else ""
        try:
            async with aclosing(attempt.text(self.purpose, self.seconds_left())) as texts:
                async for text in texts:
                    for event in self._out(release.add(text), attempt, voided=voided):
                        voided = ""
                        yield event
            if attempt.failure is None:
                for event in self._out(release.rest(), attempt, voided=voided):
                    yield event
        finally:
            # Also where the caller leaves in the middle: what was read so far is paid for.
            self._cost_micro_usd += attempt.settle(self.account, self.purpose, number=self._asked)
            self._note(attempt)

    def _out(self, text: str, attempt: Try, *, voided: str) -> Sequence[Streamed]:
        if voided or not self.said:
            # A reply begins with its first word: blanks alone are nothing said.
            text = text.lstrip()
        if not text:
            return ()
        attempt.has_spoken = True
        self._speaker = attempt
        if voided:
            self.said = text
            reason = next((each.reason for each in reversed(self.attempts) if each.model), Fault.CUT.value)
            return Restarted(reason), Delta(text)
        self.said += text
        return (Delta(text),)

    @property
    def _continues(self) -> bool:
        return self.policy is MidStream.CONTINUE_SENTENCE and bool(self.said)

    def _rest_of_prompt(self, tier: GuardedTier) -> ChatPrompt:
        return continuation(self.prompt, self.said, language=self.purpose.language, continues=tier.traits.continues)

    def _ends_here(self) -> bool:
        failure = self._last.failure if self._last else None
        if self._asked >= MAX_ATTEMPTS:
            return True
        if failure is not None and not HANDLING[failure.fault].goes_on:
            return True
        if self.policy is MidStream.FAIL and self.said:
            return True
        return self.seconds_left() < FLOOR_SECONDS

    def _wait_before_retry(self, attempt: Try, retries: int) -> float | None:
        """Returns how long to wait before the same tier is asked again, or None when it is not."""
        failure = attempt.failure
        if failure is None or retries >= HANDLING[failure.fault].retries or attempt.has_spoken:
            return None
        asked = failure.retry_after_seconds
        if asked is None:
            return self.jitter.uniform(*_RETRY_SECONDS)
        return asked if asked <= min(_LONGEST_WAIT_SECONDS, self.seconds_left() / 3) else None

    def _note(self, attempt: Try) -> None:
        failure, tier = attempt.failure, attempt.tier
        self.tell(attempt)
        reason = failure.reason if failure else ("" if attempt.is_whole else "CANCELLED")
        self.attempts.append(Attempt(tier.name, attempt.model, reason, attempt.duration_ms()))
        if attempt.is_whole:
            tier.succeeded(attempt.epoch)
            return
        self._wasted_tokens += attempt.count.prompt + attempt.count.completion
        if failure is None:
            tier.let_go(attempt.epoch)
            return
        _log.warning("[MODEL] ❌ %s failed: %s", tier.name.upper(), HANDLING[failure.fault].word)
        if attempt.asked_to_wait is not None:
            tier.let_go(attempt.epoch)
        else:
            tier.failed(failure, attempt.model, attempt.epoch)
        if failure.fault is Fault.CONTEXT_LENGTH:
            self._too_small = max(self._too_small, tier.traits.context_tokens)

    def _pass_over(self, tier: GuardedTier, reason: str) -> None:
        self.attempts.append(Attempt(tier.name, "", reason))

    def _announce(self, tier: GuardedTier, index: int) -> None:
        if index == 0:
            _log.info("[MODEL] 🔗 Tentative %s...", tier.label)
        else:
            _log.info("[MODEL] 🌐 Utilisation du fallback %s (si configuré)", tier.label)

    def _reply(self, attempt: Try, index: int) -> ChatReply:
        return ChatReply(
            text=self.said,
            tier=attempt.tier.name,
            finish_reason=attempt.finish,
            prompt_tokens=attempt.count.prompt,
            completion_tokens=attempt.count.completion,
            model=attempt.model,
            tier_index=index,
            wasted_tokens=self._wasted_tokens,
            cost_micro_usd=self._cost_micro_usd,
            attempts=tuple(self.attempts),
        )

    def _closed(self) -> ChatReply:
        spoke = self._speaker
        if spoke is None or spoke.failure is None:
            raise RuntimeError("a text was cut by no failure")
        reply = self._reply(spoke, self.tiers.index(spoke.tier))
        finish = HANDLING[spoke.failure.fault].finish
        return replace(reply, finish_reason=finish, complete=False, prompt_tokens=0, completion_tokens=0)

    def _refusal(self) -> Exception:
        failure = self._last.failure if self._last else None
        spent = {"wasted_tokens": self._wasted_tokens, "cost_micro_usd": self._cost_micro_usd}
        if failure is not None and failure.fault is Fault.CONTENT_FILTERED:
            return ContentFiltered(tuple(self.attempts), **spent)
        if self.seconds_left() < FLOOR_SECONDS and not self.attempts:
            self.attempts.append(Attempt("", "", Fault.NO_TIME.value))
        only_money = not self._asked and any(each.reason == BUDGET_SPENT for each in self.attempts)
        return NoTier(tuple(self.attempts), reason=BUDGET_SPENT if only_money else NO_TIER_AVAILABLE, **spent)
