"""Both engines' streamed answers: what leaves, what is made void, and what an answer tells of it."""

from collections.abc import Sequence

import pytest

from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.classic.answering import ClassicAnswering
from services.hybrid_engine.hybrid.answering import HybridAnswering
from services.hybrid_engine.llm.faults import Fault
from services.hybrid_engine.llm.tiers import Cascade, LlmMode
from services.hybrid_engine.turn import Answer, AnswerEvent, Answering, Began, Completed, Piece, Turn, Voided, Wording
from tests.fakes.engine_parts import FakePassages, example_bundle, says, turn_of
from tests.fakes.scripted_model import END, ScriptedModel, Step, counted

PRICES = "Les 6 paquets coûtent 25.000 FCFA. Les 12 paquets coûtent 48.000 FCFA. La livraison est en sus."
ASK = turn_of(says("Combien coûtent 6 paquets ?"))
SPOKEN = turn_of(says("Combien coûtent 6 paquets ?"), channel="voice")
PAY = "Envoyez 2000F sur +225 0787360757, puis capture."


def engine(
    kind: type[HybridAnswering | ClassicAnswering], *scripts: Sequence[Step]
) -> tuple[Answering, list[ScriptedModel]]:
    async def bundle() -> TenantBundle:
        return example_bundle().model_copy(
            update={"wording": example_bundle().wording.model_copy(update={"max_words": 30})}
        )

    models = [ScriptedModel(f"tier-{at}", script) for at, script in enumerate(scripts)]
    cascade = Cascade(models, mode=LlmMode.ENABLED)
    return kind(bundles=bundle, passages=FakePassages(PRICES), cascade_of=lambda _: cascade), models


async def events_of(answering: Answering, turn: Turn = ASK) -> list[AnswerEvent]:
    return [event async for event in answering.stream(turn)]


def end_of(events: list[AnswerEvent]) -> Answer:
    """The last event's answer; it must be what the pieces since the last reset say."""
    assert isinstance(events[0], Began)
    assert isinstance(events[-1], Completed)
    assert sum(isinstance(event, Began | Completed) for event in events) == 2
    said = ""
    for event in events:
        said = "" if isinstance(event, Voided) else said + (event.text if isinstance(event, Piece) else "")
    assert said == events[-1].answer.text
    return events[-1].answer


GOOD: Sequence[Step] = ("Les 6 paquets coûtent ", "25.000 FCFA. La livraison ", "est en sus.", END, counted(50, 12))


@pytest.mark.parametrize("kind", [HybridAnswering, ClassicAnswering])
async def test_long_text_leaves_by_sentence(kind: type[HybridAnswering | ClassicAnswering]) -> None:
    answering, _ = engine(kind, GOOD)
    events = await events_of(answering)
    answer = end_of(events)
    assert Piece("Les 6 paquets coûtent 25.000 FCFA.") in events
    assert (answer.wording, answer.complete, answer.finish_reason) == (Wording.MODEL, True, "stop")
    assert answer.tokens.prompt == 50
    assert [(attempt.tier, attempt.reason) for attempt in answer.attempts] == [("tier-0", "")]


@pytest.mark.parametrize("kind", [HybridAnswering, ClassicAnswering])
async def test_the_streamed_answer_is_the_whole_one(kind: type[HybridAnswering | ClassicAnswering]) -> None:
    whole, _ = engine(kind, GOOD)
    streamed, _ = engine(kind, GOOD)
    assert (await whole.answer(ASK)).text == end_of(await events_of(streamed)).text


@pytest.mark.parametrize("kind", [HybridAnswering, ClassicAnswering])
async def test_a_death_between_sentences_voids_them_and_the_next_tier_begins_anew(
    kind: type[HybridAnswering | ClassicAnswering],
) -> None:
    answering, _ = engine(kind, ("Les 6 paquets coûtent 25.000 FCFA. La liv", Fault.CUT), GOOD)
    events = await events_of(answering)
    answer = end_of(events)
    assert any(isinstance(event, Voided) for event in events)
    assert (answer.llm_tier, answer.complete) == ("tier-1", True)


