"""A gRPC server as every process runs it: what it listens on, what it serves, how it starts and how it leaves."""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.trace import Tracer
from repartee.v1 import common_pb2, common_pb2_grpc

from libs.common.credentials import Authenticator, open_authenticator
from libs.common.errors import PreconditionFailed, ReparteeError
from libs.common.interceptors import incoming
from libs.common.interceptors.admission import Load
from libs.common.logs import set_up_logging
from libs.common.settings import ServiceSettings, load_settings

_log = logging.getLogger(__name__)

_SERVING = health_pb2.HealthCheckResponse.SERVING
# A stream may last this long; a connection that has reached its age waits for its streams.
_MAX_STREAM_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Registration:
    """One service to serve: its descriptor, the generated function that adds it, and who serves it."""

    service: ServiceDescriptor
    add: Callable[[Any, Any], None]
    servicer: object


@dataclass(frozen=True, slots=True)
class DependencyState:
    """Where one dependency of a process stands; `detail` says what users lose, and never holds a secret."""

    name: str
    state: Literal["up", "degraded", "embedded"]
    detail: str = ""


def _no_dependencies() -> Sequence[DependencyState]:
    return ()
