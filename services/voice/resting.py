"""When a voice that failed is left alone, and how it comes back: no I/O, and the clock is given."""

from collections.abc import Callable

_LONGEST_SECONDS = 120.0
# A header that asks for more is taken for a mistake.
_LONGEST_ASKED_SECONDS = 600.0
# Who was let through and never spoke holds up the others for no longer.
_TRIAL_SECONDS = 2.0


class Resting:
    """Closed at first. One failure opens it for `cooldown_seconds`, twice as long each further time up to 120 s.

    A telephone line cannot wait for three failures. Then one caller at a time may try, and its success closes it.
    """

    def __init__(self, *, cooldown_seconds: float, now: Callable[[], float]) -> None:
        self._cooldown_seconds = cooldown_seconds
        self._now = now
        self._open_until: float | None = None
        self._trial_until = 0.0
        self._failures = 0
        self.reason = ""

    def admits(self) -> bool:
        """Whether the voice may be tried before the others; past a rest this is granted to one caller at a time."""
        if self._open_until is None:
            return True
        now = self._now()
        if now < max(self._open_until, self._trial_until):
            return False
        self._trial_until = now + _TRIAL_SECONDS
        return True

    def failed(self, reason: str, *, retry_after_seconds: float | None = None) -> None:
        """Opens it, or opens it again; what fails while it rests changes nothing."""
        now = self._now()
        if self._open_until is not None and now < self._open_until:
            return
        cool_down = min(self._cooldown_seconds * 2.0 ** min(self._failures, 10), _LONGEST_SECONDS)
        if retry_after_seconds is not None:
            cool_down = min(retry_after_seconds, _LONGEST_ASKED_SECONDS)
        self._failures += 1
        self._open_until, self._trial_until, self.reason = now + cool_down, 0.0, reason

    def succeeded(self) -> None:
        """Closes it, unless it was opened meanwhile."""
        if self._open_until is not None and self._now() >= self._open_until:
            self._open_until, self._failures, self.reason = None, 0, ""
