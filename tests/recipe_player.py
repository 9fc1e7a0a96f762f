"""Plays the commands of a page on a running stack, and compares what they print with what the page shows."""

import asyncio
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.connection import DEFAULT_PORT_BASE, PORTS

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```(console|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"\A(?:[A-Z_]+=[^\n]*\n?)+\Z")
_ADDRESS = re.compile(rf"127\.0\.0\.1:({'|'.join(str(DEFAULT_PORT_BASE + offset) for offset in PORTS.values())})\b")
# What differs from call to call: ids, digests, times.
_FLEETING = re.compile(r"[0-9a-f]{16,64}|\d{4}-\d\d-\d\dT[\d:.]+Z")
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Recipe:
    """One block of commands, and what the page shows below it; `line` is the block's first on the page."""

    line: int
    commands: str
    shown_json: str = ""
    shown_text: str = ""

    @property
    def fails(self) -> bool:
        """True when the page shows that the call ends with an error."""
        return self.shown_text.startswith("ERROR:")


def recipes_of(page: str) -> list[Recipe]:
    """Returns the `console` blocks of `page` that have prompts, each with the block that follows it at once."""
    blocks = list(_FENCE.finditer(page))
    found: list[Recipe] = []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block[1] != "console" or not block[2].startswith("$ "):
            continue
        # Words between two blocks end what belongs together.
        is_shown = following is not None and not page[block.end() : following.start()].strip()
        shown = following if is_shown and following is not None and following[1] != "console" else None
        found.append(
            Recipe(
                line=page.count("\n", 0, block.start()) + 2,
                commands=re.sub(r"(?m)^\$ ", "", block[2]),
                shown_json=shown[2] if shown and shown[1] == "json" else "",
                shown_text=shown[2] if shown and shown[1] == "text" else "",
            )
        )
    return found


async def play(
    page: Path, *, port_base: int, folder: Path, programs: Sequence[str] = ("grpcurl",), with_stand_in: bool = False
) -> list[str]:
    """Runs the recipes of `page` and returns what went otherwise than shown, one sentence each.

    Those that name one of `programs` run in `folder`, with our examples and contracts in it, on the stack that listens
    from `port_base` on. Variables that a block sets hold for those after it. Where grpcurl is not installed, or on
    request, a stand-in plays that reads the same reflection.
    """
    recipes = recipes_of(page.read_text(encoding="utf-8"))  # noqa: ASYNC240  # a page is small
    folders = (_grpcurl_folder(folder, with_stand_in), Path(sys.executable).parent, os.environ["PATH"])
    path = os.pathsep.join(map(str, folders))
    for name in ("examples", "protos", "third_party", "buf.yaml"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    wrong: list[str] = []
    variables = ""
    for recipe in recipes:
        commands = _ADDRESS.sub(
            lambda found: f"127.0.0.1:{int(found[1]) - DEFAULT_PORT_BASE + port_base}", recipe.commands
        )
        if _ASSIGNMENT.match(commands):
            variables += commands
            continue
        if not any(program in commands for program in programs):
            continue
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", f"set -euo pipefail\n{variables}{commands}"),
            cwd=folder,
            env=dict(os.environ) | {"PATH": path},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate()
        wrong += [
            f"{page.name}:{recipe.line}: {each}"
            for each in differences(recipe, failed=process.returncode != 0, out=out.decode(), err=err.decode())
        ]
    return wrong


def differences(recipe: Recipe, *, failed: bool, out: str, err: str) -> Iterator[str]:
    """Yields how a run differs from what the page shows."""
    if failed != recipe.fails:
        yield f"{'failed' if failed else 'did not fail'}: {(err or out).strip()[-400:]}"
        return
    if recipe.shown_json:
        shown, printed = list(documents(recipe.shown_json)), list(documents(out))
        if len(shown) > len(printed):
            yield f"{len(printed)} messages where the page shows {len(shown)}"
        for number, (one, other) in enumerate(zip(shown, printed, strict=False)):
            yield from unlike(one, other, f"message {number}")
    squeezed = " ".join((out + err).split())
    for line in recipe.shown_text.splitlines():
        for part in line.split("…"):
            if part.strip() and " ".join(part.split()) not in squeezed:
                yield f"`{part.strip()}` is not printed"


def documents(text: str) -> Iterator[Any]:
    """Yields the JSON documents that `text` holds one after the other."""
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        document, position = decoder.raw_decode(text, position)
        yield document


def unlike(shown: Any, printed: Any, place: str) -> Iterator[str]:
    """Yields where `printed` lacks what is `shown`.

    More keys and elements may be printed than are shown. A `…` in a text stands for anything, ids and times are alike,
    and of a number with a fraction only that it is one is compared.
    """
    if isinstance(shown, dict) and isinstance(printed, dict):
        for key, value in shown.items():
            if key not in printed:
                yield f"{place} has no `{key}`"
            else:
                yield from unlike(value, printed[key], f"{place}.{key}")
    elif isinstance(shown, list) and isinstance(printed, list):
        if len(shown) > len(printed):
            yield f"{place} has {len(printed)} elements where the page shows {len(shown)}"
        for number, (one, other) in enumerate(zip(shown, printed, strict=False)):
            yield from unlike(one, other, f"{place}[{number}]")
    elif isinstance(shown, str) and isinstance(printed, str):
        pattern = ".*".join(re.escape(part) for part in shown.split("…"))
        both_fleeting = _FLEETING.fullmatch(shown) and _FLEETING.fullmatch(printed)
        if not both_fleeting and not re.fullmatch(pattern, printed, re.DOTALL):
            yield f"{place} is {printed!r}, not {shown!r}"
    elif isinstance(shown, float) and isinstance(printed, int | float):
        return
    elif shown != printed:
        yield f"{place} is {printed!r}, not {shown!r}"


def real_grpcurl() -> str | None:
    """Returns where grpcurl is; None where it is not installed."""
    return shutil.which("grpcurl", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def _grpcurl_folder(folder: Path, with_stand_in: bool) -> Path:
    if (real := real_grpcurl()) is not None and not with_stand_in:
        return Path(real).parent
    made = folder / "stand-in"
    made.mkdir(exist_ok=True)
    script = made / "grpcurl"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.reflection_client "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return made
