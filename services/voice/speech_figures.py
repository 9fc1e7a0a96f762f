"""What this process has spoken, counted since its start: phrases from memory, characters, money, first audio."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from services.voice.watched_speech import Take

# Enough for a median that follows the last minutes of a busy line.
_LATEST = 200


@dataclass(frozen=True, slots=True)
class SpeechSummary:
    """The figures at one moment. Money in micro-dollars; shares from 0 to 1, 0 before there is anything to share.

    What is saved is what the phrases from memory would have cost. `first_audio_ms` is the median of the latest takes.
    """

    phrases_played: int
    phrase_hit_rate: float
    billed_characters: int
    saved_characters: int
    saved_micro_usd: int
    takes: int
    failures: int
    first_audio_ms: float

    def __str__(self) -> str:
        """Returns one line for operators."""
        return (
            f"{self.phrases_played} phrases, {self.phrase_hit_rate:.0%} from memory; "
            f"{self.billed_characters} characters paid, {self.saved_characters} saved "
            f"(${self.saved_micro_usd / 1e6:.2f}); {self.takes} texts spoken, {self.failures} failed, "
            f"first audio {self.first_audio_ms:.0f} ms"
        )


class SpeechFigures:
    """Counts; `cost` gives the price of a text by model and characters, in micro-dollars."""

    def __init__(self, *, cost: Callable[[str, int], int] | None = None) -> None:
        self._cost = cost
        self._counts: Counter[str] = Counter()
        self._first_audio_ms: deque[float] = deque(maxlen=_LATEST)

    def took(self, take: Take) -> None:
        """Counts a text that a voice was given."""
        self._counts["takes"] += 1
        self._counts["failures"] += bool(take.reason)
        self._counts["billed"] += take.billed_characters
        if take.first_audio_ms:
            self._first_audio_ms.append(take.first_audio_ms)

    def played(self, *, from_memory: bool, is_paid: bool, model: str, characters: int) -> None:
        """Counts a phrase that was asked for; `is_paid` and `model` are of the voice that it is kept of."""
        self._counts["hits" if from_memory else "misses"] += 1
        if from_memory and is_paid:
            self._counts["saved"] += characters
            self._counts["saved_micro_usd"] += self._cost(model, characters) if self._cost else 0

    def summary(self) -> SpeechSummary:
        """Returns the figures."""
        played = self._counts["hits"] + self._counts["misses"]
        return SpeechSummary(
            phrases_played=played,
            phrase_hit_rate=self._counts["hits"] / played if played else 0.0,
            billed_characters=self._counts["billed"],
            saved_characters=self._counts["saved"],
            saved_micro_usd=self._counts["saved_micro_usd"],
            takes=self._counts["takes"],
            failures=self._counts["failures"],
            first_audio_ms=median(self._first_audio_ms) if self._first_audio_ms else 0.0,
        )
