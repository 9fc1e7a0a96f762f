"""Steps that are taken again and again: whatever goes wrong in one, it is taken again."""

import asyncio

import pytest

from libs.common.errors import Unavailable
from libs.common.upkeep import Upkeep


async def test_neither_a_refusal_nor_a_fault_ends_a_step(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    troubles = [
        Unavailable("AWAY", "Away."),
        Unavailable("AWAY", "Away."),
        KeyError("what a customer said"),
        None,
        None,
    ]
    waits: list[float] = []
    all_taken = asyncio.Event()

    async def step() -> None:
        trouble = troubles.pop(0)
        if not troubles:
            all_taken.set()
        if trouble is not None:
            raise trouble

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)
        if all_taken.is_set():
            await asyncio.Event().wait()

    upkeep = Upkeep(wait=wait, after_failure_seconds=0.5)
    upkeep.start(step, name="counting", every_seconds=2.0)
    await all_taken.wait()
    await upkeep.stop()
    assert waits[:4] == [0.5, 0.5, 0.5, 2.0]
    assert [record.message for record in caplog.records if record.levelname != "ERROR"] == [
        "counting does not work: AWAY",
        "counting works again",
    ]
    assert "KeyError" in caplog.text
    assert "customer" not in caplog.text
