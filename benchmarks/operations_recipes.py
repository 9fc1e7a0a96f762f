"""Whether people can rely on what is written: recipes play, each check of the preflight can fail, no secret leaves."""

import asyncio
import re
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import redis

from benchmarks.figure import Figure
from libs.common.embedded_redis import start_embedded_redis
from tests.fakes.planted_secrets import FORMS, SECRET
from tests.fakes.preflight_breakages import BREAKAGES
from tests.fakes.preflight_world import TENANT, preflight_world
from tests.recipe_player import ROOT, play, real_grpcurl, recipes_of
from tools.connection import Connection
from tools.preflight import find
from tools.preflight_stack import STACK_CHECKS
from tools.preflight_tenant import TENANT_CHECKS
from tools.stack import StackOptions, free_port_base, running_stack
from tools.support_bundle import write
from tools.tenants import apply_folder

_PLAYED = {
    "docs/RECIPES.md": ("grpcurl",),
    "README.md": ("grpcurl",),
    "README.fr.md": ("grpcurl",),
    "docs/LOAD.md": ("ghz", "h2load"),
}
_PAGES = (
    "README.md",
    "README.fr.md",
    "docs/RUNBOOK.md",
    "docs/RECIPES.md",
    "docs/LOAD.md",
    "deploy/README.md",
    "CONTRIBUTING.md",
)


async def measure() -> list[Figure]:
    """Plays every page on a stack of its own, breaks what the preflight looks at, and plants secrets."""
    with tempfile.TemporaryDirectory(prefix="or-") as folder:
        return [
            *await _recipes(Path(folder)),
            await _checks_that_cannot_fail(Path(folder)),
            _secrets(Path(folder)),
            await _commands_unknown(),
        ]


async def _recipes(folder: Path) -> list[Figure]:
    port_base = free_port_base()
    count, wrong = 0, list[str]()
    async with running_stack(StackOptions(state=folder / "state", port_base=port_base)):
        operator = Connection.for_operator(port_base=port_base)
        await apply_folder(operator, ROOT / "examples" / "tenants", with_documents=True, reason="recipes")
        for name, programs in _PLAYED.items():
            there = [program for program in programs if program == "grpcurl" or shutil.which(program)]
            recipes = recipes_of((ROOT / name).read_text(encoding="utf-8"))
            played = sum(any(program in each.commands for program in there) for each in recipes)
            wrong += await play(ROOT / name, port_base=port_base, folder=folder, programs=there)
            print(f"  {name}: {played} recipes, by {', '.join(there) or 'nothing, for want of its tools'}")
            count += played
    print(f"  grpcurl is {real_grpcurl() or 'a stand-in'}")
    for each in wrong:
        print(f"  {each}")
    return [
        Figure("recipes_played", count, "recipes", (">=", 50)),
        Figure("recipes_failed", len(wrong), "differences", ("==", 0)),
    ]


async def _checks_that_cannot_fail(folder: Path) -> Figure:
    """Makes each check's subject bad; a check that passes all the same checks nothing."""
    store = await start_embedded_redis(folder / "redis", port=None)
    blind: list[str] = []
    try:
        for checks, tenant in ((STACK_CHECKS, ""), (TENANT_CHECKS, TENANT)):
            for name, check in checks.items():
                with redis.Redis.from_url(store.url) as client:
                    client.config_set("maxmemory-policy", "noeviction")
                async with preflight_world(store.url) as world:
                    before = await find(name, check, world.site(tenant=tenant))
                    BREAKAGES[name](world)
                    after = await find(name, check, world.site(tenant=tenant))
                print(f"  {name:34} {before.result:4} → {after.result:4}  {after.found[:80]}")
                blind += [name] if before.result == "fail" or after.result != "fail" else []
    finally:
        await store.stop()
    return Figure("preflight_checks_that_cannot_fail", len(blind), "checks", ("==", 0))


def _secrets(folder: Path) -> Figure:
    """Puts every form of a secret into every part of a bundle, and looks for it in the file that would be sent."""
    bundle = folder / "support.tar.gz"
    planted = "\n".join(FORMS) + f"\n{SECRET} alone"
    write(bundle, dict.fromkeys(("logs/router.log", "traces/rag.jsonl", "metrics.txt"), planted), known=[SECRET])
    with tarfile.open(bundle) as archive:
        left = sum(file.read().count(SECRET.encode()) for each in archive if (file := archive.extractfile(each)))
    print(f"  {3 * planted.count(SECRET)} secrets planted, {left} left")
    return Figure("support_bundle_secrets", left, "secrets", ("==", 0))


async def _commands_unknown() -> Figure:
    """Asks every `repartee` verb that a page writes for its help."""
    pages = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in _PAGES)
    verbs = sorted(set(re.findall(r"(?:^|`|; )repartee ((?:[a-z][a-z-]+ ?){1,2})", pages, re.MULTILINE)))
    unknown = [each for each in {_verb(line) for line in verbs} if not await _has_help(each)]
    print(f"  {len(verbs)} verbs on {len(_PAGES)} pages; unknown: {', '.join(map(' '.join, unknown)) or 'none'}")
    return Figure("readme_commands_failed", len(unknown), "commands", ("==", 0))


def _verb(line: str) -> tuple[str, ...]:
    """Returns the verb of a command line, with its second word where the first has verbs of its own."""
    first, *rest = line.split()
    groups = {"tenants", "patterns", "cache", "voice", "ops", "replay", "drill", "report"}
    return (first, *rest[:1]) if first in groups else (first,)


async def _has_help(verb: tuple[str, ...]) -> bool:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.cli", *verb, "--help"), cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    return await process.wait() == 0


def main() -> None:
    """Prints every figure."""
    for figure in asyncio.run(measure()):
        print(figure)


if __name__ == "__main__":
    main()
