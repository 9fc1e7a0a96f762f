"""Which voices there are, in which order they are tried, and what is said when one is missing."""

import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from libs.common.errors import FieldViolation, InvalidRequest, Unavailable
from services.voice.audio import Samples
from services.voice.loudness import VoiceLevels
from services.voice.resting import Resting
from services.voice.watched_speech import Account, Take, Unpaid, WatchedSpeech

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class VoiceState:
    """Whether a provider can speak now. `reason` is UPPER_SNAKE and empty when it can; `detail` is one sentence."""

    can_speak: bool
    reason: str = ""
    detail: str = ""


class SpeechProvider(Protocol):
    """A technology that speaks. One instance serves many streams at once."""

    # Short name such as `pico`, the part of a voice's name before the colon.
    name: str
    # True when every character sent costs money.
    is_paid: bool
    # The model and its settings: whatever changes the sound or the price, such as `eleven_turbo_v2_5`.
    model: str

    def state(self) -> VoiceState:
        """Says whether it can speak now."""
        ...

    def voice_for(self, locale: str, asked: str) -> str | None:
        """Returns the voice that speaks `locale` (`fr-CI`): `asked` unless it is empty; None when there is none."""
        ...

    def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        """Yields mono speech of at most 4,096 characters at `sample_rate_hz` (8, 16 or 24 kHz), in pieces of any size.

        Closing it stops the work within 20 ms of audio. Raises Unavailable when it fails, before or amid audio.
        """
        ...

    async def aclose(self) -> None:
        """Frees what it holds."""
        ...


class Speaker(Protocol):
    """A provider as narrations use it."""

    name: str
    is_paid: bool
    model: str

    def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        """Yields speech, as `SpeechProvider.stream` does."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider with the voice it would use."""

    provider: Speaker
    voice: str

    @property
    def full_name(self) -> str:
        """Returns `provider:voice`."""
        return f"{self.provider.name}:{self.voice}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Who speaks an utterance, first choice first, never empty; `reasons` why not the voice that was asked for."""

    candidates: tuple[Candidate, ...]
    locale: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VoiceDependency:
    """One line of the process's status."""

    name: str
    state: Literal["up", "degraded", "embedded"]
    detail: str = ""


class Voices:
    """The providers of this process in order of preference.

    A provider that failed is tried last for `cooldown_seconds`, so that each caller does not wait for it again.
    `account` pays for paid ones, `levels` brings all to one loudness, `note` is told of every text that was spoken.
    """

    def __init__(
        self,
        providers: Sequence[SpeechProvider],
        *,
        cooldown_seconds: float = 15.0,
        account: Account | None = None,
        levels: VoiceLevels | None = None,
        note: Callable[[Take], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers = tuple(providers)
        self._speakers = {
            provider.name: WatchedSpeech(
                provider,
                resting=Resting(cooldown_seconds=cooldown_seconds, now=now),
                account=account or Unpaid(),
                levels=levels,
                note=note,
                now=now,
            )
            for provider in providers
        }

    def plan(self, *, locale: str, asked: str = "") -> Plan:
        """Returns who may speak `locale`, with `asked` (`provider:voice`, `provider` or empty) first.

        Raises InvalidRequest (VOICE_UNKNOWN, INVALID_FIELD) and Unavailable (NO_VOICE).
        """
        _check_locale(locale)
        wanted, _, wanted_voice = asked.partition(":")
        if wanted and wanted not in {provider.name for provider in self._providers}:
            raise _unknown_voice([provider.name for provider in self._providers])
        ordered = sorted(self._providers, key=lambda provider: provider.name != wanted)
        candidates: list[Candidate] = []
        reasons: list[str] = []
        for provider in ordered:
            state = provider.state()
            is_wanted = provider.name == wanted
            if not state.can_speak:
                reasons.extend([state.reason] if is_wanted else [])
                continue
            voice = provider.voice_for(locale, wanted_voice if is_wanted else "")
            if voice is not None:
                candidates.append(Candidate(self._speakers[provider.name], voice))
            elif is_wanted and wanted_voice:
                raise _unknown_voice([provider.name])
        if not candidates:
            raise Unavailable("NO_VOICE", self._why_nobody_speaks(locale))
        return self._with_the_failed_last(candidates, locale, reasons)

    def plan_preferring(self, asked: str, *, locale: str) -> Plan:
        """As `plan`, but an `asked` that is unknown becomes a reason: a setting must not silence a tenant."""
        try:
            return self.plan(locale=locale, asked=asked)
        except InvalidRequest as error:
            if error.reason != "VOICE_UNKNOWN":
                raise
            plan = self.plan(locale=locale)
            return replace(plan, reasons=(error.reason, *plan.reasons))

    def set_aside(self, provider: Speaker, reason: str) -> None:
        """Notes that `provider` just failed."""
        self._speakers[provider.name].resting.failed(reason)

    def dependencies(self) -> tuple[VoiceDependency, ...]:
        """Returns how the voices are: the ones in use, and the ones whose absence costs something."""
        states = [(provider, provider.state()) for provider in self._providers]
        speaking = [provider for provider, state in states if state.can_speak]
        if not speaking:
            detail = " ".join(state.detail for _, state in states if state.detail)
            return (VoiceDependency("speech", "degraded", f"No voice can speak. {detail}".strip()),)
        lines: list[VoiceDependency] = []
        for provider, state in states:
            name = f"speech:{provider.name}"
            if provider is speaking[0] and not provider.is_paid:
                lines.append(VoiceDependency(name, "embedded", "A local voice speaks."))
            elif state.can_speak:
                lines.append(VoiceDependency(name, "up"))
            elif provider.is_paid or speaking[0] is not self._first_local():
                detail = f"{state.detail} Until then {speaking[0].name} speaks."
                lines.append(VoiceDependency(name, "embedded" if provider.is_paid else "degraded", detail))
        return tuple(lines)

    async def aclose(self) -> None:
        """Closes every provider."""
        for provider in self._providers:
            await provider.aclose()

    def _first_local(self) -> SpeechProvider | None:
        return next((provider for provider in self._providers if not provider.is_paid), None)

    def _with_the_failed_last(self, candidates: list[Candidate], locale: str, reasons: list[str]) -> Plan:
        first = candidates[0]
        failed = {
            candidate.provider.name
            for candidate in candidates
            if not self._speakers[candidate.provider.name].resting.admits()
        }
        candidates.sort(key=lambda candidate: candidate.provider.name in failed)
        if candidates[0] is not first:
            reasons.append(self._speakers[first.provider.name].resting.reason)
        return Plan(tuple(candidates), locale, tuple(reasons))

    def _why_nobody_speaks(self, locale: str) -> str:
        if any(provider.state().can_speak for provider in self._providers):
            return f"No voice here speaks {locale!r}: configure ElevenLabs, or ask for another locale."
        return "No voice can speak: set REPARTEE_ELEVENLABS_API_KEY, or install gcc and the local voice (ttspico)."


def _check_locale(locale: str) -> None:
    if not _LOCALE.fullmatch(locale):
        raise InvalidRequest(
            "INVALID_FIELD",
            "A locale is a language and perhaps a country, such as fr, fr-CI or en-GB.",
            violations=[FieldViolation("locale", "expected a BCP 47 tag such as fr-CI")],
        )


def _unknown_voice(providers: Sequence[str]) -> InvalidRequest:
    return InvalidRequest(
        "VOICE_UNKNOWN",
        "No such voice: a voice is named `provider:voice`, and the provider must have it.",
        violations=[FieldViolation("voice", f"expected a voice of {', '.join(providers)}")],
    )
