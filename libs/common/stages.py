"""The port by which a use case names its stages, so that each becomes a span without the use case knowing of traces."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

# Called with a stage's name, such as `search`; the stage lasts as long as the block.
Stages = Callable[[str], AbstractContextManager[None]]


def no_stages(_name: str) -> AbstractContextManager[None]:
    """Returns a block that records nothing: the default of every use case."""
    return contextlib.nullcontext()
