"""What a server listens on, and how long connections to it live."""

import pytest

from libs.common.listening import is_loopback_host, server_options
from libs.common.settings import ServiceSettings


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        # Replicas on one machine, each on an address of its own.
        ("127.0.0.17", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("unix:/run/repartee.sock", True),
        ("0.0.0.0", False),
        ("10.0.0.7", False),
        ("router.example", False),
    ],
)
def test_only_this_machine_reaches_loopback(host: str, is_loopback: bool) -> None:
    assert is_loopback_host(host) is is_loopback


@pytest.mark.parametrize("seconds", [1.0, 10.0, 60.0])
def test_a_connection_is_never_older_than_the_setting(seconds: float) -> None:
    """gRPC lets it live up to a tenth longer than it is told."""
    settings = ServiceSettings(max_connection_age_seconds=seconds)
    options = dict(server_options(settings, max_receive_bytes=1 << 20))
    assert options["grpc.max_connection_age_ms"] * 1.1 == pytest.approx(seconds * 1000, abs=2)
    assert options["grpc.max_connection_age_ms"] * 1.1 <= seconds * 1000
