"""What a process says of itself: its version, how long it is ready, and where its dependencies stand."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType
from typing import Literal

from repartee.v1 import common_pb2, common_pb2_grpc


@dataclass(frozen=True, slots=True)
class DependencyState:
    """Where one dependency of a process stands; `detail` says what users lose, and never holds a secret."""

    name: str
    state: Literal["up", "degraded", "embedded"]
    detail: str = ""


_STATES: Mapping[str, common_pb2.Dependency.State] = MappingProxyType(
    {
        "up": common_pb2.Dependency.STATE_UP,
        "degraded": common_pb2.Dependency.STATE_DEGRADED,
        "embedded": common_pb2.Dependency.STATE_EMBEDDED,
    }
)


def no_dependencies() -> Sequence[DependencyState]:
    """Returns the dependencies of a process that has none."""
    return ()


class StatusServicer(common_pb2_grpc.StatusServiceServicer):
    """Answers StatusService for the process."""

    def __init__(self, name: str, dependencies: Callable[[], Sequence[DependencyState]]) -> None:
        self._name = name
        self._dependencies = dependencies
        self._ready_at = time.monotonic()

    async def GetStatus(  # noqa: N802  # gRPC's name
        self, request: common_pb2.GetStatusRequest, context: object
    ) -> common_pb2.GetStatusResponse:
        del request, context
        states = self._dependencies()
        return common_pb2.GetStatusResponse(
            service=self._name,
            version=version("repartee"),
            degraded=any(each.state == "degraded" for each in states),
            dependencies=[
                common_pb2.Dependency(
                    name=each.name,
                    state=_STATES[each.state],
                    detail=each.detail,
                )
                for each in states
            ],
            uptime_seconds=time.monotonic() - self._ready_at,
        )
