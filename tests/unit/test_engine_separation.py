"""Either engine runs where the other's package is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, sys
sys.modules["services.hybrid_engine.{other}"] = None
from services.hybrid_engine.app import running
from services.hybrid_engine.settings import EngineSettings
from libs.common.request_context import parse_tenant_id
from libs.common.tenants.memory_source import MemoryTenantStore
from tests.fakes.engine_parts import FakePassages

async def main():
    settings = EngineSettings(port=0, drain_seconds=0, engine="{engine}")
    async with running(settings, tenants=MemoryTenantStore(), passages=FakePassages()) as server:
        print("serving" if server.port else "not serving")

asyncio.run(main())
print(any(name.startswith("services.hybrid_engine.{other}.") for name in sys.modules))
"""


@pytest.mark.parametrize(("engine", "other"), [("classic", "hybrid"), ("hybrid", "classic")])
def test_an_engine_serves_without_the_other_s_package(engine: str, other: str) -> None:
    ran = subprocess.run(  # our own interpreter
        [sys.executable, "-c", PROGRAM.format(engine=engine, other=other)],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("REPARTEE_")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.stdout.split() == ["serving", "False"], ran.stderr
