"""The rules of a flow and the phases that they belong to: what a tenant may write, and its closed vocabulary."""

from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from libs.common.tenants.part import Identifier, Part

# What a message is, as far as rules may ask.
MessageKind = Literal[
    "cancel",
    "handoff",
    "question",
    "greeting",
    "closing",
    "yes",
    "no",
    "invalid_value",
    "new_value",
    "order_change",
    "image",
    "trigger",
    "topic",
    "first",
]
# Phases that every flow has. `open` stands for any between the beginning and these ends.
BUILT_IN_PHASES = ("idle", "confirming", "done", "cancelled", "handed_off")
ENDS = ("confirming", "done", "cancelled", "handed_off")
OPEN = "open"
# What a rule may do without a template of its own: ask for what is missing, go to another phase without a word, answer
# from documents, greet; and what every flow has.
FLOW_ACTIONS = ("confirm", "done", "handoff", "cancel")
BUILT_IN_ACTIONS = ("ask", "proceed", "answer_question", "greet", *FLOW_ACTIONS)
# What a flow without phases calls its only one.
COLLECTING = "collecting"


def _one_or_many(found: Any) -> Any:
    """One word may stand for a list of one."""
    if isinstance(found, list):
        return tuple(cast("list[object]", found))
    return (found,) if isinstance(found, str) else found


Names = Annotated[tuple[Identifier, ...], BeforeValidator(_one_or_many), Field(min_length=1, max_length=30)]
Messages = Annotated[tuple[MessageKind, ...], BeforeValidator(_one_or_many), Field(min_length=1, max_length=14)]


class When(Part):
    """When a rule holds: when all that is written here is true. Nothing written is always true."""

    # The conversation is in one of these phases.
    phase: Names | None = None
    # The message is at least one of these.
    message: Messages | None = None
    # The message is none of these.
    not_message: Messages | None = None
    # Each of these slots has a value, or has none.
    filled: Names | None = None
    missing: Names | None = None
    # Each of these slots has one of these values.
    equals: dict[Identifier, Names] = Field(default_factory=dict)
    # Whether every slot of the phase that applies has a value.
    complete: bool | None = None
    # Whether the slot that is awaited was asked for `max_asks` times in vain.
    asked_out: bool | None = None

    @property
    def always(self) -> bool:
        """Whether nothing is written."""
        return not self.model_fields_set


class FlowRule(Part):
    """One line of a table: the first whose `when` holds decides."""

    name: Identifier
    when: When = When()
    # What is said: one of the built-in actions, or any other that has a template.
    do: Identifier
    # The phase that the conversation is in afterwards; the same one when missing.
    goto: Identifier | None = None
    # Slots whose values are forgotten, so that they are asked for again.
    forget: Annotated[tuple[Identifier, ...], Field(max_length=12)] = ()


class FlowPhase(Part):
    """A part of a flow: the slots that it asks for, and the rules that are tried first in it."""

    name: Identifier
    slots: Annotated[tuple[Identifier, ...], Field(max_length=12)] = ()
    rules: Annotated[tuple[FlowRule, ...], Field(max_length=30)] = ()
    # When every slot is filled: what is said, if anything, and the phase that follows.
    do: Identifier | None = None
    goto: Identifier | None = None
