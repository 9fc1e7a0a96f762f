"""One turn at a time: giving up never hurts those who wait, nor the one who gives up."""

import asyncio

import pytest

from libs.common.errors import Conflict
from services.router.turn_order import TurnOrder


async def waiting(order: TurnOrder) -> "asyncio.Task[None]":
    """A turn that has queued up behind the one that holds "c"."""
    queued = len(order._queues["c"]) + 1
    task = asyncio.create_task(order.enter("c", timeout_seconds=60))
    await asyncio.sleep(0)
    assert len(order._queues["c"]) == queued
    return task


async def test_turn_that_is_late_is_told_and_leaves_no_trace() -> None:
    order = TurnOrder()
    await order.enter("c", timeout_seconds=1)
    with pytest.raises(Conflict, match="CONVERSATION_BUSY"):
        await order.enter("c", timeout_seconds=0)
    order.leave("c")
    assert order._queues == {}


async def test_turn_may_be_cancelled_at_the_moment_in_which_the_one_before_it_leaves() -> None:
    order = TurnOrder()
    await order.enter("c", timeout_seconds=1)
    cancelled = await waiting(order)
    next_one = await waiting(order)
    cancelled.cancel()
    order.leave("c")
    await asyncio.gather(cancelled, return_exceptions=True)
    assert cancelled.cancelled()
    await next_one
    order.leave("c")
    assert order._queues == {}


async def test_place_of_a_turn_that_is_called_up_and_cancelled_at_once_goes_to_the_next() -> None:
    order = TurnOrder()
    await order.enter("c", timeout_seconds=1)
    cancelled = await waiting(order)
    next_one = await waiting(order)
    order.leave("c")
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    await next_one
    order.leave("c")
    assert order._queues == {}
