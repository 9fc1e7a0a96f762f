"""The classic engine: a model, or nothing."""

import pytest

from libs.common.errors import Unavailable
from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.classic.answering import ClassicAnswering
from services.hybrid_engine.llm.tiers import Cascade, LlmMode
from services.hybrid_engine.turn import Said, Wording
from tests.fakes.engine_parts import FakeModel, FakePassages, example_bundle, says, turn_of


def engine(*models: FakeModel, passages: FakePassages | None = None) -> ClassicAnswering:
    async def bundle() -> TenantBundle:
        return example_bundle()

    cascade = Cascade(models, mode=LlmMode.ENABLED)
    return ClassicAnswering(bundles=bundle, passages=passages or FakePassages(), cascade_of=lambda _: cascade)


async def test_the_model_says_it_all_and_code_keeps_the_state() -> None:
    model = FakeModel("Super ! Envoyez 2000F au +225 0787360757.")
    answer = await engine(model).answer(
        turn_of(says(image="a"), history=(Said("customer", "bonjour"), Said("bot", "Bonjour !")))
    )
    assert (answer.text, answer.wording, answer.llm_tier) == (
        "Super ! Envoyez 2000F au +225 0787360757.",
        Wording.MODEL,
        "fake",
    )
    assert answer.state.awaiting_slot == "paiement"
    prompt = model.prompts[0]
    assert prompt.history == (("user", "bonjour"), ("assistant", "Bonjour !"))
    assert "+225 0787360757" in prompt.system
    assert "Yopougon" in prompt.system


async def test_without_a_model_it_says_so() -> None:
    with pytest.raises(Unavailable) as raised:
        await engine().answer(turn_of(says("bonjour")))
    assert raised.value.reason == "NO_TIER_AVAILABLE"


async def test_the_second_tier_answers_when_the_first_fails() -> None:
    answer = await engine(FakeModel(name="first"), FakeModel("Bonjour !", name="second")).answer(
        turn_of(says("bonjour"))
    )
    assert (answer.text, answer.llm_tier) == ("Bonjour !", "second")


async def test_a_foreign_payment_number_does_not_leave() -> None:
    model = FakeModel("Envoyez 2000F au 0102030405.")
    answer = await engine(model).answer(turn_of(says("où envoyer ?", image="a")))
    assert answer.text == "Envoyez 2000F sur +225 0787360757, puis capture."
    assert answer.reasons == ("GATE_FACT_FOREIGN",)


async def test_passages_are_a_help_and_not_a_need() -> None:
    down = FakePassages(failure=Unavailable("INDEX_UNAVAILABLE", "Down."))
    answer = await engine(FakeModel("Bonjour !"), passages=down).answer(turn_of(says("bonjour")))
    assert (answer.text, answer.reasons) == ("Bonjour !", ("RETRIEVAL_UNAVAILABLE",))
