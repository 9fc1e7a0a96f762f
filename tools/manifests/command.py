"""`repartee check-manifests`: holds manifests against every policy before they are applied."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from libs.common.errors import InvalidRequest


def check_manifests(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True, dir_okay=False, help="Rendered manifests; each file is a whole. Standard input without one."
        ),
    ] = None,
) -> None:
    """Hold rendered manifests against what this system needs: `kubectl kustomize OVERLAY | repartee check-manifests`.

    Schemas are the API server's to check; this says what a valid manifest would break. Exit code 1: something is wrong.
    """
    # The services' settings take a third of a second to import, which no other command has to wait for.
    from tools.manifests.checking import POLICIES, violations  # noqa: PLC0415  # see above
    from tools.manifests.reading import load  # noqa: PLC0415

    wrong = False
    for name, text in _texts(files or []):
        try:
            told = [str(each) for each in violations(load(text))]
        except InvalidRequest as error:
            told = [error.message]
        for each in told:
            typer.echo(f"{name}: {each}")
        wrong = wrong or bool(told)
    if wrong:
        raise typer.Exit(1)
    typer.echo(f"Every one of {len(POLICIES)} policies holds.")


def _texts(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    if not files:
        yield "standard input", sys.stdin.read()
    for each in files:
        yield str(each), each.read_text(encoding="utf-8")
