"""How many lookups a replica has under way, and who waits for a place.

A processor that is busy takes lookups in one after another. Of too many at once each would wait there until its time is
over, and a turn that goes to an engine because of that costs ten times what it came for. Here they wait before their
time begins.
"""

import asyncio

from libs.common.errors import overloaded

# Enough for thousands of lookups a second, few enough that the last of them is answered in time on a busy machine.
PLACES = 16
# How much of its time a turn waits for a place: what is left must still do to ask an engine.
WAIT_SHARE = 0.4


class LookupQueue:
    """Places for lookups, in the order they are asked for.

    After `places` failures in a row, with no success in between, one lookup at a time finds out whether the cache is
    back, and the others do without.
    """

    def __init__(self, *, places: int = PLACES) -> None:
        self._places = places
        self._free = asyncio.Semaphore(places)
        self._under_way = 0
        self._failures = 0

    @property
    def is_away(self) -> bool:
        """Says whether the cache is taken for away."""
        return self._failures >= self._places

    async def enter(self, *, remaining_seconds: float) -> bool:
        """Waits for a place, to be given back by `leave`; returns False, and gives none, where nobody is to ask.

        Raises Exhausted (OVERLOADED) when there is none in time.
        """
        if self._is_probed():
            return False
        if self._free.locked():
            try:
                async with asyncio.timeout(max(0.0, WAIT_SHARE * remaining_seconds)):
                    await self._free.acquire()
            except TimeoutError:
                raise overloaded() from None
        else:
            await self._free.acquire()
        if self._is_probed():
            # Found out by somebody else while this one waited.
            self._free.release()
            return False
        self._under_way += 1
        return True

    def leave(self) -> None:
        """Gives a place back."""
        self._under_way -= 1
        self._free.release()

    def tell(self, *, succeeded: bool) -> None:
        """Notes what came of a lookup that had all the time a lookup gets."""
        self._failures = 0 if succeeded else self._failures + 1

    def _is_probed(self) -> bool:
        return self.is_away and self._under_way > 0
