"""What the double is told to do with a request, and what it writes on its invoice."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Scripted:
    """What the server does with one request, instead of answering it well.

    `status` other than 200 answers an error with `headers` (such as Retry-After) and `code`, as vendors name it.
    `delay_seconds` passes before the first byte; `gate` holds the answer until it is set; `reset` breaks the connection
    before it. `body` replaces the whole answer (bytes are sent as they are, other values as JSON) and is `body_type`.
    For streams: `word_seconds` passes before each word; `hold_after` stops after that many words until the client
    leaves; `cut_after` breaks the connection there; `malformed_after` sends an event that is no JSON there;
    `error_after` an event that is an error; `no_finish` ends cleanly without a finish_reason; `no_done` leaves out
    `[DONE]` and keeps the connection open; `endless` repeats the last word until the client leaves.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    code: str | None = None
    delay_seconds: float = 0.0
    gate: asyncio.Event | None = None
    reset: bool = False
    body: Any = None
    body_type: str = "application/json"
    reply: str | None = None
    finish_reason: str = "stop"
    word_seconds: float | None = None
    cut_after: int | None = None
    hold_after: int | None = None
    malformed_after: int | None = None
    error_after: int | None = None
    no_finish: bool = False
    no_done: bool = False
    endless: bool = False


def scripted_from(document: Mapping[str, Any]) -> Scripted:
    """Returns the step that a JSON object describes. Raises ValueError for a key that there is not."""
    known = {each.name for each in fields(Scripted)} - {"gate"}
    if unknown := sorted(set(document) - known):
        raise ValueError(f"there is no {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return Scripted(**document)


@dataclass(frozen=True)
class Billed:
    """One line of the invoice: what the server did, whether or not the client ever read it."""

    path: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    status: int
    complete: bool


def count_tokens(text: str) -> int:
    """The double's own measure: a token is a word."""
    return len(text.split())
