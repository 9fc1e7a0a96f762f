"""How loud speech is, and a gain that brings every voice to one level without a jump and without clipping."""

import numpy as np

from services.voice.audio import Samples

TARGET_DBFS = -22.0
"""Level of speech here, in dB below a full-scale square wave: between ITU-T P.56's −26 for lines and EBU R 128's −23
LUFS, raised a little for small loudspeakers."""

_FULL_SCALE = 32_768.0
# EBU R 128: blocks of 400 ms that overlap by three quarters, an absolute gate, then one 10 dB under the mean of what
# passed it. Its K weighting is left out: it hardly changes the band of a telephone.
_BLOCK_SECONDS, _STEP_SECONDS = 0.4, 0.1
_ABSOLUTE_GATE_DBFS, _RELATIVE_GATE_DB = -60.0, 10.0
_MOST_GAIN_DB, _LEAST_GAIN_DB = 15.0, -15.0
# Above the knee the curve bends towards the ceiling; it never reaches it.
_KNEE, _CEILING = 0.7 * _FULL_SCALE, 0.944 * _FULL_SCALE
# How fast a gain may move, and how much one utterance changes what is known of a voice.
_DB_PER_SECOND = 6.0
_LEARNING = 0.3
_MEASURED_SECONDS = 5.0


def loudness_dbfs(samples: Samples, sample_rate_hz: int) -> float | None:
    """Returns the loudness of the speech in `samples`, pauses left out; None when there is none."""
    block, step = int(sample_rate_hz * _BLOCK_SECONDS), int(sample_rate_hz * _STEP_SECONDS)
    squares = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    starts = np.arange(0, max(1, len(samples) - block + 1), step)
    ends = np.minimum(starts + block, len(samples))
    power = (squares[ends] - squares[starts]) / np.maximum(ends - starts, 1) / _FULL_SCALE**2
    loud = power[power > _power(_ABSOLUTE_GATE_DBFS)]
    if not loud.size:
        return None
    kept = loud[loud > loud.mean() * _power(-_RELATIVE_GATE_DB)]
    return float(10 * np.log10(kept.mean()))


def limited(samples: np.ndarray) -> Samples:
    """Returns samples of any height as int16: unchanged below −3 dB of full scale, bent above, never clipped."""
    over = np.abs(samples) - _KNEE
    room = _CEILING - _KNEE
    bent = np.where(over > 0, np.sign(samples) * (_KNEE + room * np.tanh(np.maximum(over, 0) / room)), samples)
    return np.rint(bent).astype(np.int16)


def levelled(samples: Samples, sample_rate_hz: int) -> Samples:
    """Returns a whole recording at the level of `TARGET_DBFS`; silence as it is."""
    loudness = loudness_dbfs(samples, sample_rate_hz)
    return samples if loudness is None else limited(samples * 10 ** (_gain_db(loudness) / 20))


class VoiceLevels:
    """What is known of how loud each voice is."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}

    def of(self, voice: str) -> float | None:
        """Returns the loudness of a voice in dBFS, None before it has spoken."""
        return self._known.get(voice)

    def learn(self, voice: str, loudness: float) -> None:
        """Notes how loud a voice was this time."""
        known = self._known.get(voice, loudness)
        self._known[voice] = known + _LEARNING * (loudness - known)


class Leveller:
    """Levels one stream of one voice piece by piece, from its first sample on and without delay.

    The gain is the one that the voice needed before; of a voice that is not known yet, its first piece decides, and
    the gain then moves by at most 6 dB a second.
    """

    def __init__(self, levels: VoiceLevels, voice: str, sample_rate_hz: int) -> None:
        self._levels = levels
        self._voice = voice
        self._rate = sample_rate_hz
        known = levels.of(voice)
        self._gain_db = None if known is None else _gain_db(known)
        self._heard: list[Samples] = []
        self._heard_samples = 0

    def push(self, samples: Samples) -> Samples:
        """Returns the piece at its level."""
        if self._heard_samples < self._rate * _MEASURED_SECONDS:
            self._heard.append(samples)
            self._heard_samples += len(samples)
        if self._gain_db is None:
            loudness = loudness_dbfs(samples, self._rate)
            if loudness is None:
                return samples
            self._gain_db = _gain_db(loudness)
        wanted = self._gain_db if self._levels.of(self._voice) is not None else self._wanted(self._gain_db)
        most = _DB_PER_SECOND * len(samples) / self._rate
        reached = self._gain_db + float(np.clip(wanted - self._gain_db, -most, most))
        gains = 10 ** (np.linspace(self._gain_db, reached, len(samples)) / 20)
        self._gain_db = reached
        return limited(samples * gains)

    def finish(self) -> None:
        """Remembers how loud the voice was."""
        if self._heard and (loudness := loudness_dbfs(np.concatenate(self._heard), self._rate)) is not None:
            self._levels.learn(self._voice, loudness)

    def _wanted(self, gain_db: float) -> float:
        loudness = loudness_dbfs(np.concatenate(self._heard), self._rate)
        return gain_db if loudness is None else _gain_db(loudness)


def _gain_db(loudness: float) -> float:
    return float(np.clip(TARGET_DBFS - loudness, _LEAST_GAIN_DB, _MOST_GAIN_DB))


def _power(db: float) -> float:
    return float(10 ** (db / 10))
