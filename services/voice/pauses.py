"""Where a phrase pauses, so that it may be cut there."""

import numpy as np

from services.voice.audio import Samples

_SHORTEST_MS = 80
# As loud as the noise floor of a telephone line.
_THRESHOLD = 300


def pauses_ms(samples: Samples, *, sample_rate_hz: int) -> tuple[float, ...]:
    """Returns where each pause of at least 80 ms amid `samples` begins, in milliseconds."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _THRESHOLD)
    silent = np.flatnonzero(np.diff(loud) > sample_rate_hz * _SHORTEST_MS // 1_000)
    return tuple(float(loud[index] + 1) * 1_000 / sample_rate_hz for index in silent)