@pytest.mark.parametrize("kind", [HybridAnswering, ClassicAnswering])
async def test_without_another_tier_a_cut_text_is_not_called_complete(
    kind: type[HybridAnswering | ClassicAnswering],
) -> None:
    answering, _ = engine(kind, ("Les 6 paquets coûtent 25.000 FCFA. La liv", Fault.CUT))
    answer = end_of(await events_of(answering))
    if answer.wording is Wording.MODEL:
        assert not answer.complete
        assert not answer.cacheable
        assert answer.finish_reason in ("stall", "length")


@pytest.mark.parametrize("kind", [HybridAnswering, ClassicAnswering])
async def test_a_foreign_figure_never_leaves_even_late(kind: type[HybridAnswering | ClassicAnswering]) -> None:
    answering, models = engine(kind, ("Les 6 paquets coûtent 25.000 FCFA. ", "Payez au 0102030405. ", "Vite. ", END))
    events = await events_of(answering)
    answer = end_of(events)
    assert not any("0102030405" in event.text for event in events if isinstance(event, Piece))
    assert Voided("LLM_FACT_FOREIGN" if kind is HybridAnswering else "GATE_FACT_FOREIGN") in events
    assert answer.wording is not Wording.MODEL
    assert models[0].left_early == 1


@pytest.mark.parametrize("kind", [HybridAnswering, ClassicAnswering])
async def test_a_voice_keeps_what_it_said_and_says_that_it_stops(
    kind: type[HybridAnswering | ClassicAnswering],
) -> None:
    answering, _ = engine(kind, ("Les 6 paquets coûtent 25.000 FCFA. ", "Payez au 0102030405. ", "Vite. ", END))
    events = await events_of(answering, SPOKEN)
    answer = end_of(events)
    assert not any(isinstance(event, Voided) for event in events)
    assert answer.text.startswith("Les 6 paquets coûtent 25.000 FCFA. ")
    assert (answer.complete, answer.finish_reason, answer.cacheable) == (False, "content_filter", False)


async def test_a_decision_s_wording_is_one_piece() -> None:
    answering, _ = engine(HybridAnswering, ("Merci d'envoyer 2000F au +225 0787360757, ", "puis la capture.", END))
    events = await events_of(answering, turn_of(says(image="a")))
    assert [type(event) for event in events] == [Began, Piece, Completed]
    assert end_of(events).wording is Wording.MODEL


async def test_a_decision_s_wording_that_dies_is_never_seen() -> None:
    answering, _ = engine(HybridAnswering, ("Merci d'envoyer", Fault.STALLED))
    events = await events_of(answering, turn_of(says(image="a")))
    answer = end_of(events)
    assert (answer.text, answer.finish_reason, answer.complete) == (PAY, "template", True)
    assert [type(event) for event in events] == [Began, Piece, Completed]
    assert answer.attempts[-1].reason == "LLM_STALLED"


@pytest.mark.parametrize("kind", [HybridAnswering, ClassicAnswering])
async def test_a_caller_that_leaves_ends_the_model_s_call(kind: type[HybridAnswering | ClassicAnswering]) -> None:
    answering, models = engine(kind, ("Les 6 paquets coûtent 25.000 FCFA. La ", "livraison est en sus. Oui.", END))
    events = answering.stream(ASK)
    async for event in events:
        if isinstance(event, Piece):
            break
    await events.aclose()
    assert models[0].left_early == 1


async def test_a_question_within_an_order_streams_its_answer_and_then_the_slot() -> None:
    answering, _ = engine(HybridAnswering, GOOD)
    first = await answering.answer(turn_of(says(image="a")))
    answering, _ = engine(HybridAnswering, GOOD)
    events = await events_of(answering, turn_of(says("Combien coûtent 6 paquets ?"), first.state))
    assert end_of(events).text == f"Les 6 paquets coûtent 25.000 FCFA. La livraison est en sus.\n\n{PAY}"
    assert events[-2] == Piece(f"\n\n{PAY}")
