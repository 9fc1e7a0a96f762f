"""Reads files in a process of its own, which is killed when a file takes too long and replaced when one kills it."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process

from libs.common.errors import Unavailable
from services.rag.adapters.formats.frames import LENGTH, frame, read_answer
from services.rag.documents import Parsed, Refusal, SubmittedDocument

_LOG = logging.getLogger(__name__)

_CHILD = "services.rag.adapters.formats.child"
_MAX_SECONDS = 20.0


class ChildReader:
    """Implements FileReader with one process at a time, started with the first file. `aclose` ends it."""

    def __init__(self, *, timeout_seconds: float = _MAX_SECONDS, module: str = _CHILD) -> None:
        self._timeout_seconds = timeout_seconds
        self._module = module
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def read(self, document: SubmittedDocument) -> Parsed | Refusal:
        """See FileReader."""
        async with self._turn:
            process = await self._started()
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    said = await _ask(process, document)
                return read_answer(said)
            except TimeoutError:
                await self._kill()
                limit = f"{self._timeout_seconds:.0f} s"
                return Refusal("PARSE_TIMEOUT", f"The file could not be read within {limit}.", is_quarantine=True)
            except (asyncio.IncompleteReadError, ConnectionError, ValueError, KeyError):
                await self._kill()
                _LOG.warning("the reading process ended over a file")
                return Refusal("UNREADABLE", "The file's reader ended without an answer.", is_quarantine=True)
            except BaseException:
                # The call was given up half way: what the process says next would be of another file.
                await self._kill()
                raise

    async def aclose(self) -> None:
        """Ends the process."""
        async with self._turn:
            await self._kill()

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            # No setting and no secret of this process goes along.
            environment = {
                "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
                "PYTHONUTF8": "1",
                "OPENBLAS_NUM_THREADS": "1",
            }
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", self._module, stdin=PIPE, stdout=PIPE, env=environment
                )
            except OSError as error:
                raise Unavailable("READER_UNAVAILABLE", "No process can be started to read files in.") from error
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        # Also reads what is left, so that its pipes are closed.
        await process.communicate()


async def _ask(process: Process, document: SubmittedDocument) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise ConnectionError("the reading process has no pipes")
    process.stdin.write(frame(document.kind.encode()) + frame(document.content))
    await process.stdin.drain()
    length = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))[0]
    return await process.stdout.readexactly(length)
