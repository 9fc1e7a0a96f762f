"""What a kept phrase is known by, and where phrases outlive their process."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from services.voice.audio import Samples
from services.voice.spoken_text import NORMALISER_VERSION, speakable
from services.voice.voices import Candidate


@dataclass(frozen=True, slots=True)
class PhraseAudio:
    """A phrase as audio: samples at `sample_rate_hz`, and the voice that spoke them as `provider:voice`."""

    samples: Samples
    sample_rate_hz: int
    voice: str

    @property
    def audio_ms(self) -> int:
        """Returns its length."""
        return round(len(self.samples) * 1_000 / self.sample_rate_hz)


class PhraseStore(Protocol):
    """Keeps audio by key for every process that opens it. Blocks: called in threads."""

    def load(self, key: str) -> PhraseAudio | None:
        """Returns the audio, or None where there is none, or where it is damaged, which is logged and taken away."""
        ...

    def save(self, key: str, audio: PhraseAudio) -> None:
        """Keeps the audio, whole or not at all; raises Unavailable (PHRASES_NOT_WRITABLE)."""
        ...

    def newest(self, max_bytes: int) -> Iterable[tuple[str, PhraseAudio]]:
        """Yields the newest entries that fit, newest first."""
        ...


def phrase_key(text: str, candidate: Candidate, *, locale: str, sample_rate_hz: int) -> str:
    """Returns the SHA-256 of all that decides how a phrase sounds, in hexadecimal.

    That is provider, model with its settings, voice, form, language, version of the normaliser, and what is read.
    """
    speaker = candidate.provider
    parts = (
        *(speaker.name, speaker.model, candidate.voice, f"pcm_s16le_{sample_rate_hz}"),
        *(locale.partition("-")[0], NORMALISER_VERSION, speakable(text, locale)),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
