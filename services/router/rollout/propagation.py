"""What a change came to, and who follows it already."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from libs.common.errors import Unavailable
from services.router.rollout.state import RolloutState
from services.router.rollout.store import RolloutStore

# A replica that listens follows within milliseconds; one that does not answer must not hold up an operator for long.
_LOOKS = 25
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Change:
    """The state in force after a call, and whether it changed the scope's record.

    `propagated_to` are replicas that follow already, `pending` replicas and stores that could not be told yet.
    """

    state: RolloutState
    changed: bool
    propagated_to: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


async def confirmed(
    store: RolloutStore, sequence: int, *, here: str, wait: Callable[[float], Awaitable[None]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the replicas that have got to `sequence`, `here` among them, and those that are alive and have not.

    Waits half a second at most. A store that stops answering is pending too.
    """
    done, behind = {here}, set[str]()
    for look in range(_LOOKS):
        if look:
            await wait(_LOOK_SECONDS)
        try:
            replicas = await store.replicas()
        except Unavailable:
            return tuple(sorted(done)), (store.name,)
        done |= {name for name, known in replicas.items() if known >= sequence}
        behind = set(replicas) - done
        if not behind:
            break
    return tuple(sorted(done)), tuple(sorted(behind))
