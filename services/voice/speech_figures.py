"""What this process has spoken, counted since its start: phrases from memory, characters, money, waits."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from libs.common.measures import Measures
from libs.common.metrics import Meter
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
    """Counts, also as metrics; `cost` gives the price of a text by model and characters, in micro-dollars."""

    def __init__(self, *, cost: Callable[[str, int], int] | None = None, meter: Meter | None = None) -> None:
        self._cost = cost
        self._meter = meter or Meter()
        self._counts: Counter[str] = Counter()
        self._first_audio_ms: deque[float] = deque(maxlen=_LATEST)

    def took(self, take: Take) -> None:
        """Counts a text that a voice was given."""
        self._counts["takes"] += 1
        self._counts["failures"] += bool(take.reason)
        self._counts["billed"] += take.billed_characters
        outcome = take.reason or ("spoken" if take.was_heard else "left")
        self._meter.counter(Measures.SPEECH, take.provider, outcome).add()
        if take.billed_characters:
            self._meter.counter(Measures.CHARACTERS, take.provider, "billed").add(take.billed_characters)
        elif not take.reason:
            self._meter.counter(Measures.CHARACTERS, take.provider, "free").add(take.characters)
        if take.first_audio_ms:
            self._first_audio_ms.append(take.first_audio_ms)
            self._meter.histogram(Measures.SPEECH_FIRST_AUDIO, take.provider).observe(take.first_audio_ms / 1_000)

    def played(self, *, from_memory: bool, provider: str, is_paid: bool, model: str, characters: int) -> None:
        """Counts a phrase that was asked for; what is said of the voice is of the one that it is kept of."""
        self._counts["hits" if from_memory else "misses"] += 1
        self._meter.counter(Measures.PHRASES, "hit" if from_memory else "miss").add()
        if from_memory and is_paid:
            self._counts["saved"] += characters
            self._counts["saved_micro_usd"] += self._cost(model, characters) if self._cost else 0
            self._meter.counter(Measures.CHARACTERS, provider, "saved").add(characters)

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
