"""How use cases name what they do, so that each part becomes a span of the call's trace without their knowing of any.

A stage is a block, and a port that is given to a use case; a step is begun in one place and ended in another.
"""

import asyncio
import contextlib
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager

from opentelemetry.trace import SpanKind

from libs.common.attributes import Names
from libs.common.errors import ReparteeError
from libs.common.spans import CURRENT, RecordedSpan, start_below

# Called with a stage's name, such as `search`; the stage lasts as long as the block.
Stages = Callable[[str], AbstractContextManager[object]]

Noted = str | int | float | bool | tuple[str, ...]


def no_stages(_name: str) -> AbstractContextManager[None]:
    """Returns a block that records nothing: the default of every use case."""
    return contextlib.nullcontext()


class TracedStep:
    """A part of the call being served that may outlive a block. Records nothing where no call is traced."""

    __slots__ = ("_span",)

    def __init__(self, span: RecordedSpan | None) -> None:
        self._span = span

    def note(self, name: str, value: Noted) -> None:
        """Keeps a fact; `name` is one of `Names`, and the value is never what a customer wrote."""
        if self._span is not None:
            self._span.attributes[name] = value

    def fail(self, reason: str) -> None:
        """Marks the step as failed by `reason`."""
        if self._span is not None:
            self._span.fail(reason)

    def end(self) -> None:
        """Ends the step; a second time does nothing."""
        if self._span is not None:
            self._span.end()

    @contextlib.contextmanager
    def within(self) -> Generator[None]:
        """What begins in the block, tasks also, belongs to the step. Must not span a `yield`."""
        token = CURRENT.set(self._span or CURRENT.get())
        try:
            yield
        finally:
            CURRENT.reset(token)


def note_on_call(facts: Mapping[str, Noted]) -> None:
    """Keeps facts, by `Names`, on the span of the call being served; to be called outside of its stages."""
    span = CURRENT.get()
    if span is not None:
        span.attributes.update(facts)


def begin_step(name: str) -> TracedStep:
    """Begins a part of this process's own work."""
    return TracedStep(start_below(name, SpanKind.INTERNAL, {}))


def begin_model_call(operation: str, *, provider: str, model: str) -> TracedStep:
    """Begins a request to a model; `operation` as OpenTelemetry names it: `chat`, `embeddings`, …

    The trace's id is not sent along: providers are no part of the system, and their logs no place for its ids.
    """
    facts = {
        Names.GEN_AI_OPERATION: operation,
        Names.GEN_AI_PROVIDER: provider,
        Names.GEN_AI_REQUEST_MODEL: model,
    }
    return TracedStep(start_below(f"{operation} {model}", SpanKind.CLIENT, facts))


def model_call(operation: str, *, provider: str, model: str) -> AbstractContextManager[TracedStep]:
    """As `begin_model_call`, for a request that a block waits for."""
    return _lasting(begin_model_call(operation, provider=provider, model=model))


def store_call(system: str, operation: str) -> AbstractContextManager[TracedStep]:
    """A request to a store, such as `qdrant` and `query`, that a block waits for."""
    facts = {Names.DB_SYSTEM: system, Names.DB_OPERATION: operation}
    return _lasting(TracedStep(start_below(f"{system} {operation}", SpanKind.CLIENT, facts)))


@contextlib.contextmanager
def _lasting(step: TracedStep) -> Generator[TracedStep]:
    """Ends `step` with the block: failed by a ReparteeError, and left where the block is cancelled."""
    try:
        yield step
    except ReparteeError as error:
        step.fail(error.reason)
        raise
    except asyncio.CancelledError:
        step.note(Names.CANCELLED, True)
        raise
    finally:
        step.end()
