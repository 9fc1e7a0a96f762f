"""Places for lookups: given in order, refused when there is no time to wait, and never lost."""

import asyncio

import pytest

from libs.common.errors import Exhausted
from services.router.lookup_queue import WAIT_SHARE, LookupQueue
from tests.fakes.virtual_time import run_in_virtual_time


async def held(*, places: int) -> LookupQueue:
    """A queue of which every place is taken."""
    queue = LookupQueue(places=places)
    for _ in range(places):
        assert await queue.enter(remaining_seconds=60)
    return queue


async def test_places_are_given_in_the_order_they_were_asked_for() -> None:
    queue = await held(places=1)
    served: list[str] = []

    async def look(name: str) -> None:
        assert await queue.enter(remaining_seconds=60)
        served.append(name)
        queue.leave()

    tasks = [asyncio.create_task(look(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    queue.leave()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert served == ["a", "c"]
    assert await queue.enter(remaining_seconds=0)


async def test_a_turn_without_time_to_wait_is_refused_and_takes_no_place() -> None:
    queue = await held(places=1)
    for seconds in (0.0, -1.0):
        with pytest.raises(Exhausted, match="OVERLOADED") as refused:
            await queue.enter(remaining_seconds=seconds)
        assert refused.value.retry_after_seconds
    queue.leave()
    assert await queue.enter(remaining_seconds=0)


def test_a_turn_waits_for_a_part_of_its_time() -> None:
    async def play() -> None:
        queue, now = await held(places=1), asyncio.get_running_loop().time
        for seconds in (1.0, 8.0):
            began = now()
            with pytest.raises(Exhausted, match="OVERLOADED"):
                await queue.enter(remaining_seconds=seconds)
            assert round(now() - began, 3) == WAIT_SHARE * seconds

    run_in_virtual_time(play())


async def test_one_at_a_time_finds_out_whether_the_cache_is_back() -> None:
    queue = LookupQueue(places=2)
    for _ in range(2):
        assert not queue.is_away
        queue.tell(succeeded=False)
    assert [await queue.enter(remaining_seconds=60) for _ in range(3)] == [True, False, False]
    queue.leave()
    assert await queue.enter(remaining_seconds=60)
    queue.tell(succeeded=True)
    assert await queue.enter(remaining_seconds=60)


async def test_who_waits_while_the_cache_goes_away_does_without_it() -> None:
    queue = await held(places=2)
    tasks = [asyncio.create_task(queue.enter(remaining_seconds=60)) for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(2):
        queue.tell(succeeded=False)
    queue.leave()
    assert await asyncio.gather(*tasks) == [False] * 3
    queue.leave()
    assert await queue.enter(remaining_seconds=60)
