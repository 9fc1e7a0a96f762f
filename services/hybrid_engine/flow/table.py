"""A table of rules over a situation: the first that holds decides. Nothing here reads a message or changes a state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a message is, as far as rules may ask; it may be several."""

    CANCEL = "cancel"
    HANDOFF = "handoff"
    QUESTION = "question"
    GREETING = "greeting"
    CLOSING = "closing"
    YES = "yes"
    NO = "no"
    # The awaited slot was given a value that it cannot have.
    INVALID_VALUE = "invalid_value"
    # A slot was filled, changed or agreed to.
    NEW_VALUE = "new_value"
    # Another value for an order that is placed.
    ORDER_CHANGE = "order_change"
    IMAGE = "image"
    TRIGGER = "trigger"
    # Words that carry meaning: one, or two once an order is placed («ok reçu»).
    TOPIC = "topic"
    # The first message of the conversation.
    FIRST = "first"


# What a message says to the question that was open; it says nothing to the next one.
ANSWERS = frozenset({Kind.YES, Kind.NO, Kind.INVALID_VALUE, Kind.NEW_VALUE})


class Do(StrEnum):
    """The actions that the engine knows by itself; any other is a template of the tenant's."""

    ASK = "ask"
    PROCEED = "proceed"
    ANSWER = "answer_question"
    CONFIRM = "confirm"
    DONE = "done"
    HANDOFF = "handoff"
    CANCEL = "cancel"
    GREET = "greet"


@dataclass(frozen=True, slots=True)
class When:
    """A condition: all that is set must be true. Nothing set always holds.

    `phases` and `kinds` ask for one of them, `no_kinds` for none; `equals` gives the values that a slot may have;
    `unconfirmed` asks for a slot whose value was not agreed to yet.
    """

    phases: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    no_kinds: frozenset[Kind] = frozenset()
    filled: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    equals: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    complete: bool | None = None
    asked_out: bool | None = None
    unconfirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a table: when it holds, `do` is done, and the conversation goes to the phase `goto`, if any.

    `say` names a text that is said in place of the action's own. Values of `forget` are forgotten.
    """

    name: str
    when: When
    do: str
    goto: str = ""
    say: str = ""
    forget: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What rules are tried on: a message, and where the conversation stands with what it gave.

    `phases` holds the phase, and `open` between the beginning and the end. `values` are those that were agreed to.
    """

    phases: frozenset[str]
    kinds: frozenset[Kind]
    values: Mapping[str, str]
    complete: bool = False
    asked_out: bool = False
    unconfirmed: bool = False


def holds(when: When, now: Situation) -> bool:
    """Whether a condition is true of a situation."""
    if when.phases and not when.phases & now.phases:
        return False
    if when.kinds and not when.kinds & now.kinds:
        return False
    if when.no_kinds & now.kinds or not when.filled <= now.values.keys() or when.missing & now.values.keys():
        return False
    if any(now.values.get(slot) not in wanted for slot, wanted in when.equals.items()):
        return False
    states = ((when.complete, now.complete), (when.asked_out, now.asked_out), (when.unconfirmed, now.unconfirmed))
    return all(wanted is None or wanted == given for wanted, given in states)


def first_that_holds(rules: Iterable[Rule], now: Situation) -> Rule:
    """Returns the rule that decides. Raises StopIteration for a table whose last rule does not always hold."""
    return next(rule for rule in rules if holds(rule.when, now))
