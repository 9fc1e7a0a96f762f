"""A stream under watch: it ends well, or it fails within its limits, whatever the server does."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.model import Limits, Piece
from services.hybrid_engine.llm.sentences import ends_sentence

_GOOD_ENDS = frozenset({"stop", "end_turn", "eos", "eos_token", "stop_sequence"})
_BAD_ENDS = {"content_filter": Fault.CONTENT_FILTERED, "length": Fault.TRUNCATED, "max_tokens": Fault.TRUNCATED}
# After its finish reason a server may still send its count; nobody waits long for it, nor for a missing `[DONE]`.
_AFTER_FINISH_SECONDS = 0.25
# The mark that ends a sentence may come in the piece before the space behind it.
_TAIL = 4


@dataclass(slots=True)
class _Clock:
    """When the next thing must have happened, and what it means if it has not."""

    limits: Limits
    started: float
    end: float
    first_text: float | None = None
    last_text: float = 0.0
    last_sentence: float = 0.0
    finished: float | None = None

    def heard(self, now: float, *, sentence_ends: bool) -> None:
        self.last_text = now
        if sentence_ends or self.first_text is None:
            self.last_sentence = now
        self.first_text = now if self.first_text is None else self.first_text

    def next_limit(self) -> tuple[float, Fault]:
        limits = self.limits
        if self.finished is not None:
            return self.finished + _AFTER_FINISH_SECONDS, Fault.TIMEOUT
        waits = [(self.started + limits.whole_seconds, Fault.TIMEOUT)]
        if self.first_text is not None:
            waits.append((self.last_text + limits.gap_seconds, Fault.STALLED))
            waits.append((self.last_sentence + limits.sentence_seconds, Fault.STALLED))
        else:
            waits.append((self.started + limits.first_token_seconds, Fault.TIMEOUT))
        own = min(waits, key=lambda wait: wait[0])
        # A caller in a hurry says nothing about the tier.
        return (self.end, Fault.NO_TIME) if self.end < own[0] else own

    def hold(self, seconds: float) -> None:
        """Takes out the time that whoever reads the stream took for itself."""
        self.started += seconds
        self.last_text += seconds
        self.last_sentence += seconds
        if self.finished is not None:
            self.finished += seconds


async def watched(
    pieces: AsyncGenerator[Piece, None], limits: Limits, *, tier: str, seconds_left: float
) -> AsyncGenerator[Piece, None]:
    """Yields `pieces`, and returns only after a good finish reason behind a text that is not empty.

    Raises TierFailure for everything else: silence, stalls, dribbling, endless or overlong text, an end without a
    finish reason, a bad one. Where `seconds_left` ran out before the limits did, the fault is NO_TIME.
    """
    loop = asyncio.get_running_loop()
    clock = _Clock(limits, loop.time(), loop.time() + seconds_left)
    said, size, tail, finish = False, 0, "", ""
    while True:
        until, fault = clock.next_limit()
        try:
            piece = await _next(pieces, until)
        except TimeoutError:
            if not finish:
                raise TierFailure(fault, tier) from None
            break
        except TierFailure:
            # A connection that breaks after the finish reason has brought everything.
            if not finish:
                raise
            break
        if piece is None:
            break
        finish = finish or piece.finish
        if finish and clock.finished is None:
            clock.finished = loop.time()
        if piece.text:
            said = said or not piece.text.isspace()
            size += len(piece.text.encode())
            tail = tail[-_TAIL:] + piece.text
            clock.heard(loop.time(), sentence_ends=ends_sentence(tail))
            if size > limits.max_bytes:
                raise TierFailure(Fault.TOO_LARGE, tier)
        paused = loop.time()
        yield piece
        clock.hold(loop.time() - paused)
    if finish in _BAD_ENDS:
        raise TierFailure(_BAD_ENDS[finish], tier)
    if finish not in _GOOD_ENDS:
        raise TierFailure(Fault.ENDED_EARLY, tier)
    if not said:
        raise TierFailure(Fault.EMPTY, tier)


async def _next(pieces: AsyncGenerator[Piece, None], until: float) -> Piece | None:
    """Returns the next piece, None at the end. Raises TimeoutError, also when the piece is there but too late."""
    if asyncio.get_running_loop().time() >= until:
        raise TimeoutError
    async with asyncio.timeout_at(until):
        return await anext(pieces, None)
