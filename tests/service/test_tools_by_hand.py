"""The recipes that people type: grpcurl against a server of ours, where it is installed."""

import asyncio
import json
import shutil

from tests.fakes.common_services import OPERATOR, running


async def test_grpcurl_needs_no_proto_files_and_reads_errors() -> None:
    """Reflection is on; where grpcurl is missing, `make tools` installs it, and other tests cover reflection itself."""
    if (grpcurl := shutil.which("grpcurl")) is None:
        return
    async with running() as run:
        code, listed = await _called(grpcurl, "-plaintext", run.target, "list")
        assert code == 0
        assert "repartee.v1.RouterService" in listed.split()
        code, status = await _called(
            grpcurl, "-plaintext", "-H", f"authorization: {OPERATOR}", run.target, "repartee.v1.StatusService/GetStatus"
        )
        assert code == 0, status
        assert json.loads(status)["service"] == "router"
        code, refused = await _called(grpcurl, "-plaintext", run.target, "repartee.v1.StatusService/GetStatus")
        assert code != 0
        assert "CREDENTIAL_MISSING" in refused


async def _called(*command: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()
