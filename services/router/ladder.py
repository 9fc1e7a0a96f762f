"""The ladder of a turn: the assigned engine, the other one, then the emergency text; never silence."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.errors import DeadlineExceeded, ReparteeError, Unavailable
from libs.common.request_context import Budget
from libs.common.tenants.bundle import TenantBundle
from services.router.assignment import Assignment
from services.router.emergency import emergency_text
from services.router.turn import NO_USAGE, Attachment, Embedding, FlowState, Message, Rung, Source, Usage, Variant

_log = logging.getLogger(__name__)

# Kept back for the emergency text and for keeping the turn.
RESERVE_SECONDS = 0.15
# With less than this left, the other engine is not worth a try.
OTHER_ENGINE_FLOOR_SECONDS = 0.3
# With less than this left, no engine is.
ENGINE_FLOOR_SECONDS = 0.02
# The assigned engine's part of the time, so that one that hangs leaves some to the other.
ASSIGNED_SHARE = 0.7

_SYSTEMS = {Variant.HYBRID: "HYBRIDE", Variant.CLASSIC: "ANCIEN"}
_RESCUERS = {Variant.CLASSIC: "ancien système", Variant.HYBRID: "système hybride"}


@dataclass(frozen=True, slots=True)
class EngineQuestion:
    """Everything an engine needs to answer a turn."""

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


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """What an engine answered. `is_template` with `reasons` means that a model should have worded it."""

    text: str
    state: FlowState
    knowledge_text: str = ""
    action: str = ""
    agent: str = ""
    confidence: float = 0.0
    reasoning: str = ""
    is_template: bool = False
    reasons: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    usage: Usage = NO_USAGE
    llm_tier: str = ""
    cacheable: bool = False
    knowledge_epoch: int = 0
    embedding: Embedding | None = None


class Engine(Protocol):
    """Answers turns and keeps nothing."""

    async def answer(self, question: EngineQuestion, *, timeout_seconds: float) -> EngineAnswer:
        """Returns an answer; raises a ReparteeError when there is none, or not in time."""
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

    def __init__(self, engines: Mapping[Variant, Engine]) -> None:
        self._engines = engines

    async def serve(
        self,
        question: EngineQuestion,
        *,
        assignment: Assignment,
        bundle: TenantBundle | None,
        budget: Budget,
        strict: bool,
    ) -> Served:
        """Returns a text before the budget ends, whatever fails.

        A cancelled caller gets nothing more: nobody waits for a rescue. With `strict`, the first engine's error is
        raised where the emergency text would be said.
        """
        variant = assignment.variant
        mark = {"conversation": question.conversation_id, "variant": variant.value, "bucket": assignment.bucket}
        _log.info("[ROUTER] Routage vers système %s", _SYSTEMS[variant], extra=mark)
        try:
            answer = await self._ask(variant, question, _assigned_seconds(budget))
        except ReparteeError as error:
            first_error = error
        else:
            is_forced_template = answer.is_template and bool(answer.reasons)
            rung = Rung.TEMPLATE if is_forced_template else Rung.ASSIGNED
            return Served(answer.text, rung, answer.reasons, answer, variant)
        reasons = [first_error.reason]
        _log.warning("[ROUTER] Erreur système %s: %s", _SYSTEMS[variant], first_error.reason, extra=mark)
        seconds = budget.remaining() - RESERVE_SECONDS
        if seconds < OTHER_ENGINE_FLOOR_SECONDS:
            reasons.append("NO_TIME_FOR_OTHER_ENGINE")
        else:
            other = variant.other
            _log.warning("[ROUTER] FALLBACK automatique vers %s", _RESCUERS[other], extra=mark)
            try:
                answer = await self._ask(other, question, seconds)
                return Served(answer.text, Rung.OTHER_ENGINE, (*reasons, *answer.reasons), answer, other)
            except ReparteeError as error:
                reasons.append(error.reason)
                _log.warning("[ROUTER] Erreur système %s: %s", _SYSTEMS[other], error.reason, extra=mark)
        if strict:
            raise first_error
        return Served(emergency_text(bundle, question.state), Rung.EMERGENCY, tuple(reasons))

    async def _ask(self, variant: Variant, question: EngineQuestion, seconds: float) -> EngineAnswer:
        if seconds < ENGINE_FLOOR_SECONDS:
            raise DeadlineExceeded("DEADLINE_TOO_SHORT", "Too little of the deadline is left to ask an engine.")
        try:
            async with asyncio.timeout(seconds):
                answer = await self._engines[variant].answer(question, timeout_seconds=seconds)
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
