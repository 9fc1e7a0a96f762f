"""The ledger of speech against the vendor's own invoice, whatever becomes of the requests."""

from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from libs.common.errors import Exhausted, Unavailable
from libs.common.request_context import Budget, Principal, RequestContext, TenantId, use_context
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.prices import Prices
from libs.common.tenants import bundle
from services.voice.adapters.elevenlabs_speech import ElevenLabsOptions, ElevenLabsSpeech
from services.voice.adapters.speech_account import LedgerAccount
from services.voice.voices import Voices
from tests.fakes.elevenlabs_double import API_KEY, Answer, ElevenLabsDouble

TENANT = TenantId("rue-du-gros")
TEXT = "Votre commande est prête."


class OneTenant:
    """A directory of one tenant with a daily budget."""

    def __init__(self, daily_usd: float = 0.0) -> None:
        self.daily_usd = daily_usd

    async def get(self, tenant: TenantId) -> Any:
        assert tenant == TENANT
        return SimpleNamespace(budget=bundle.Budget(daily_usd=self.daily_usd))


async def say(voices: Voices, text: str, *, pieces: int | None = None) -> str:
    speaker = voices.plan(locale="fr").candidates[0].provider
    context = RequestContext(Principal("client", TENANT), "r-1", Budget.of(30), "")
    with use_context(context):
        stream = speaker.stream(text, locale="fr", voice="rachel", sample_rate_hz=8_000)
        try:
            async with aclosing(stream):
                count = 0
                async for _ in stream:
                    count += 1
                    if count == pieces:
                        break
        except Unavailable as error:
            return error.reason
    return ""


async def test_the_ledger_and_the_invoice_agree_to_the_character() -> None:
    scripts = [
        *(Answer(), Answer(status=401), Answer(status=429), Answer(status=500), Answer(hang_after=0)),
        *(Answer(hang_after=3), Answer(die_after=3), Answer(pieces=0), Answer(garbage=b"<html>"), Answer()),
    ]
    ledger, prices = MemoryLedger(), Prices()
    async with ElevenLabsDouble(answers=scripts) as double:
        options = ElevenLabsOptions(voice="rachel", base_url=double.base_url, first_byte_seconds=0.3, gap_seconds=0.3)
        account = LedgerAccount(OneTenant(), ledger, prices)  # type: ignore[arg-type]  # all that is asked of it
        voices = Voices([ElevenLabsSpeech(api_key=API_KEY, options=options)], account=account)
        reasons = [await say(voices, TEXT * (index + 1)) for index in range(len(scripts) - 1)]
        # The last one is cut short by the listener.
        await say(voices, TEXT * 20, pieces=1)
        await account.aclose()
        await voices.aclose()
    assert reasons == [
        *("", "ELEVENLABS_REFUSED", "ELEVENLABS_RATE_LIMITED", "ELEVENLABS_SERVER_ERROR", "ELEVENLABS_SLOW"),
        *("ELEVENLABS_STALLED", "ELEVENLABS_BROKEN", "ELEVENLABS_EMPTY", "ELEVENLABS_GARBAGE"),
    ]
    charges = await ledger.recent(TENANT, limit=100)
    per_thousand = prices.quote("eleven_turbo_v2_5", characters=1_000).cost_micro_usd
    assert {(charge.component, charge.tier, charge.model) for charge in charges} == {
        ("speech", "elevenlabs", "eleven_turbo_v2_5")
    }
    billed = sum(charge.cost_micro_usd for charge in charges)
    assert billed == pytest.approx(double.invoiced_characters * per_thousand / 1_000, abs=len(charges))
    assert sum(charge.used for charge in charges) == 1


async def test_a_spent_budget_is_refused_before_the_vendor_is_asked() -> None:
    ledger = MemoryLedger()
    account = LedgerAccount(OneTenant(daily_usd=0.000001), ledger, Prices())  # type: ignore[arg-type]  # see above
    context = RequestContext(Principal("client", TENANT), "r-1", Budget.of(30), "")
    with use_context(context), pytest.raises(Exhausted, match="BUDGET_SPENT"):
        await account.hold(model="eleven_turbo_v2_5", characters=4_000)


async def test_outside_of_a_call_nobody_is_charged() -> None:
    ledger = MemoryLedger()
    account = LedgerAccount(OneTenant(), ledger, Prices())  # type: ignore[arg-type]  # see above
    async with ElevenLabsDouble() as double:
        options = ElevenLabsOptions(voice="rachel", base_url=double.base_url, first_byte_seconds=5, gap_seconds=5)
        voices = Voices([ElevenLabsSpeech(api_key=API_KEY, options=options)], account=account)
        speaker = voices.plan(locale="fr").candidates[0].provider
        async with aclosing(speaker.stream("Oui.", locale="fr", voice="rachel", sample_rate_hz=8_000)) as stream:
            assert [piece async for piece in stream]
        await voices.aclose()
    assert await ledger.recent(TENANT, limit=1) == []
