"""When a tier that fails is left alone, and how it comes back: no I/O, and the clock is given."""

import random
import time
from collections import deque
from collections.abc import Callable

_CONSECUTIVE = 3
_LAST, _WINDOW_SECONDS, _SHARE = 20, 60.0, 0.5
_FIRST_COOL_DOWN, _LONGEST_COOL_DOWN = 5.0, 120.0
_JITTER = 0.2
_SUCCESSES_TO_CLOSE = 2
# A header that asks for more is taken for a mistake.
_LONGEST_REST = 600.0


class Breaker:
    """Opens after 3 failures in a row, or when half of the last 20 within 60 s failed.

    Open, it admits nothing for 5 s, twice as long each further time up to 120 s, ±20 %, or for as long as the tier
    asked. Then it is half open: one request at a time is admitted, and two successes in a row close it.

    Every admission must be followed by exactly one of `succeeded`, `failed` and `let_go`, with the `epoch` of that
    moment: what was admitted before it opened tells nothing about the tier since, and takes nobody's place.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic, jitter: random.Random | None = None) -> None:
        self._now = now
        # Only spreads retries of several processes.
        self._jitter = jitter or random.Random()  # noqa: S311
        self._in_a_row = 0
        self._recent: deque[tuple[float, bool]] = deque(maxlen=_LAST)
        self._open_until: float | None = None
        self._openings = 0
        self._trying = False
        self._good_tries = 0
        self.epoch = 0
        """How often it has opened."""

    @property
    def is_closed(self) -> bool:
        """True while every request is admitted."""
        return self._open_until is None

    @property
    def failed_lately(self) -> bool:
        """True when a request of the last minute failed."""
        since = self._now() - _WINDOW_SECONDS
        return any(at >= since and not good for at, good in self._recent)

    def retry_in(self) -> float:
        """Seconds until a request may be admitted; 0 when one may now."""
        return max(0.0, self._open_until - self._now()) if self._open_until is not None else 0.0

    def admits(self) -> bool:
        """Whether a request may be sent now; of a half-open breaker this takes its only place."""
        if self._open_until is None:
            return True
        if self._trying or self._now() < self._open_until:
            return False
        self._trying = True
        return True

    def succeeded(self, epoch: int | None = None) -> None:
        """Notes that an admitted request was served."""
        if epoch not in (None, self.epoch):
            return
        self._in_a_row = 0
        self._recent.append((self._now(), True))
        if self._open_until is None:
            return
        self._trying = False
        self._good_tries += 1
        if self._good_tries >= _SUCCESSES_TO_CLOSE:
            self._open_until = None
            self._openings = 0
            self._recent.clear()

    def failed(self, retry_after_seconds: float | None = None, epoch: int | None = None) -> None:
        """Notes that an admitted request failed by the tier's fault."""
        if epoch not in (None, self.epoch):
            return
        self._in_a_row += 1
        self._recent.append((self._now(), False))
        if self._open_until is not None:
            if self._trying:
                self._open(retry_after_seconds)
        elif self._in_a_row >= _CONSECUTIVE or self._mostly_fails():
            self._open(retry_after_seconds)

    def let_go(self, epoch: int | None = None) -> None:
        """Notes that an admitted request ended without telling anything about the tier."""
        if epoch in (None, self.epoch):
            self._trying = False

    def rest(self, seconds: float) -> None:
        """Admits nothing for `seconds`, at most 600, because the tier asked for it."""
        self.epoch += 1
        self._trying = False
        self._good_tries = 0
        self._open_until = self._now() + min(seconds, _LONGEST_REST)

    def try_soon(self) -> None:
        """Ends the cool-down: something else saw the tier alive. One request still has to prove it."""
        if self._open_until is not None:
            self._open_until = min(self._open_until, self._now())

    def _mostly_fails(self) -> bool:
        since = self._now() - _WINDOW_SECONDS
        within = [good for at, good in self._recent if at >= since]
        return len(within) == _LAST and within.count(False) >= _SHARE * _LAST

    def _open(self, retry_after_seconds: float | None) -> None:
        cool_down = min(_FIRST_COOL_DOWN * 2.0 ** min(self._openings, 10), _LONGEST_COOL_DOWN)
        cool_down *= self._jitter.uniform(1 - _JITTER, 1 + _JITTER)
        self._openings += 1
        self.rest(cool_down if retry_after_seconds is None else retry_after_seconds)
