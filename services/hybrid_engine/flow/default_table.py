"""The tables that decide wherever a tenant's own rules do not: one for flows, one for talk without any."""

from services.hybrid_engine.flow.state import Phase
from services.hybrid_engine.flow.table import Do, Kind, Rule, When

OPEN = "open"


def _when(
    *kinds: Kind,
    phase: str | tuple[str, ...] = (),
    without: tuple[Kind, ...] = (),
    complete: bool | None = None,
    asked_out: bool | None = None,
    unconfirmed: bool | None = None,
) -> When:
    phases = (phase,) if isinstance(phase, str) else phase
    return When(
        frozenset(phases),
        frozenset(kinds),
        frozenset(without),
        complete=complete,
        asked_out=asked_out,
        unconfirmed=unconfirmed,
    )


# Said to whoever asks nothing of a flow.
_SMALL_TALK = (
    Rule("greeting", _when(Kind.GREETING), Do.GREET),
    # A first sign of life is greeted; afterwards nobody is, for saying «ok».
    Rule("nothing_asked", _when(Kind.FIRST), Do.GREET),
    Rule("anything_else", _when(), Do.GREET, say="anything_else"),
)

FLOW_TABLE = (
    Rule("handoff_words", _when(Kind.HANDOFF), Do.HANDOFF),
    Rule("cancel_words", _when(Kind.CANCEL, phase=OPEN), Do.CANCEL),
    # An order that is placed is not undone, nor changed, by a word: a person does that.
    Rule("cancels_placed", _when(Kind.CANCEL, phase=Phase.DONE), Do.HANDOFF),
    Rule("nothing_to_cancel", _when(Kind.CANCEL), Do.CANCEL, say="nothing_to_cancel"),
    Rule("changes_placed", _when(Kind.ORDER_CHANGE, phase=Phase.DONE), Do.HANDOFF),
    Rule("handed_off", _when(phase=Phase.HANDED_OFF), Do.HANDOFF),
    Rule("confirmed", _when(Kind.YES, phase=Phase.CONFIRMING, without=(Kind.NEW_VALUE,), complete=True), Do.DONE),
    Rule("too_many_asks", _when(phase=OPEN, asked_out=True), Do.HANDOFF),
    Rule("digression", _when(Kind.QUESTION, phase=OPEN), Do.ANSWER),
    Rule(
        "refused",
        _when(Kind.NO, phase=Phase.CONFIRMING, without=(Kind.NEW_VALUE,), complete=True),
        Do.CONFIRM,
        say="refused",
    ),
    Rule("invalid_value", _when(Kind.INVALID_VALUE, phase=OPEN, complete=False), Do.ASK),
    Rule("unconfirmed_value", _when(phase=OPEN, unconfirmed=True), Do.ASK),
    Rule("first_missing_slot", _when(phase=OPEN, complete=False), Do.ASK),
    Rule("all_slots_filled", _when(phase=Phase.CONFIRMING), Do.CONFIRM),
    Rule("phase_complete", _when(phase=OPEN), Do.PROCEED),
    Rule("question", _when(Kind.QUESTION), Do.ANSWER),
    Rule("closing", _when(Kind.CLOSING), Do.GREET, say="closing"),
    Rule(
        "closing", _when(Kind.NO, phase=(Phase.IDLE, Phase.CANCELLED), without=(Kind.TOPIC,)), Do.GREET, say="closing"
    ),
    Rule("already_done", _when(phase=Phase.DONE, without=(Kind.TOPIC,)), Do.DONE, say="already_done"),
    Rule("question", _when(Kind.TOPIC, without=(Kind.GREETING,)), Do.ANSWER),
    *_SMALL_TALK,
)

# Without a flow only a hand-off is remembered, until the customer asks something again.
TALK_TABLE = (
    Rule("handoff_words", _when(Kind.HANDOFF), Do.HANDOFF),
    Rule("question", _when(Kind.QUESTION), Do.ANSWER, goto=Phase.IDLE),
    Rule("handed_off", _when(phase=Phase.HANDED_OFF), Do.HANDOFF),
    Rule("closing", _when(Kind.CLOSING), Do.GREET, say="closing"),
    Rule("closing", _when(Kind.NO, without=(Kind.TOPIC,)), Do.GREET, say="closing"),
    Rule("question", _when(Kind.TOPIC, without=(Kind.GREETING,)), Do.ANSWER),
    *_SMALL_TALK,
)
