"""Makes the phrases of a tenant before anybody calls: only what is missing or stale, saying how far it is."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from libs.common.request_context import TenantId
from services.voice.audio import AudioForm
from services.voice.narration import Narration
from services.voice.phrases import PhraseMemory
from services.voice.speaking import TenantVoices
from services.voice.voices import Plan, Voices

Outcome = Literal["present", "made", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class PhraseProgress:
    """One phrase that is done, of `total_count`. `detail` is one sentence when it failed."""

    key: str
    outcome: Outcome
    done_count: int
    total_count: int
    detail: str = ""
    audio_ms: int = 0


class Pregenerating:
    """Makes phrases in the voice that the tenant's callers hear. What sounds otherwise now counts as missing."""

    def __init__(self, *, tenants: TenantVoices, voices: Voices, phrases: PhraseMemory) -> None:
        self._tenants = tenants
        self._voices = voices
        self._phrases = phrases

    async def run(
        self, tenant: TenantId, *, check: bool, form: AudioForm, locale: str = ""
    ) -> AsyncGenerator[PhraseProgress, None]:
        """Yields each phrase of the tenant when it is done; with `check`, makes nothing.

        Raises NotFound (TENANT_NOT_FOUND), InvalidRequest (INVALID_FIELD) and Unavailable (NO_VOICE).
        """
        voice = await self._tenants.of(tenant)
        wording = voice.wording(locale)
        plan = self._voices.plan_preferring(voice.voice, locale=locale or voice.locale)
        for done, (key, text) in enumerate(sorted(wording.items()), start=1):
            outcome, detail, audio_ms = await self._one(text, plan, form, check=check)
            yield PhraseProgress(key, outcome, done, len(wording), detail, audio_ms)

    async def _one(self, text: str, plan: Plan, form: AudioForm, *, check: bool) -> tuple[Outcome, str, int]:
        rate = form.sample_rate_hz
        if present := await self._phrases.is_ready(text, plan=plan, sample_rate_hz=rate):
            return "present", "", present.audio_ms
        if check:
            return "missing", "", 0
        narration = Narration([])
        made = await self._phrases.get(text, plan=plan, sample_rate_hz=rate, narration=narration)
        why = ", ".join(narration.reasons)
        if made is None:
            return "failed", f"No voice could say it ({why}).", 0
        if made.voice != plan.candidates[0].full_name:
            return "failed", f"{plan.candidates[0].full_name} failed ({why}); {made.voice} is kept meanwhile.", 0
        if narration.reasons:
            return "failed", f"It is in memory only ({why}): the state folder cannot be written.", made.audio_ms
        return "made", "", made.audio_ms
