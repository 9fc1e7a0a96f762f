"""How a servicer's handlers come to a server: generated code adds them, and each is wrapped on the way."""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from libs.common.interceptors.incoming import Rules, wrap


def register(
    rules: Rules, service: ServiceDescriptor, add: Callable[[Any, Any], None], servicer: object, server: Any
) -> None:
    """Adds `servicer` to `server` by the generated function `add`, with every handler wrapped.

    A method that the servicer leaves to its generated base answers UNIMPLEMENTED (NOT_BUILT).
    """
    recorder = _Recorder()
    add(servicer, recorder)
    handlers = {
        method.name: wrap(rules, method, recorder.handlers[method.name], is_built=_is_built(servicer, method.name))
        for method in service.methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    server.add_registered_method_handlers(service.full_name, handlers)


class _Recorder:
    """Stands where a server is expected, and keeps the handlers that generated code adds."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, _handlers: object) -> None:
        """The same handlers come again, one by one, below."""

    def add_registered_method_handlers(self, _service: str, handlers: dict[str, Any]) -> None:
        self.handlers = handlers


def _is_built(servicer: object, name: str) -> bool:
    for each in type(servicer).__mro__:
        if name in vars(each):
            return not each.__module__.endswith("_pb2_grpc")
    return True
