"""Phrases that are kept as audio, so that they play at once: fillers, greetings, excuses."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import aclosing
from weakref import WeakValueDictionary

import numpy as np

from libs.common.errors import Unavailable
from services.voice.audio import Samples
from services.voice.loudness import levelled
from services.voice.narration import Narration, narrate
from services.voice.phrase_store import PhraseAudio, PhraseStore, phrase_key
from services.voice.phrase_texts import default_phrases
from services.voice.speech_figures import SpeechFigures
from services.voice.voices import Candidate, Plan, Voices

__all__ = ["PhraseAudio", "PhraseMemory", "default_phrases"]

# Keys cost a normalisation of their text, and phrases are few.
_KEYS_REMEMBERED = 4_096


class PhraseMemory:
    """Keeps audio of phrases up to `max_bytes`, the last used; makes what is missing when it is first asked for.

    With a `store`, what was made outlives the process and serves others. `figures` counts what is played.
    """

    def __init__(
        self,
        voices: Voices,
        *,
        store: PhraseStore | None = None,
        figures: SpeechFigures | None = None,
        max_bytes: int = 64 << 20,
    ) -> None:
        self._voices = voices
        self._store = store
        self._figures = figures or SpeechFigures()
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[str, PhraseAudio] = OrderedDict()
        self._keys: OrderedDict[tuple[str, str, str, str, int], str] = OrderedDict()
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        """Returns how many phrases are in memory."""
        return len(self._kept)

    def peek(self, text: str, *, plan: Plan, sample_rate_hz: int) -> PhraseAudio | None:
        """Returns the audio of `text` that is in memory in the first of the plan's voices that has it, or None."""
        for candidate in plan.candidates:
            key = self._key(text, candidate, plan.locale, sample_rate_hz)
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        return None

    async def get(self, text: str, *, plan: Plan, sample_rate_hz: int, narration: Narration) -> PhraseAudio | None:
        """Returns the audio of `text`, read or made now when it is not in memory; None when no voice can say it.

        What making it cost, and why another voice spoke, is added to `narration`.
        """
        candidate = plan.candidates[0]
        wanted = self._key(text, candidate, plan.locale, sample_rate_hz)
        lock = self._making.setdefault(wanted, asyncio.Lock())
        async with lock:
            audio = await self._find(wanted)
            self.played(text, candidate, from_memory=audio is not None)
            return audio or await self._make(text, plan, sample_rate_hz, narration)

    async def is_ready(self, text: str, *, plan: Plan, sample_rate_hz: int) -> PhraseAudio | None:
        """Returns the audio of `text` in the plan's first voice, from memory or the store; never makes it."""
        return await self._find(self._key(text, plan.candidates[0], plan.locale, sample_rate_hz))

    def played(self, text: str, candidate: Candidate, *, from_memory: bool = True) -> None:
        """Counts a phrase that is played to a caller."""
        speaker = candidate.provider
        self._figures.played(
            from_memory=from_memory,
            provider=speaker.name,
            is_paid=speaker.is_paid,
            model=speaker.model,
            characters=len(text),
        )

    async def load(self) -> None:
        """Reads the newest of what the store keeps into memory, as much as fits."""
        if self._store is None:
            return
        store, room = self._store, self._max_bytes
        loaded = await asyncio.to_thread(lambda: list(store.newest(room)))
        for key, audio in reversed(loaded):
            self._keep(key, audio)

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
                if await self.is_ready(text, plan=plan, sample_rate_hz=sample_rate_hz) is None:
                    await self._make(text, plan, sample_rate_hz, Narration([]))

    async def _find(self, key: str) -> PhraseAudio | None:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        audio = await asyncio.to_thread(self._store.load, key) if self._store else None
        if audio is not None:
            self._keep(key, audio)
        return audio

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
        audio = PhraseAudio(levelled(np.concatenate(pieces), sample_rate_hz), sample_rate_hz, voice)
        speaker = next(candidate for candidate in plan.candidates if candidate.full_name == voice)
        await self._save(self._key(text, speaker, plan.locale, sample_rate_hz), audio, narration)
        return audio

    async def _save(self, key: str, audio: PhraseAudio, narration: Narration) -> None:
        self._keep(key, audio)
        if self._store is None:
            return
        try:
            await asyncio.to_thread(self._store.save, key, audio)
        except Unavailable as error:
            narration.reasons.append(error.reason)

    def _keep(self, key: str, audio: PhraseAudio) -> None:
        replaced = self._kept.pop(key, None)
        self._size_bytes -= replaced.samples.nbytes if replaced else 0
        self._kept[key] = audio
        self._size_bytes += audio.samples.nbytes
        while self._size_bytes > self._max_bytes and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size_bytes -= dropped.samples.nbytes

    def _key(self, text: str, candidate: Candidate, locale: str, sample_rate_hz: int) -> str:
        known = (text, candidate.full_name, candidate.provider.model, locale, sample_rate_hz)
        if known not in self._keys:
            self._keys[known] = phrase_key(text, candidate, locale=locale, sample_rate_hz=sample_rate_hz)
            if len(self._keys) > _KEYS_REMEMBERED:
                self._keys.popitem(last=False)
        return self._keys[known]
