"""Templates in other languages, and what happens in a language that nobody wrote."""

import pytest

from libs.common.errors import InvalidRequest
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from services.hybrid_engine.hybrid.answering import HybridAnswering
from services.hybrid_engine.llm.tiers import Cascade, LlmMode
from services.hybrid_engine.turn import Answer, Wording
from tests.fakes.engine_parts import FakeModel, FakePassages, example_yaml, says, turn_of

BILINGUAL = example_yaml("rue-du-gros").replace("languages: [fr]", "languages: [fr, en, de]", 1) + (
    "translations:\n"
    "  en:\n"
    '    ask_payment: "Send {amount}F to {pay_number}, then the screenshot."\n'
    "  de:\n"
    '    ask_payment: "Senden Sie {amount}F an {pay_number}, dann den Beleg."\n'
)


async def answer(locale: str, *replies: str, image: str = "a", text: str = "") -> Answer:
    async def bundle() -> TenantBundle:
        return parse_bundle(BILINGUAL)

    model = FakeModel(*replies)
    cascade = Cascade([model] if replies else [], mode=LlmMode.ENABLED)
    engine = HybridAnswering(bundles=bundle, passages=FakePassages(), cascade_of=lambda _: cascade)
    return await engine.answer(turn_of(says(text, image=image), locale=locale))


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en-GB", "Send 2000F to +225 0787360757, then the screenshot."),
        ("de", "Senden Sie 2000F an +225 0787360757, dann den Beleg."),
        ("fr-CI", "Envoyez 2000F sur +225 0787360757, puis capture."),
        ("", "Envoyez 2000F sur +225 0787360757, puis capture."),
        ("pt-BR", "Envoyez 2000F sur +225 0787360757, puis capture."),
    ],
)
async def test_the_template_is_in_the_conversation_s_language_or_the_tenant_s_own(locale: str, text: str) -> None:
    assert (await answer(locale)).text == text


async def test_what_is_not_translated_is_said_in_the_tenant_s_language() -> None:
    assert (await answer("en", image="", text="je veux commander")).text.startswith("Envoyez une photo")


async def test_a_model_words_it_in_the_conversation_s_language() -> None:
    wording = "Please send 2000F to +225 0787360757 and share the screenshot."
    reply = await answer("en", wording)
    assert (reply.text, reply.wording) == (wording, Wording.MODEL)
    french = await answer("en", "Merci d'envoyer 2000F au +225 0787360757, puis la capture.")
    assert french.wording is Wording.TEMPLATE


async def test_no_model_is_asked_in_a_language_that_cannot_be_checked() -> None:
    reply = await answer("de", "Überweisen Sie 2000F an +225 0787360757.")
    assert (reply.wording, reply.reasons) == (Wording.TEMPLATE, ("LANGUAGE_NOT_CHECKED",))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('    ask_payment: "Send {amount}F', '    ask_payment: "Send {amont}F', "unknown variable {amont}"),
        ("  en:\n    ask_payment", "  en:\n    ask_money", "no template 'ask_money'"),
        ("translations:\n  en:", "translations:\n  es:", "'es' is not in `languages`"),
        ("translations:\n  en:", "translations:\n  fr:", "the tenant's own language"),
        ("translations:", "routing: {escalation: shared_agent}\ntranslations:", "required by the escalation"),
        ("translations:", "routing: {shared_agent: nobody}\ntranslations:", "no agent 'nobody'"),
    ],
)
def test_a_translation_or_a_route_to_nowhere_is_refused(old: str, new: str, expected: str) -> None:
    assert old in BILINGUAL
    with pytest.raises(InvalidRequest) as refused:
        parse_bundle(BILINGUAL.replace(old, new, 1))
    assert any(expected in violation.description for violation in refused.value.violations)
