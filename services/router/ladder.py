"""The ladder of a turn: the assigned engine, the other one, then the emergency text; never silence."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from libs.common.errors import DeadlineExceeded, ReparteeError, Unavailable
from libs.common.request_context import Budget
from libs.common.tenants.bundle import TenantBundle
from services.router.assignment import Assignment
from services.router.emergency import emergency_text
from services.router.shown import Shown, Sink
from services.router.turn import (
    NO_USAGE,
    TEXT_CUT,
    Attachment,
    Attempt,
    Embedding,
    FlowState,
    Message,
    Rung,
    Source,
    Usage,
    Variant,
)
from services.router.variant_names import KNOWN_NAMES, VariantNames

_log = logging.getLogger(__name__)

# Kept back for the emergency text and for keeping the turn.
RESERVE_SECONDS = 0.15
# With less than this left, the other engine is not worth a try.
OTHER_ENGINE_FLOOR_SECONDS = 0.3
# With less than this left, no engine is.
ENGINE_FLOOR_SECONDS = 0.02
# The assigned engine's part of the time, so that one that hangs leaves some to the other.
ASSIGNED_SHARE = 0.7

# Why an engine may say a template by its own choice, with nothing failed and no model replaced.
_CHOSEN = frozenset({"NOTHING_FOUND", "AGENT_UNSURE"})


@dataclass(frozen=True, slots=True)
class EngineQuestion:
    """Everything an engine needs to answer a turn.

    `assigned_variant` is who the turn counts for in the ledger, empty for the engine's own; `shadow` marks a copy of a
    turn that the other engine serves. `nothing_found` says that the documents were asked a moment ago, in vain.
    """

    conversation_id: str
    turn_id: str
    text: str
    attachments: tuple[Attachment, ...]
    history: Sequence[Message]
    state: FlowState
    embedding: Embedding | None
    locale: str
    channel: str
    agent: str
    assigned_variant: str = ""
    shadow: bool = False
    nothing_found: bool = False


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """What an engine answered.

    `is_template` with `reasons` means that a model should have worded it; `complete` is False for a text that was cut
    and closed with a canned phrase.
    """

    text: str
    state: FlowState
    knowledge_text: str = ""
    action: str = ""
    agent: str = ""
    confidence: float = 0.0
    reasoning: str = ""
    is_template: bool = False
    # `model`, `template`, `extract` or `canned`; empty when the engine does not say.
    wording: str = ""
    reasons: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    usage: Usage = NO_USAGE
    llm_tier: str = ""
    cacheable: bool = False
    knowledge_epoch: int = 0
    embedding: Embedding | None = None
    attempts: tuple[Attempt, ...] = ()
    complete: bool = True
    finish_reason: str = ""
    # The documents were asked, and none answers.
    nothing_found: bool = False


class Engine(Protocol):
    """Answers turns and keeps nothing."""

    async def answer(
        self, question: EngineQuestion, *, timeout_seconds: float, sink: Sink | None = None
    ) -> EngineAnswer:
        """Returns an answer; raises a ReparteeError when there is none, or not in time.

        With a `sink` the text goes there too, as it comes. Cancelled, it ends the engine's work.
        """
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """What the ladder came to: an answer and who gave it, or the emergency text and neither."""

    text: str
    rung: Rung
    reasons: tuple[str, ...]
    answer: EngineAnswer | None = None
    served_by: Variant | None = None


class Ladder:
    """Climbs down from the assigned engine, only as far as it must."""

    def __init__(self, engines: Mapping[Variant, Engine], *, names: VariantNames = KNOWN_NAMES) -> None:
        self._engines = engines
        self._names = names

    async def serve(
        self,
        question: EngineQuestion,
        *,
        assignment: Assignment,
        bundle: TenantBundle | None,
        budget: Budget,
        strict: bool,
        shown: Shown | None = None,
    ) -> Served:
        """Returns a text before the budget ends, whatever fails.

        A cancelled caller gets nothing more: nobody waits for a rescue. With `strict`, the first engine's error is
        raised where the emergency text would be said. `shown` gets the text as it comes; what an engine showed before
        it failed is taken back, with its error as the reason.
        """
        variant = assignment.variant
        # Beside these, a line carries the tenant and the trace of its call.
        mark = {"conversation": question.conversation_id, "variant": variant.value, "bucket": assignment.bucket}
        _log.info("[ROUTER] Routage vers système %s", self._names[variant].logged, extra=mark)
        try:
            answer = await self._ask(variant, question, _assigned_seconds(budget), shown)
        except ReparteeError as error:
            first_error = error
        else:
            is_forced_template = answer.is_template and not _CHOSEN.issuperset(answer.reasons)
            rung = Rung.TEMPLATE if is_forced_template else Rung.ASSIGNED
            return Served(answer.text, rung, answer.reasons, answer, variant)
        reasons = [first_error.reason]
        _log.warning("[ROUTER] Erreur système %s: %s", self._names[variant].logged, first_error.reason, extra=mark)
        seconds = budget.remaining() - RESERVE_SECONDS
        if seconds < OTHER_ENGINE_FLOOR_SECONDS:
            reasons.append("NO_TIME_FOR_OTHER_ENGINE")
        else:
            other = variant.other
            _log.warning("[ROUTER] FALLBACK automatique vers %s", self._names[other].logged_in_full, extra=mark)
            try:
                answer = await self._ask(other, question, seconds, shown)
                return Served(answer.text, Rung.OTHER_ENGINE, (*reasons, *answer.reasons), answer, other)
            except ReparteeError as error:
                reasons.append(error.reason)
                _log.warning("[ROUTER] Erreur système %s: %s", self._names[other].logged, error.reason, extra=mark)
        if strict:
            raise first_error
        return Served(emergency_text(bundle, question.state), Rung.EMERGENCY, tuple(reasons))

    async def _ask(
        self, variant: Variant, question: EngineQuestion, seconds: float, shown: Shown | None
    ) -> EngineAnswer:
        try:
            answer = await self._in_time(variant, question, seconds, shown)
        except ReparteeError as error:
            if shown is not None:
                shown.reset(error.reason)
            raise
        # A cut text is an answer still, and says so wherever its reply is read again.
        return answer if answer.complete else replace(answer, reasons=(*answer.reasons, TEXT_CUT))

    async def _in_time(
        self, variant: Variant, question: EngineQuestion, seconds: float, shown: Shown | None
    ) -> EngineAnswer:
        if seconds < ENGINE_FLOOR_SECONDS:
            raise DeadlineExceeded("DEADLINE_TOO_SHORT", "Too little of the deadline is left to ask an engine.")
        try:
            async with asyncio.timeout(seconds):
                answer = await self._engines[variant].answer(question, timeout_seconds=seconds, sink=shown)
        except TimeoutError:
            raise DeadlineExceeded("DEADLINE_EXCEEDED", "The engine did not answer in time.") from None
        if not answer.text.strip():
            raise Unavailable("EMPTY_REPLY", "The engine answered without a text.")
        return answer


def _assigned_seconds(budget: Budget) -> float:
    """Returns the assigned engine's time: its share where that leaves the other one enough to be asked, else all."""
    usable = budget.remaining() - RESERVE_SECONDS
    share = usable * ASSIGNED_SHARE
    return share if usable - share >= OTHER_ENGINE_FLOOR_SECONDS else usable
