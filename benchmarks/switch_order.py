"""Switches in any order: the same slots whichever engine serves which turn, and one history of the flag."""

import asyncio
import random
import tempfile
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

from benchmarks.figure import Figure
from libs.common.embedded_redis import start_embedded_redis
from libs.common.errors import Conflict
from libs.common.redis_store import RedisStore
from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.adapters.messages import write_state
from services.hybrid_engine.classic.answering import ClassicAnswering
from services.hybrid_engine.flow.state import Attached, Event, FlowState
from services.hybrid_engine.hybrid.answering import HybridAnswering
from services.hybrid_engine.llm.tiers import Cascade
from services.hybrid_engine.turn import Turn
from services.router.adapters.redis_rollout import RedisRolloutStore
from services.router.rollout import Rollout, RolloutState
from tests.fakes.engine_parts import FakeModel, FakePassages, example_bundle

INTERLEAVINGS = 1000
REPLICAS = 4
ROUNDS = 100
_SAID = (
    "Bonjour",
    "je veux commander",
    "",
    "Quels sont vos horaires ?",
    "capture du paiement",
    "à Cocody",
    "non, c'est Yopougon pas Cocody",
    "07 07 07 07 07",
    "oui",
)


async def measure() -> list[Figure]:
    """Replays a recorded order under random switches, then has replicas toggle one flag against each other."""
    differing = await _differing_interleavings(random.Random(7))
    print(f"  {INTERLEAVINGS} interleavings of switches over {len(_SAID)} turns, {differing} with other slots")
    violations, toggles = await _flag_violations()
    print(f"  {toggles} toggles by {REPLICAS} replicas at once, {violations} violations of one history")
    return [
        Figure("switch_interleavings_with_other_slots", differing, "runs", ("==", 0)),
        Figure("flag_linearizability_violations", violations, "violations", ("==", 0)),
    ]


async def _differing_interleavings(dice: random.Random) -> int:
    bundle = example_bundle("rue-du-gros")

    async def bundle_of_caller() -> TenantBundle:
        return bundle

    engines = [
        engine(
            bundles=bundle_of_caller,
            passages=FakePassages("Nous sommes ouverts de 8h à 18h."),
            cascade_of=lambda _bundle: Cascade([FakeModel(*["D'accord, je note."] * 100_000)]),
        )
        for engine in (HybridAnswering, ClassicAnswering)
    ]
    expected = b""
    differing = 0
    for run in range(INTERLEAVINGS):
        state = FlowState()
        for event in _events():
            # The first two runs stay with one engine each.
            chosen = engines[run] if run < 2 else dice.choice(engines)
            state = (await chosen.answer(Turn(event, state))).state
        result = write_state(state).SerializeToString(deterministic=True)
        expected = expected or result
        differing += result != expected
    return differing


def _events() -> list[Event]:
    pictures = {2: Attached("image", "media://parcel", "a" * 64), 4: Attached("image", "media://proof", "b" * 64)}
    return [Event(f"t{at}", "c", text, (pictures[at],) if at in pictures else ()) for at, text in enumerate(_SAID)]


async def _flag_violations() -> tuple[int, int]:
    """Returns violations of one history: rounds with other than one winner, and breaks between audit entries."""
    async with AsyncExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="so-"))
        redis = await start_embedded_redis(Path(folder))
        exits.push_async_callback(redis.stop)
        rollouts: list[Rollout] = []
        for number in range(REPLICAS):
            store = RedisStore.connect(redis.url, timeout_seconds=1.0)
            exits.push_async_callback(store.aclose)
            rollout = Rollout(store=RedisRolloutStore(store), replica=f"replica-{number}")
            rollouts.append(await exits.enter_async_context(rollout))
        violations = 0
        version = rollouts[0].state().version
        for _ in range(ROUNDS):
            results = await asyncio.gather(*(_toggle(each, version) for each in rollouts for _ in range(2)))
            winners = [each for each in results if each is not None]
            violations += winners != [version + 1]
            version = max(winners, default=version)
        history: list[tuple[RolloutState, RolloutState]] = []
        token = ""
        while True:
            page = await rollouts[0].audit(size=200, token=token)
            violations += not page.is_intact
            history += [(RolloutState.from_json(e.before), RolloutState.from_json(e.after)) for e in page.entries]
            token = page.next_token
            if not token:
                break
        history.reverse()
        violations += sum(older[1] != newer[0] for older, newer in pairwise(history))
        violations += [after.version for _, after in history] != list(range(2, version + 1))
        return violations, len(history)


async def _toggle(rollout: Rollout, version: int) -> int | None:
    try:
        change = await rollout.toggle(actor="bench", reason="measured", expected_version=version)
    except Conflict:
        return None
    return change.state.version


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
