"""Whatever has failed behind the router, every turn ends with a text before its deadline."""

import asyncio
import itertools

import pytest

from libs.common.errors import Unavailable
from tests.fakes.engines import Trouble
from tests.fakes.router_world import RouterWorld
from tests.fakes.virtual_time import run_in_virtual_time

MODES = ("ok", "error", "hang")
COMBINATIONS = list(itertools.product(MODES, repeat=4))


@pytest.mark.parametrize("seconds", [0.3, 0.5, 1.0, 8.0])
def test_every_combination_of_failed_dependencies_gets_a_reply(seconds: float) -> None:
    """81 combinations of cache, hybrid, classic and store, in virtual time, so that a busy machine changes nothing."""

    async def turn(combination: tuple[str, ...]) -> tuple[str, float]:
        world = RouterWorld()
        fakes = (world.answers, world.hybrid, world.classic, world.store)
        for fake, mode in zip(fakes, combination, strict=True):
            fake.trouble = Trouble(mode)
        now = asyncio.get_running_loop().time
        started = now()
        text = (await world.say("Combien coûtent 6 paquets ?", seconds=seconds)).reply.text
        took = now() - started
        await world.background.finish(timeout_seconds=0)
        return text, took

    results = {combination: run_in_virtual_time(turn(combination)) for combination in COMBINATIONS}
    assert len(results) == 81
    assert [combination for combination, (text, _) in results.items() if not text.strip()] == []
    assert {combination: took for combination, (_, took) in results.items() if took >= seconds} == {}


def test_dead_hybrid_is_rescued_when_there_is_time() -> None:
    world = RouterWorld()
    world.hybrid.trouble = Trouble("hang")
    reply = run_in_virtual_time(world.say("bonjour", seconds=1.3)).reply
    assert (reply.text, reply.reasons) == ("reply to bonjour", ("DEADLINE_EXCEEDED",))


async def test_tenant_that_was_never_loaded_gets_a_reply() -> None:
    world = RouterWorld()
    world.tenants.error = Unavailable("STORE_UNAVAILABLE", "Redis does not answer.")
    for fake in (world.answers, world.hybrid, world.classic, world.store):
        fake.trouble = Trouble("error")
    assert (await world.say("bonjour", seconds=0.3)).reply.text == "Envoyez photo du paquet 📦"
