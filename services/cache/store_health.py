"""Whether the store answers, so that lookups do not all wait for one that does not."""

import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)

# After so many faults in a row, one lookup now and then finds out whether the store is back; others do not wait for it.
_FAULTS_BEFORE_REST = 3
_REST_SECONDS = 0.25
# A hiccup fails every lookup that is under way: faults so close together are one. Else, under load, one hiccup would
# turn every hit into work for an engine, which then is the next hiccup.
_ONE_FAULT_SECONDS = 0.06


class StoreHealth:
    """Counts faults in a row. `clock` is in seconds, and only grows."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._faults = 0
        self._last_fault = -_ONE_FAULT_SECONDS
        self._resting_until = 0.0

    @property
    def is_degraded(self) -> bool:
        """True from the first fault of the store to its next answer."""
        return self._faults > 0

    def is_resting(self) -> bool:
        """Says whether this lookup should pass the store over."""
        now = self._clock()
        if self._faults < _FAULTS_BEFORE_REST:
            return False
        if now < self._resting_until:
            return True
        self._resting_until = now + _REST_SECONDS  # this caller finds out; the others go on resting
        return False

    def note_answer(self) -> None:
        """The store has answered."""
        self._faults = 0

    def note_fault(self, error: Exception) -> None:
        """The store has failed, or taken too long."""
        now = self._clock()
        if not self._faults or now - self._last_fault >= _ONE_FAULT_SECONDS:
            self._faults += 1
            self._last_fault = now
        self._resting_until = now + _REST_SECONDS
        _log.warning("Cache sémantique désactivé: the store does not answer (%s)", type(error).__name__)
