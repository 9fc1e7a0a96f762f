"""Server reflection that also finds methods: ghz asks for one by its name, and Python's descriptors know none."""

from collections.abc import Sequence
from typing import Any, cast

import grpc.aio
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha import reflection


class _WithMethods:
    """The descriptors of this process; a symbol that is none may be a method, which is in the file of its service."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def FindFileContainingSymbol(self, symbol: str) -> Any:  # noqa: N802  # the pool's name for it
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindFileContainingSymbol(symbol.rpartition(".")[0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def add_reflection(server: grpc.aio.Server, names: Sequence[str]) -> None:
    """Serves reflection for the services of these full names, and for itself."""
    pool = cast("descriptor_pool.DescriptorPool", _WithMethods())
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server, pool=pool)
