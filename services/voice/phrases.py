"""Phrases that are kept as audio, so that they play at once: fillers, greetings, excuses."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np

from libs.common.errors import Unavailable
from services.voice.audio import Samples
from services.voice.narration import Narration, narrate
from services.voice.voices import Plan, Voices

_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "filler_hum": "Hum, laissez-moi regarder...",
        "filler_ok": "Très bien, je note...",
        "filler_one_moment": "Un instant s'il vous plaît...",
        "filler_let_me_see": "Laissez-moi voir ça...",
        "greet": "Bonjour !",
        "welcome": "Bienvenue, comment puis-je vous aider ?",
        "apology": "Désolé, je rencontre un petit souci. Merci de patienter un instant.",
        "apology_wait": "Désolé pour l'attente.",
        "apology_hold": "Encore un instant.",
        "fallback": "Je n'arrive pas à vous répondre maintenant. Pouvez-vous répéter, s'il vous plaît ?",
        "resume": "Pardon, je reprends.",
    },
    "en": {
        "filler_hum": "Hmm, let me have a look...",
        "filler_ok": "Very well, I'm taking note...",
        "filler_one_moment": "One moment please...",
        "filler_let_me_see": "Let me see...",
        "greet": "Hello!",
        "welcome": "Welcome, how can I help you?",
        "apology": "Sorry, something went wrong here. Please bear with me for a moment.",
        "apology_wait": "Sorry about the wait.",
        "apology_hold": "Just a moment more.",
        "fallback": "I can't answer you right now. Could you say that again, please?",
        "resume": "Sorry, let me start again.",
    },
}


def default_phrases(locale: str) -> Mapping[str, str]:
    """Returns the built-in phrases of a locale's language, the French ones when there are none."""
    return _DEFAULTS.get(locale.partition("-")[0], _DEFAULTS["fr"])


@dataclass(frozen=True, slots=True)
class PhraseAudio:
    """A phrase as audio: samples at `sample_rate_hz`, and the voice that spoke them."""

    samples: Samples
    sample_rate_hz: int
    voice: str

    @property
    def audio_ms(self) -> int:
        """Returns its length."""
        return round(len(self.samples) * 1_000 / self.sample_rate_hz)


class PhraseMemory:
    """Keeps audio of phrases up to `max_bytes`, the last used; makes what is missing when it is first asked for."""

    def __init__(self, voices: Voices, *, max_bytes: int = 64 << 20) -> None:
        self._voices = voices
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[str, PhraseAudio] = OrderedDict()
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def peek(self, text: str, *, plan: Plan, sample_rate_hz: int) -> PhraseAudio | None:
        """Returns the audio of `text` that is kept in the first of the plan's voices that has it, or None."""
        for candidate in plan.candidates:
            key = _key(text, candidate.full_name, sample_rate_hz)
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        return None

    async def get(self, text: str, *, plan: Plan, sample_rate_hz: int, narration: Narration) -> PhraseAudio | None:
        """Returns the audio of `text`, made now when it is not kept; None when no voice can say it.

        What making it cost, and why another voice spoke, is added to `narration`.
        """
        wanted = _key(text, plan.candidates[0].full_name, sample_rate_hz)
        lock = self._making.setdefault(wanted, asyncio.Lock())
        async with lock:
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
                return self._kept[wanted]
            return await self._make(text, plan, sample_rate_hz, narration)

    async def warm_up(self, locales: Sequence[str], *, sample_rate_hz: int = 8_000) -> None:
        """Makes the built-in phrases of `locales` where that costs nothing, so that the first caller does not wait."""
        for locale in locales:
            try:
                plan = self._voices.plan(locale=locale)
            except Unavailable:
                # Without a voice there is nothing to make; the status says so.
                continue
            free = tuple(candidate for candidate in plan.candidates if not candidate.provider.is_paid)
            for text in default_phrases(locale).values() if free else ():
                plan = Plan(free, locale)
                await self.get(text, plan=plan, sample_rate_hz=sample_rate_hz, narration=Narration([]))

    async def _make(self, text: str, plan: Plan, sample_rate_hz: int, narration: Narration) -> PhraseAudio | None:
        making = Narration([])
        pieces: list[Samples] = []
        voice = ""
        # Whole, as one sentence: a voice that dies amid it takes nothing of it along.
        stream = narrate([text], plan=plan, voices=self._voices, sample_rate_hz=sample_rate_hz, narration=making)
        async with aclosing(stream) as spoken:
            async for piece in spoken:
                if piece.begins:
                    pieces, voice = [], piece.voice
                pieces.append(piece.samples)
        narration.billed_characters += making.billed_characters
        narration.reasons.extend(reason for reason in making.reasons if reason not in narration.reasons)
        if not making.complete or not pieces:
            return None
        audio = PhraseAudio(np.concatenate(pieces), sample_rate_hz, voice)
        self._keep(_key(text, voice, sample_rate_hz), audio)
        return audio

    def _keep(self, key: str, audio: PhraseAudio) -> None:
        replaced = self._kept.pop(key, None)
        self._size_bytes -= replaced.samples.nbytes if replaced else 0
        self._kept[key] = audio
        self._size_bytes += audio.samples.nbytes
        while self._size_bytes > self._max_bytes and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size_bytes -= dropped.samples.nbytes


def _key(text: str, voice: str, sample_rate_hz: int) -> str:
    return hashlib.sha256(f"{text}|{voice}|pcm_{sample_rate_hz}".encode()).hexdigest()
