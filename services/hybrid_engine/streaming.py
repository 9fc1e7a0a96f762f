"""A model's text that leaves sentence by sentence, each only after it passed its checks."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from libs.common.stages import Stages
from services.hybrid_engine.llm.chat import ChatReply, Delta, Finished, MidStream, Restarted, Streamed
from services.hybrid_engine.llm.sentences import first_sentence
from services.hybrid_engine.turn import Piece, Tokens, Turn, Voided


@dataclass(frozen=True, slots=True)
class Ended:
    """How a checked stream ended.

    `text` is what left and stands. `refusal` is the reason of the check that a sentence failed: then the model was
    stopped there, its `reply` is unknown, and `text` is empty unless what was said could not be made void.
    """

    text: str
    reply: ChatReply | None = None
    refusal: str = ""


def policy_for(turn: Turn, *, streamed: bool) -> MidStream:
    """Returns what a tier's death may show: nothing in an answer given at once, no lost sentence on a voice channel."""
    if not streamed:
        return MidStream.HOLD_BACK
    return MidStream.CONTINUE_SENTENCE if turn.channel == "voice" else MidStream.RESTART


async def checked(
    events: AsyncGenerator[Streamed], check: Callable[[str], str], *, can_void: bool
) -> AsyncGenerator[Piece | Voided | Ended]:
    """Yields what of `events` may leave, and Ended at last; closing this closes `events`, and with it the call.

    `check` is given all text up to the end of a sentence, and returns why it may not leave, or an empty string. A
    refusal voids what was said when it `can_void`; spoken sentences stay said. Raises what `events` raises.
    """
    sent, held = "", ""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Restarted):
                if sent:
                    yield Voided(event.reason)
                sent, held = "", ""
                continue
            held += event.text if isinstance(event, Delta) else ""
            while (cut := _next_sentence(held, whole=isinstance(event, Finished))) is not None:
                sentence, held = cut if sent else (cut[0].lstrip(), cut[1])
                if refusal := check(sent + sentence):
                    if sent and can_void:
                        yield Voided(refusal)
                    yield Ended("" if can_void else sent, refusal=refusal)
                    return
                yield Piece(sentence)
                sent += sentence
            if isinstance(event, Finished):
                yield Ended(sent, event.reply)


async def staged(
    events: AsyncGenerator[Piece | Voided | Ended], stages: Stages, *, streamed: bool
) -> AsyncGenerator[Piece | Voided | Ended]:
    """Yields `events`; when they are not streamed, all at once after the stage `word`, which lasts until the last.

    A stage never spans a `yield`: whoever goes on afterwards would be within it.
    """
    async with aclosing(events):
        if streamed:
            async for event in events:
                yield event
            return
        with stages("word"):
            every = [event async for event in events]
        for event in every:
            yield event


def _next_sentence(held: str, *, whole: bool) -> tuple[str, str] | None:
    """Returns the next sentence of `held` and what is left; all of it as one when it is the `whole` rest.

    The space before a sentence leaves with it, so that none trails at the end.
    """
    body = held.lstrip()
    length = len(body) if whole else first_sentence(body)
    if not length:
        return None
    said = body[:length].rstrip()
    return held[: len(held) - len(body)] + said, body[len(said) :]


def spent(reply: ChatReply, *, served: bool) -> Tokens:
    """Returns what a reply took; all of it is wasted when the text did not serve."""
    if served:
        return Tokens(reply.prompt_tokens, reply.completion_tokens, reply.wasted_tokens, reply.cost_micro_usd)
    wasted = reply.prompt_tokens + reply.completion_tokens + reply.wasted_tokens
    return Tokens(wasted=wasted, cost_micro_usd=reply.cost_micro_usd)
