"""Whether samples are speech and not a tone, noise or silence: by spectrum, level and rhythm."""

from dataclasses import dataclass

import numpy as np

from services.voice.audio import Samples

_FRAME_SECONDS = 0.032
_TELEPHONE_BAND_HZ = (300.0, 3_400.0)
# The pitch of people, children included.
_PITCH_HZ = (70.0, 400.0)
_VOICED_FROM = 0.5


@dataclass(frozen=True, slots=True)
class SpeechMeasure:
    """What tells speech from other sounds; shares from 0 to 1.

    `flatness` is the median spectral flatness of loud frames: 0.5 and more for noise, 10⁻⁸ for a tone, 10⁻⁴ to 0.3 for
    speech. `band_share` is the share of energy from 300 to 3,400 Hz; a voice's pitch lies below it. `voiced_share` is
    that of loud frames which repeat at a pitch of 70 to 400 Hz. `level_spread_db` is between the 90th and the 10th
    percentile of the frames' levels: speech rises and falls by 15 dB and more, a tone or noise hardly at all.
    """

    level_dbfs: float
    flatness: float
    band_share: float
    voiced_share: float
    level_spread_db: float

    @property
    def is_speech(self) -> bool:
        """True for what no tone, noise, hum or silence passes."""
        return (
            self.level_dbfs > -45
            and 0.00002 < self.flatness < 0.35
            and self.band_share > 0.1
            and self.voiced_share > 0.25
            and self.level_spread_db > 8
        )


def measure_speech(samples: Samples, sample_rate_hz: int) -> SpeechMeasure:
    """Returns the measure of at least a second of samples; of silence, zeros and −120 dB."""
    size = int(sample_rate_hz * _FRAME_SECONDS)
    count = len(samples) // size
    frames = samples[: count * size].reshape(count, size).astype(np.float64) / 32_768.0
    power = (frames**2).mean(axis=1) + 1e-12
    loud = frames[power > power.max() * 10**-2.5]
    if not count or power.max() < 1e-9:
        return SpeechMeasure(-120.0, 0.0, 0.0, 0.0, 0.0)
    windowed = loud * np.hanning(size)
    spectrum = np.abs(np.fft.rfft(windowed, axis=1)) ** 2 + 1e-12
    hertz = np.fft.rfftfreq(size, 1 / sample_rate_hz)
    band = (hertz >= _TELEPHONE_BAND_HZ[0]) & (hertz <= _TELEPHONE_BAND_HZ[1])
    within = spectrum[:, band]
    flatness = np.exp(np.log(within).mean(axis=1)) / within.mean(axis=1)
    heard = hertz >= 80
    levels = 10 * np.log10(power)
    return SpeechMeasure(
        level_dbfs=float(10 * np.log10((loud**2).mean())),
        flatness=float(np.median(flatness)),
        band_share=float(within.sum() / spectrum[:, heard].sum()),
        # Differences, because slow noise resembles itself at every lag.
        voiced_share=float((_periodicity(np.diff(loud, axis=1), sample_rate_hz) > _VOICED_FROM).mean()),
        level_spread_db=float(np.percentile(levels, 90) - np.percentile(levels, 10)),
    )


def _periodicity(frames: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Returns the highest normalised autocorrelation of each frame at the lag of a pitch."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    size = frames.shape[1]
    transformed = np.fft.rfft(centred, 2 * size, axis=1)
    correlation = np.fft.irfft(np.abs(transformed) ** 2, axis=1)[:, :size]
    first, last = int(sample_rate_hz / _PITCH_HZ[1]), int(sample_rate_hz / _PITCH_HZ[0])
    lags = np.arange(first, min(last, size - 1))
    # A frame overlaps itself less at longer lags.
    normalised = correlation[:, lags] / (correlation[:, :1] + 1e-12) * size / (size - lags)
    return normalised.max(axis=1)
