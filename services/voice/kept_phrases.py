"""The phrases of one stream of speech, as audio from memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.voice.audio import AudioForm
from services.voice.narration import Narration
from services.voice.phrases import PhraseAudio, PhraseMemory
from services.voice.voices import Plan


@dataclass(frozen=True, slots=True)
class KeptPhrases:
    """The phrases that one caller may hear: their wording by key, and their audio where it is kept."""

    wording: Mapping[str, str]
    memory: PhraseMemory
    plan: Plan
    form: AudioForm

    def is_phrase(self, text: str) -> bool:
        """Returns whether `text` is the wording of a phrase."""
        return text in self.wording.values()

    def audio(self, key: str) -> PhraseAudio | None:
        """Returns the phrase's audio, or None."""
        text = self.wording.get(key)
        if text is None:
            return None
        return self.memory.peek(text, plan=self.plan, sample_rate_hz=self.form.sample_rate_hz)

    def played(self, text: str, audio: PhraseAudio) -> None:
        """Counts a phrase that the caller hears."""
        speaker = next(candidate for candidate in self.plan.candidates if candidate.full_name == audio.voice)
        self.memory.played(text, speaker)

    async def make(self, key: str, narration: Narration) -> PhraseAudio | None:
        """Returns the phrase's audio, made now; None when no voice can."""
        return await self.memory.get(
            self.wording[key], plan=self.plan, sample_rate_hz=self.form.sample_rate_hz, narration=narration
        )

    async def make_free(self) -> None:
        """Makes what is missing where that costs nothing: a form that is rarely asked for is not kept beforehand."""
        free = tuple(candidate for candidate in self.plan.candidates if not candidate.provider.is_paid)
        for key in self.wording if free else ():
            if self.audio(key) is None:
                await replace(self, plan=Plan(free, self.plan.locale)).make(key, Narration([]))

    def lengths(self) -> dict[str, float]:
        """Returns the length of each phrase in memory, in milliseconds, by key."""
        found = ((key, self.audio(key)) for key in self.wording)
        return {key: float(audio.audio_ms) for key, audio in found if audio is not None}
