"""A process is killed with -9 while turns wait: every one of which it said that it waits is on the disk."""

import asyncio
import sys
from pathlib import Path

import pytest

from services.router.adapters.file_outbox import FileOutbox
from tests.fakes.router_world import RouterWorld
from tests.unit.test_router_outbox import customer_texts, steady_on

ROOT = Path(__file__).parent.parent.parent
TURNS_BEFORE_THE_KILL = 40


async def serve_for_ever(folder: Path) -> None:
    """Answers turns without a store, four at a time, and prints the id of each that it called PENDING."""
    world = RouterWorld()
    outbox, left = FileOutbox.open(folder)
    steady_on(world, outbox, left)
    world.steady.is_down = True

    async def channel(name: str) -> None:
        number = 0
        while True:
            number += 1
            answered = await world.say(f"message {number}", conversation=name, turn_id=f"{name}-{number}")
            if answered.stored.value == "pending":
                # One write: a line is there whole or not at all.
                sys.stdout.write(f"{name} {number}\n")
                sys.stdout.flush()

    await asyncio.gather(*(channel(f"c{index}") for index in range(4)))


@pytest.mark.parametrize("round_number", range(3))
async def test_no_turn_that_was_said_to_wait_is_lost(tmp_path: Path, round_number: int) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from tests.faults import test_router_outbox_killed as t; "
        "asyncio.run(t.serve_for_ever(Path(sys.argv[1])))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    acknowledged: list[str] = []
    async for line in process.stdout:
        acknowledged.append(line.decode().strip())
        if len(acknowledged) == TURNS_BEFORE_THE_KILL * (round_number + 1):
            process.kill()
    await process.wait()
    outbox, left = FileOutbox.open(tmp_path)
    try:
        held = {f"{turn.ref.conversation_id} {turn.commit.reply.turn_id.partition('-')[2]}" for turn in left}
        assert [turn for turn in acknowledged if turn not in held] == []
        # The next process keeps them, each once and in order.
        world = RouterWorld()
        assert await steady_on(world, outbox, left).replay()
        for index in range(4):
            texts = await customer_texts(world.store, f"c{index}")
            assert texts == [f"message {number + 1}" for number in range(len(texts))]
    finally:
        await outbox.aclose()
