"""A router that replies as its script says, and remembers what it was asked and what callers heard."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from libs.common.errors import NotFound, ReparteeError
from services.voice.reply_feed import Delta, Replied, Reset, RouterEvent, SpokenTurn


@dataclass(frozen=True)
class After:
    """Something that happens so many seconds after the thing before it."""

    seconds: float
    what: RouterEvent | ReparteeError


def reply(text: str, *, phase: str = "", complete: bool = True) -> Replied:
    return Replied(text, phase, complete, f"reply: {text}")


def streamed(text: str, *, after: float = 0.0, every: float = 0.0, size: int = 7, phase: str = "") -> list[After]:
    """Returns `text` in pieces, the first `after` so many seconds, and the reply with the last of them."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    events = [After(every if index else after, Delta(piece)) for index, piece in enumerate(pieces)]
    return [*events, After(0.0, reply(text, phase=phase))]


def reset(after: float = 0.0) -> After:
    return After(after, Reset())


class ScriptedRouter:
    """Each turn consumes one of `scripts`, the last one again and again."""

    def __init__(self, *scripts: Sequence[After]) -> None:
        self.scripts = list(scripts)
        self.asked: list[SpokenTurn] = []
        # Turns that were answered to their end, by id, as they are kept.
        self.kept: dict[str, str] = {}
        self.amended: list[tuple[str, str]] = []
        self.cancelled: list[str] = []
        self.amend_error: ReparteeError | None = None

    async def stream(self, turn: SpokenTurn, *, timeout_seconds: float) -> AsyncGenerator[RouterEvent, None]:
        self.asked.append(turn)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            for each in script:
                await asyncio.sleep(each.seconds)
                if isinstance(each.what, ReparteeError):
                    raise each.what
                if isinstance(each.what, Replied):
                    self.kept[turn.turn_id] = each.what.text
                yield each.what
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(turn.turn_id)
            raise

    async def amend(self, turn: SpokenTurn, heard_text: str, *, timeout_seconds: float) -> None:
        if self.amend_error is not None:
            raise self.amend_error
        if turn.turn_id not in self.kept:
            raise NotFound("TURN_NOT_FOUND", "No such turn.")
        assert self.kept[turn.turn_id].startswith(heard_text)
        self.amended.append((turn.turn_id, heard_text))
