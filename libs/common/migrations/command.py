"""The command of a service's image: `python -m services.NAME migrate [--dry-run] [--again] [--strict]`."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from libs.common.errors import ReparteeError
from libs.common.migrations.report import closing, lines
from libs.common.migrations.runner import Store, StoreReport, Wish, run_store, unwatched

DONE, FAILED, FOUND_WORK = 0, 1, 3
EXIT_CODES = "Exit codes: 0 done or nothing to do, 1 failed, 2 wrong usage, 3 a dry run found work."

OpenStores = Callable[[], AbstractAsyncContextManager[Sequence[Store]]]
"""Opens the stores of a service for the length of a block."""


def runner_name() -> str:
    """Returns what other runners are told of this one: its host and process."""
    return f"{socket.gethostname()}/{os.getpid()}"


def migrate_command(arguments: Sequence[str], open_stores: OpenStores) -> int:
    """Runs the command with what follows the word `migrate`; returns its exit code, and prints what happened."""
    parser = argparse.ArgumentParser(
        prog="migrate", description="Brings what this service stores to the version of its code.", epilog=EXIT_CODES
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    parser.add_argument("--again", action="store_true", help="take every step, for what older processes wrote since")
    parser.add_argument("--strict", action="store_true", help="fail where a store is not set up as it should be")
    chosen = parser.parse_args(arguments)
    wish = Wish(runner_name(), is_dry=chosen.dry_run, again=chosen.again, is_strict=chosen.strict)
    try:
        reports = asyncio.run(_run(open_stores, wish))
    except ReparteeError as error:
        sys.stderr.write(f"{error.reason}: {error.message}\n")
        return FAILED
    except OSError as error:
        sys.stderr.write(f"FILE_UNUSABLE: {error.filename or 'a file'}: {error.strerror or error}\n")
        return FAILED
    _say(closing(reports, is_dry=wish.is_dry))
    return exit_code(reports, is_dry=wish.is_dry)


def exit_code(reports: Sequence[StoreReport], *, is_dry: bool) -> int:
    """Returns the exit code of a run that did not fail."""
    return FOUND_WORK if is_dry and any(report.has_work for report in reports) else DONE


async def _run(open_stores: OpenStores, wish: Wish) -> Sequence[StoreReport]:
    reports: list[StoreReport] = []
    async with open_stores() as stores:
        for store in stores:
            reports.append(await run_store(store, wish, unwatched))
            for line in lines(reports[-1], is_dry=wish.is_dry):
                _say(line)
    return reports


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
