"""Fixtures for every test, and the guard that keeps tests on this machine."""

import ipaddress
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

pytest_plugins = ["tests.redis_fixture", "tests.fakes.openai_double"]


@pytest.fixture(autouse=True)
def network_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that connects a socket beyond loopback, even if the code under test swallows the error.

    gRPC's own sockets are made in C and not seen here; tests give it loopback targets only.
    """
    refused: list[str] = []
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name), refused))
    yield
    assert not refused, f"this test tried to reach {', '.join(refused)}"


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Puts the root logger back as it was: a process's set-up would go on writing to a stream that the test owned."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
    for handler in [each for each in handlers if each not in root.handlers]:
        root.addHandler(handler)
    root.setLevel(level)


def _guarded(connect: Any, refused: list[str]) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(str(address[0])):
            refused.append(str(address[0]))
            raise ConnectionRefusedError("tests stay on this machine")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
