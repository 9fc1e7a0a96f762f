"""A streamed turn: what is shown while it is answered, and what stands when it ends."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.errors import Unavailable
from services.router.chat import Answered
from services.router.conversations import ConversationRef
from services.router.ladder import EngineAnswer
from services.router.shown import Shown
from services.router.turn import NO_STATE, Rung, Turn, Variant
from tests.fakes.engines import Trouble, echo
from tests.fakes.router_world import RouterWorld, call
from tests.fakes.virtual_time import run_in_virtual_time

DOWN = Unavailable("LLM_STALLED", "The model fell silent.")


@dataclass
class Screen:
    """A sink that keeps its events: a text, or (reason,) for a reset."""

    events: list[str | tuple[str]] = field(default_factory=list)

    def delta(self, text: str) -> None:
        self.events.append(text)

    def reset(self, reason: str) -> None:
        self.events.append((reason,))

    @property
    def text(self) -> str:
        """What a customer reads now."""
        text = ""
        for event in self.events:
            text = text + event if isinstance(event, str) else ""
        return text


async def stream(world: RouterWorld, message: str, screen: Screen, **fields: object) -> Answered:
    turn = Turn(conversation_id="c1", message=message, **fields)  # type: ignore[arg-type]
    return await world.chat.reply(turn, call(), screen)


async def committed(world: RouterWorld) -> list[str]:
    page = await world.store.page(ConversationRef(call().principal, "c1"), size=50, token="")
    return [each.text for each in page.messages] if page else []


async def test_pieces_are_shown_as_they_come_and_nothing_twice() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces = ("reply ", "", "to un")
    answered = await stream(world, "un", screen)
    assert screen.events == ["reply ", "to un"]
    assert answered.reply.text == screen.text
    assert await committed(world) == ["un", "reply to un"]


async def test_what_the_engine_kept_back_is_shown_at_the_end() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces = ("reply to",)
    await stream(world, "un", screen)
    assert screen.events == ["reply to", " un"]


async def test_cache_hit_is_one_piece() -> None:
    world, screen = RouterWorld(), Screen()
    world.answers.answers["Vos horaires ?"] = "De 8 h à 18 h."
    answered = await stream(world, "Vos horaires ?", screen)
    assert answered.reply.cache.hit
    assert screen.events == ["De 8 h à 18 h."]


async def test_engines_own_reset_passes_through() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces = ("un débu", None, "reply to un")
    await stream(world, "un", screen)
    assert screen.events == ["un débu", ("LLM_STALLED",), "reply to un"]


async def test_rescue_takes_back_what_the_first_engine_showed() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces = ("un débu",)
    world.hybrid.script.append(DOWN)
    answered = await stream(world, "un", screen)
    assert (answered.reply.rung, answered.reply.served_by) == (Rung.OTHER_ENGINE, Variant.CLASSIC)
    assert screen.events == ["un débu", ("LLM_STALLED",), "reply to un"]
    assert await committed(world) == ["un", "reply to un"]


async def test_emergency_text_takes_back_what_both_showed() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces, world.classic.pieces = ("un",), ("deux",)
    world.hybrid.script.append(DOWN)
    world.classic.script.append(DOWN)
    answered = await stream(world, "un", screen)
    assert screen.events == ["un", ("LLM_STALLED",), "deux", ("LLM_STALLED",), "Envoyez photo du paquet 📦"]
    assert await committed(world) == ["un", answered.reply.text]


async def test_no_reset_where_nothing_was_shown() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.script.append(DOWN)
    await stream(world, "un", screen)
    assert screen.events == ["reply to un"]


async def test_text_that_changed_on_the_way_is_replaced_whole() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces = ("Le 07 00 00 00 00",)
    await stream(world, "un", screen)
    assert screen.events == ["Le 07 00 00 00 00", ("TEXT_REPLACED",), "reply to un"]


async def test_turn_that_was_overtaken_is_shown_anew() -> None:
    world, screen = RouterWorld(), Screen()
    gate = world.hybrid.gate = asyncio.Event()
    world.hybrid.pieces = ("after ",)
    world.hybrid.answering = lambda question: replace(echo(question), text=f"after {question.state.event_count}")
    streamed = asyncio.create_task(stream(world, "un", screen))
    await world.hybrid.asked.wait()
    world.hybrid.gate = None
    await world.make_chat().reply(Turn(conversation_id="c1", message="deux"), call())
    gate.set()
    answered = await streamed
    assert screen.events == ["after ", ("CONVERSATION_CHANGED",), "after ", "1"]
    assert answered.reply.text == screen.text
    assert await committed(world) == ["deux", "after 0", "un", "after 1"]


async def test_retry_shows_the_first_reply_whatever_an_engine_would_say_now() -> None:
    world, screen = RouterWorld(), Screen()
    await stream(world, "un", Screen(), turn_id="t1")
    world.hybrid.pieces = ("autre chose",)
    answered = await stream(world, "un", screen, turn_id="t1")
    assert answered.replayed
    assert screen.events == ["reply to un"]


async def test_client_that_leaves_ends_the_engines_work_and_nothing_is_kept() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces = ("un débu",)
    world.hybrid.gate = asyncio.Event()
    turn = asyncio.create_task(stream(world, "un", screen))
    await world.hybrid.asked.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert screen.events == ["un débu"]
    assert not world.classic.questions
    assert await committed(world) == []


async def test_strict_turn_takes_back_and_fails() -> None:
    world, screen = RouterWorld(), Screen()
    world.hybrid.pieces = ("un débu",)
    world.hybrid.script.append(DOWN)
    world.classic.trouble = Trouble("error")
    with pytest.raises(Unavailable, match="LLM_STALLED"):
        await stream(world, "un", screen, strict=True)
    assert screen.text == ""
    assert await committed(world) == []


async def test_cut_text_is_marked_in_the_reply_and_again_when_it_is_repeated() -> None:
    world = RouterWorld()
    world.hybrid.script.append(EngineAnswer(text="Un instant…", state=NO_STATE, complete=False, finish_reason="stall"))
    first = (await stream(world, "un", Screen(), turn_id="t1")).reply
    again = (await stream(world, "un", Screen(), turn_id="t1")).reply
    assert (first.complete, first.reasons, again.complete) == (False, ("TEXT_CUT",), False)


PIECES = st.lists(st.one_of(st.none(), st.sampled_from(["", "reply ", "to un", "!"])), max_size=5).map(tuple)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(hybrid=PIECES, classic=PIECES, failing=st.sets(st.sampled_from(list(Variant))))
def test_what_stands_at_the_end_is_what_is_kept_whatever_was_shown_before(
    hybrid: tuple[str | None, ...], classic: tuple[str | None, ...], failing: set[Variant]
) -> None:
    async def turn() -> None:
        world, screen = RouterWorld(), Screen()
        world.hybrid.pieces, world.classic.pieces = hybrid, classic
        for variant, engine in ((Variant.HYBRID, world.hybrid), (Variant.CLASSIC, world.classic)):
            if variant in failing:
                engine.script.append(DOWN)
        answered = await stream(world, "un", screen)
        assert await committed(world) == ["un", screen.text]
        assert screen.text == answered.reply.text
        assert all(screen.events)

    run_in_virtual_time(turn())


@pytest.mark.parametrize("shown", ["", "Bon", "Bonjour", "Bonjour !", "Autre"])
def test_settled_screen_shows_the_reply_and_nothing_else(shown: str) -> None:
    screen = Screen()
    before = Shown(screen)
    before.delta(shown)
    before.settle("Bonjour", reason="TEXT_REPLACED")
    assert before.text == screen.text == "Bonjour"
