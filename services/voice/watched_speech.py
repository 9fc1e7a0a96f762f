"""A voice that is watched: paid for, rested after failures, levelled, and counted."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from libs.common.attributes import Names
from libs.common.errors import Exhausted, Unavailable
from libs.common.stages import begin_model_call
from services.voice.audio import Samples
from services.voice.loudness import Leveller, VoiceLevels
from services.voice.resting import Resting

# Refused before anything was spoken: the vendor charges nothing.
_NOT_BILLED = (
    "SPEECH_BUDGET_SPENT",
    "_NOT_CONFIGURED",
    "_BUSY",
    "_RATE_LIMITED",
    "_REFUSED",
    "_SERVER_ERROR",
    "_UNREACHABLE",
)
# This process has as many under way as it may: nothing is wrong with the vendor.
_NO_FAULT = ("_BUSY", "_NOT_CONFIGURED")


def is_billed(reason: str) -> bool:
    """Returns whether a vendor charges for a text that failed for `reason`; one that was spoken has none."""
    return not reason.endswith(_NOT_BILLED)


class Provider(Protocol):
    """What is watched: `services.voice.voices.SpeechProvider`, as far as it is needed here."""

    name: str
    is_paid: bool
    model: str

    def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        """Yields speech."""
        ...


@dataclass(frozen=True, slots=True)
class Take:
    """One text that a voice was given. `reason` is empty unless it failed; `was_heard` to its end.

    `billed_characters` is what a vendor charges: also for a stream that broke off or was cancelled.
    """

    provider: str
    model: str
    characters: int
    billed_characters: int
    was_heard: bool
    first_audio_ms: float
    reason: str


class Payment(Protocol):
    """The money for one take."""

    def settle(self, take: Take) -> None:
        """Charges it, in the background; works also where the caller is being cancelled."""
        ...


class Account(Protocol):
    """Pays for paid voices."""

    async def hold(self, *, model: str, characters: int) -> Payment:
        """Holds what a text costs; raises Exhausted (BUDGET_SPENT)."""
        ...


class _NoPayment:
    def settle(self, take: Take) -> None:
        """Charges nothing."""


class Unpaid:
    """An account that keeps no books."""

    async def hold(self, *, model: str, characters: int) -> Payment:
        """Holds nothing."""
        del model, characters
        return _NoPayment()


class WatchedSpeech:
    """Speaks as the provider does, and raises as it does, or Unavailable (SPEECH_BUDGET_SPENT)."""

    def __init__(
        self,
        provider: Provider,
        *,
        resting: Resting,
        account: Account,
        levels: VoiceLevels | None,
        note: Callable[[Take], None],
        now: Callable[[], float],
    ) -> None:
        self.name = provider.name
        self.is_paid = provider.is_paid
        self.model = provider.model
        self.resting = resting
        self._provider = provider
        self._account = account
        self._levels = levels
        self._note = note
        self._now = now

    async def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        """Yields the text as speech, at one level."""
        payment = await self._hold(len(text))
        leveller = Leveller(self._levels, f"{self.name}:{voice}", sample_rate_hz) if self._levels else None
        begun, first_ms, reason, ended = self._now(), 0.0, "", False
        step = begin_model_call("text_to_speech", provider=self.name, model=self.model or self.name)
        pieces = self._provider.stream(text, locale=locale, voice=voice, sample_rate_hz=sample_rate_hz)
        try:
            async with aclosing(pieces):
                async for samples in pieces:
                    if not first_ms:
                        first_ms = max((self._now() - begun) * 1_000, 0.001)
                        self.resting.succeeded()
                    yield leveller.push(samples) if leveller else samples
            ended = True
        except Unavailable as error:
            reason = error.reason
            if not reason.endswith(_NO_FAULT):
                self.resting.failed(reason, retry_after_seconds=error.retry_after_seconds)
            raise
        finally:
            if leveller:
                leveller.finish()
            billed = len(text) if self.is_paid and is_billed(reason) else 0
            take = Take(self.name, self.model, len(text), billed, ended and first_ms > 0, first_ms, reason)
            payment.settle(take)
            self._note(take)
            step.note(Names.CHARACTERS, take.characters)
            if first_ms:
                step.note(Names.FIRST_PIECE_MS, round(first_ms))
            if reason:
                step.fail(reason)
            elif not ended:
                step.note(Names.CANCELLED, True)
            step.end()

    async def _hold(self, characters: int) -> Payment:
        if not self.is_paid:
            return _NoPayment()
        try:
            return await self._account.hold(model=self.model, characters=characters)
        except Exhausted as error:
            raise Unavailable("SPEECH_BUDGET_SPENT", "Today's budget does not hold the paid voice.") from error
