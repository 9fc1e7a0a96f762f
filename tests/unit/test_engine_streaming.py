"""Sentences that leave one by one, each after its check."""

from collections.abc import AsyncGenerator, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.hybrid_engine.llm.chat import ChatReply, Delta, Finished, MidStream, Restarted, Streamed
from services.hybrid_engine.streaming import Ended, checked, policy_for
from services.hybrid_engine.turn import Piece, Voided
from tests.fakes.engine_parts import says, turn_of


class Source:
    """A stream that says what it is told, and knows whether it was closed before its end."""

    def __init__(self, *events: Streamed) -> None:
        self.events = events
        self.left_early = False

    async def stream(self) -> AsyncGenerator[Streamed]:
        """Follows the script."""
        done = False
        try:
            for event in self.events:
                yield event
            done = True
        finally:
            self.left_early = not done


def good(_text: str) -> str:
    return ""


async def all_of(
    source: Source, check: Callable[[str], str] = good, *, can_void: bool = True
) -> list[Piece | Voided | Ended]:
    return [event async for event in checked(source.stream(), check, can_void=can_void)]


def finished(text: str = "") -> Finished:
    return Finished(ChatReply(text, "t", "stop"))


async def test_a_sentence_waits_for_its_end() -> None:
    events = await all_of(Source(Delta("Bon"), Delta("jour. Ça"), Delta(" va ? Oui"), finished()))
    assert events[:3] == [Piece("Bonjour."), Piece(" Ça va ?"), Piece(" Oui")]
    assert isinstance(events[3], Ended)
    assert events[3].text == "Bonjour. Ça va ? Oui"


async def test_each_sentence_is_checked_with_all_before_it() -> None:
    seen: list[str] = []

    def check(text: str) -> str:
        seen.append(text)
        return ""

    await all_of(Source(Delta("Un. Deux. Trois."), finished()), check)
    assert seen == ["Un.", "Un. Deux.", "Un. Deux. Trois."]


async def test_a_refused_first_sentence_was_never_said_and_stops_the_model() -> None:
    source = Source(Delta("Payez ailleurs. Vite."), finished())
    assert await all_of(source, lambda _: "NO") == [Ended("", refusal="NO")]
    assert source.left_early


async def test_a_refused_later_sentence_voids_what_was_said() -> None:
    source = Source(Delta("Un. Deux. Trois."), finished())
    events = await all_of(source, lambda text: "NO" if "Deux" in text else "")
    assert events == [Piece("Un."), Voided("NO"), Ended("", refusal="NO")]


async def test_spoken_sentences_stay_said() -> None:
    source = Source(Delta("Un. Deux. Trois."), finished())
    events = await all_of(source, lambda text: "NO" if "Deux" in text else "", can_void=False)
    assert events == [Piece("Un."), Ended("Un.", refusal="NO")]


async def test_a_restart_of_the_cascade_voids_only_what_was_said() -> None:
    held = await all_of(Source(Delta("Un"), Restarted("LLM_STALLED"), Delta("Deux."), finished()))
    assert held[0] == Piece("Deux.")
    said = await all_of(Source(Delta("Un. D"), Restarted("LLM_STALLED"), Delta("Trois."), finished()))
    assert said[:3] == [Piece("Un."), Voided("LLM_STALLED"), Piece("Trois.")]


async def test_leaving_early_closes_the_call() -> None:
    source = Source(Delta("Un. Deux. "), Delta("Trois. "), finished())
    events = checked(source.stream(), good, can_void=True)
    assert await anext(events) == Piece("Un.")
    await events.aclose()
    assert source.left_early


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.text("ab .\n!?é", max_size=8), max_size=20))
async def test_the_pieces_are_the_text(parts: Sequence[str]) -> None:
    events = await all_of(Source(*(Delta(part) for part in parts), finished()))
    pieces = "".join(event.text for event in events if isinstance(event, Piece))
    assert pieces == "".join(parts).strip()
    assert events[-1] == Ended(pieces, finished().reply)


@pytest.mark.parametrize(
    ("channel", "streamed", "policy"),
    [
        ("whatsapp", False, MidStream.HOLD_BACK),
        ("voice", False, MidStream.HOLD_BACK),
        ("whatsapp", True, MidStream.RESTART),
        ("voice", True, MidStream.CONTINUE_SENTENCE),
    ],
)
def test_what_a_death_may_show_depends_on_use(channel: str, streamed: bool, policy: MidStream) -> None:
    assert policy_for(turn_of(says("?"), channel=channel), streamed=streamed) is policy
