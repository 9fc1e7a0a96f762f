"""One turn on its way: what an engine is asked about it, and what it changes in the end."""

from dataclasses import dataclass

from libs.common.request_context import RequestContext
from libs.common.tenants.bundle import TenantBundle
from services.router.answers import Lookup
from services.router.assignment import Assignment
from services.router.conversations import Commit, Snapshot
from services.router.ladder import EngineQuestion
from services.router.shown import Shown
from services.router.state_digest import state_digest
from services.router.turn import Message, Reply, Turn

# How far a customer's clock may be off before the router's is taken.
MAX_CLOCK_ERROR_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Work:
    """A turn being answered. `accepted_at` is in seconds since 1970, `started` of the monotonic clock."""

    turn: Turn
    call: RequestContext
    bundle: TenantBundle | None
    turn_id: str
    accepted_at: float
    started: float
    shown: Shown | None = None

    @property
    def locale(self) -> str:
        """The language of the turn: the caller's, or the tenant's."""
        return self.turn.locale or (self.bundle.locale if self.bundle else "")


def question_of(work: Work, lookup: Lookup, snapshot: Snapshot, assignment: Assignment) -> EngineQuestion:
    turn, bundle = work.turn, work.bundle
    return EngineQuestion(
        conversation_id=turn.conversation_id,
        turn_id=work.turn_id,
        text=turn.message,
        attachments=turn.attachments,
        history=snapshot.history,
        state=snapshot.state,
        embedding=lookup.embedding,
        locale=work.locale,
        channel=turn.channel or (bundle.channel if bundle else ""),
        agent=turn.agent,
        assigned_variant=assignment.variant.value,
        nothing_found=lookup.nothing_found,
    )


def commit_of(work: Work, snapshot: Snapshot | None, reply: Reply, *, replied_at: float) -> Commit:
    """Returns what the turn changes; without a snapshot the state stays as it is, whatever it is."""
    turn, sent_at = work.turn, work.accepted_at
    if turn.sent_at and abs(turn.sent_at - sent_at) <= MAX_CLOCK_ERROR_SECONDS:
        sent_at = turn.sent_at
    began_with, began_at = (snapshot.began_with, snapshot.began_at) if snapshot else (None, 0.0)
    if snapshot and began_with is None and reply.served_by is not None:
        began_with, began_at = reply.variant, work.accepted_at
    digest = state_digest(reply.state) if snapshot else ""
    retention_days = work.bundle.retention_days if work.bundle else None
    return Commit(
        snapshot.version if snapshot else None,
        (
            Message(reply.turn_id, "customer", turn.message, turn.attachments, sent_at),
            Message(reply.turn_id, "bot", reply.text, (), replied_at, reply.action, digest),
        ),
        reply,
        # An id that the router made is unknown to the caller, who can never retry with it.
        keep_reply=bool(turn.turn_id),
        user_id=turn.user_id,
        retention_seconds=(retention_days or 0) * 86_400,
        began_with=began_with,
        began_at=began_at,
    )
