"""Recorded turns through both engines: what each decides now, at what price, and whether hybrid decides as it did."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from libs.common.status import from_rpc_error
from repartee.v1 import common_pb2, engine_pb2
from services.router.adapters.wire_state import read_state
from services.router.state_digest import state_digest
from tools.recording import RecordedTurn, Recording

HYBRID, CLASSIC = "hybrid", "classic"
ENGINES = (CLASSIC, HYBRID)
# A model on a laptop may take its time; nobody waits for this one.
_TURN_SECONDS = 60.0
_HISTORY = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one engine made of a turn. `failure` is the reason why it made nothing, and then the rest is empty."""

    text: str = ""
    action: str = ""
    digest: str = ""
    awaiting: str = ""
    seconds: float = 0.0
    tokens: int = 0
    cost_micro_usd: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedTurn:
    """One turn of the recording, and what each engine says to it today.

    `by_engine` is False for a turn that the cache or the emergency text answered: no engine decided it, so its state
    is the one before. `recorded_digest` is empty for a turn that the cache answered, and where none was kept.
    """

    conversation: str
    turn: RecordedTurn
    outcomes: Mapping[str, Outcome]
    by_engine: bool
    recorded_digest: str

    @property
    def name(self) -> str:
        """`conversation turn`."""
        return f"{self.conversation} {self.turn.said.turn_id}"

    @property
    def is_faithful(self) -> bool:
        """Whether hybrid came to the recorded state, bit for bit; True where there is nothing to compare with."""
        return not self.by_engine or not self.recorded_digest or self.outcomes[HYBRID].digest == self.recorded_digest

    @property
    def agrees(self) -> bool:
        """Whether both engines came to the same state."""
        return self.outcomes[HYBRID].digest == self.outcomes[CLASSIC].digest


@dataclass(frozen=True, slots=True)
class Totals:
    """One engine over all turns; times in seconds, over the turns that it answered."""

    answered: int
    failed: int
    mean_seconds: float
    p95_seconds: float
    tokens: int
    cost_micro_usd: int


def totals(turns: Sequence[ReplayedTurn], engine: str) -> Totals:
    """Returns the sums of `engine`; the 95th percentile is the nearest rank."""
    outcomes = [turn.outcomes[engine] for turn in turns]
    seconds = sorted(each.seconds for each in outcomes if not each.failure)
    return Totals(
        answered=len(seconds),
        failed=len(outcomes) - len(seconds),
        mean_seconds=sum(seconds) / len(seconds) if seconds else 0.0,
        p95_seconds=seconds[max(0, -(-len(seconds) * 95 // 100) - 1)] if seconds else 0.0,
        tokens=sum(each.tokens for each in outcomes),
        cost_micro_usd=sum(each.cost_micro_usd for each in outcomes),
    )


async def replay(
    recording: Recording,
    engines: Mapping[str, Any],
    *,
    after_turn: Callable[[ReplayedTurn], None],
    now: Callable[[], float] = time.perf_counter,
) -> list[ReplayedTurn]:
    """Returns every turn, answered by both stubs of `engines`, each of which carries its own state through.

    An engine that fails goes on from the other's state, as it would after a rescue. Raises the engine's error for a
    credential or a tenant that it does not know.
    """
    turns: list[ReplayedTurn] = []
    states = {name: common_pb2.FlowState() for name in ENGINES}
    for turn in recording.turns():
        recorded = turn.reply.state_digest
        by_engine = _was_decided(recording, turn, before=_digest(states[HYBRID]))
        outcomes: dict[str, Outcome] = {}
        after: dict[str, common_pb2.FlowState] = {}
        for name in ENGINES:
            request = _request(recording, turn, states[name], engine=name)
            outcomes[name], state = await _ask(engines[name], request, now)
            if state is not None:
                after[name] = state
        if by_engine and after:
            rescued = next(iter(after.values()))
            states = {name: after.get(name, rescued) for name in ENGINES}
        replayed = ReplayedTurn(recording.conversation, turn, outcomes, by_engine, recorded)
        turns.append(replayed)
        after_turn(replayed)
    return turns


def _was_decided(recording: Recording, turn: RecordedTurn, *, before: str) -> bool:
    """Whether an engine decided a recorded turn: each decision counts an event, so its state is never the one before.

    A reply from the cache is kept without reading the state, and so has no digest; a whole recording without any was
    made of replies that were kept without.
    """
    if turn.reply.state_digest:
        return turn.reply.state_digest != before
    has_reply = bool(turn.reply.turn_id)
    return not has_reply or not any(message.state_digest for message in recording.messages)


def _request(
    recording: Recording, turn: RecordedTurn, state: common_pb2.FlowState, *, engine: str
) -> engine_pb2.GenerateAnswerRequest:
    return engine_pb2.GenerateAnswerRequest(
        tenant_id=recording.tenant,
        conversation_id=recording.conversation,
        turn_id=turn.said.turn_id,
        text=turn.said.text,
        attachments=turn.said.attachments,
        history=turn.history[-_HISTORY:],
        state=state if state.flow_id or state.event_count else None,
        locale=recording.locale,
        channel=recording.channel,
        # What it costs is booked apart from what customers cause.
        shadow=True,
        assigned_variant=engine,
    )


async def _ask(
    stub: Any, request: engine_pb2.GenerateAnswerRequest, now: Callable[[], float]
) -> tuple[Outcome, common_pb2.FlowState | None]:
    began = now()
    try:
        answer = (await stub.GenerateAnswer(request, timeout=_TURN_SECONDS)).answer
    except grpc.aio.AioRpcError as failure:
        if failure.code() in (
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.PERMISSION_DENIED,
            grpc.StatusCode.NOT_FOUND,
        ):
            raise
        return Outcome(failure=from_rpc_error(failure).reason), None
    usage = answer.usage
    outcome = Outcome(
        text=answer.text,
        action=answer.action,
        digest=_digest(answer.state),
        awaiting=answer.state.awaiting_slot,
        seconds=now() - began,
        tokens=usage.prompt_tokens + usage.completion_tokens + usage.wasted_tokens,
        cost_micro_usd=usage.cost_micro_usd,
    )
    return outcome, answer.state


def _digest(state: common_pb2.FlowState) -> str:
    return state_digest(read_state(state))
