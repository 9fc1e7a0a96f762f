"""`repartee migrate`: everything stored is brought to the version of this code, or told what that would change."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from libs.common.migrations.command import EXIT_CODES, exit_code, runner_name
from libs.common.migrations.report import closing, lines
from libs.common.migrations.runner import StoreReport, Wish
from libs.common.migrations.step import Migration
from tools.connection import console, run
from tools.up import default_state

# A paragraph a line: the help wraps them itself.
HELP = "\n\n".join(
    (
        "Bring everything stored to the version of this code: Redis, Qdrant, and a stopped stack's folder.",
        "Services may run meanwhile, those of the version before too: every step leaves records that both read. "
        "A run that was killed goes on where it ended, and a second one changes nothing.",
        "An upgrade: `migrate --dry-run`, `migrate`, roll out, then `migrate --again` once the last old process is "
        "gone, for what it wrote meanwhile.",
        EXIT_CODES,
    )
)


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Take every step, for what older processes wrote since the last run.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a store is not set up as it should be, before any change.")
    ] = False,
    redis_url: Annotated[
        str,
        typer.Option(help="The Redis of the services.", envvar="REPARTEE_REDIS_URL", show_default="the state folder's"),
    ] = "",
    qdrant_url: Annotated[
        str, typer.Option(help="The Qdrant of the rag service.", envvar="REPARTEE_QDRANT_URL", show_default="none")
    ] = "",
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a stopped stack.", envvar="REPARTEE_STATE_DIR", show_default="~/.local/state/repartee"
        ),
    ] = None,
) -> None:
    """The help is `HELP`."""
    wish = Wish(runner_name(), is_dry=dry_run, again=again, is_strict=strict)
    reports = run(lambda: _migrate(wish, redis_url=redis_url, qdrant_url=qdrant_url, state=state))
    console.print(closing(reports, is_dry=dry_run))
    if code := exit_code(reports, is_dry=dry_run):
        raise typer.Exit(code)


async def _migrate(wish: Wish, *, redis_url: str, qdrant_url: str, state: Path | None) -> Sequence[StoreReport]:
    # The services' code takes a third of a second to import, which no other command has to wait for.
    from tools.migrating import Places, embedded_redis, run_all  # noqa: PLC0415  # see above

    async with AsyncExitStack() as exits:
        if not redis_url:
            state = (state or default_state()).resolve()
            redis_url = await exits.enter_async_context(embedded_redis(state))
        places = Places(redis_url, qdrant_url, state)
        bars = exits.enter_context(_progress())
        tasks: dict[tuple[str, int], TaskID] = {}

        def watch(store: str, step: Migration, walked: int, size: int, changed: int) -> None:
            key = store, step.number
            if key not in tasks:
                tasks[key] = bars.add_task(f"{store}: {step.name}", total=None, changed=0)
            # Servers count roughly: a bar never runs over its end.
            bars.update(tasks[key], completed=walked, total=max(size, walked), changed=changed)

        return await run_all(places, wish, watch=watch, show=lambda report: _show(report, is_dry=wish.is_dry))


def _progress() -> Progress:
    # Without a terminal only the report is printed.
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[changed]} changes"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _show(report: StoreReport, *, is_dry: bool) -> None:
    colours = {"warning": "yellow", "refusal": "red"}
    for line in lines(report, is_dry=is_dry):
        colour = colours.get(line.strip().partition(":")[0])
        console.print(f"[{colour}]{escape(line)}[/]" if colour else escape(line), soft_wrap=True)
