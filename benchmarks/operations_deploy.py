"""What is deployed, checked as it is applied: manifests in every version, policies and their teeth, images."""

import ast
import functools
import itertools
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import kubernetes_validate

from benchmarks.figure import Figure
from benchmarks.wrong_manifests import MISTAKES, caught
from tools.manifests.checking import POLICIES, violations
from tools.manifests.reading import Manifests, load

__all__ = ["IMAGES", "OVERLAYS", "VERSIONS", "foreign", "invalid", "locked", "measure", "rendered"]

ROOT = Path(__file__).parent.parent
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("local", "production", "everything")
VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
IMAGES = ("router", "hybrid_engine", "rag", "cache", "voice")
# Their schemas come with their operators; `policies` look at what of them can be misspelt.
_OF_OPERATORS = ("gateway.networking.k8s.io/", "cert-manager.io/")


@functools.cache
def rendered(overlay: str) -> Manifests:
    """Returns what an overlay renders to."""
    return load((K8S / "rendered" / f"{overlay}.yaml").read_bytes())


def invalid(manifests: Manifests, version: str) -> list[str]:
    """Returns a sentence for each manifest that this version of Kubernetes would refuse."""
    found: list[str] = []
    for each in manifests.documents:
        if not each["apiVersion"].startswith(_OF_OPERATORS):
            try:
                kubernetes_validate.validate(dict(each), version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{each['kind']} {each['metadata']['name']} in {version}: {error.message}")
    return found


def locked(image: str) -> dict[str, str]:
    """Returns the lines of the lock that an image installs, by package."""
    made = subprocess.run([ROOT / "scripts" / "service-lock", image], capture_output=True, check=True, text=True)
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", made.stdout)[1:]
    return {each.partition("==")[0].partition("[")[0]: each for each in entries}


def foreign(image: str) -> list[str]:
    """Returns the packages that an image is told to install and that none of its own code imports."""
    project = tomllib.loads((ROOT / "services" / image / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    owners = packages_distributions()
    imported = {_normal(owner) for name in _imported(image) for owner in owners.get(name, ())}
    return [
        name for each in project["dependencies"] if (name := _normal(re.split(r"[\[<>=]", each)[0])) not in imported
    ]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(image: str) -> set[str]:
    """Returns the packages of others that a service's modules and those of `libs` behind them import, lazily too."""
    waiting, seen, found = list((ROOT / "services" / image).rglob("*.py")), set[Path](), set[str]()
    while waiting:
        if (path := waiting.pop()) in seen:
            continue
        seen.add(path)
        for name in _names(path):
            if name.startswith(("libs.", "services.")):
                own = ROOT / name.replace(".", "/")
                waiting += [each for each in (own.with_suffix(".py"), own / "__init__.py") if each.is_file()]
            else:
                found.add(name.partition(".")[0])
    return found


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _image_figures() -> Iterator[Figure]:
    """Looks into images where there are some; says so where there are none."""
    looked = subprocess.run([ROOT / "scripts" / "images", "--look"], capture_output=True, check=False, text=True)
    if looked.returncode == 3:
        print(looked.stderr.strip())
        return
    print(looked.stdout + looked.stderr, end="")
    yield Figure("images_wrong", float(looked.returncode != 0), "images", ("==", 0))


def _linted() -> Iterator[Figure]:
    """Lints the Dockerfile where there is a hadolint."""
    if (hadolint := shutil.which("hadolint")) is None:
        print("hadolint is not installed; the Dockerfile is not linted.")
        return
    found = subprocess.run([hadolint, ROOT / "deploy/docker/Dockerfile"], capture_output=True, check=False, text=True)
    print(found.stdout, end="")
    yield Figure("dockerfile_warnings", len(found.stdout.splitlines()), "warnings", ("==", 0))


def _table(rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        print("".join(f"{cell!s:>{14 if index else 16}}" for index, cell in enumerate(row)))


async def measure() -> list[Figure]:
    """Returns the figures of manifests and images; nothing is built or applied."""
    overlays = {name: rendered(name) for name in OVERLAYS}
    refused = {(name, version): invalid(each, version) for name, each in overlays.items() for version in VERSIONS}
    violated = {name: violations(each) for name, each in overlays.items()}
    _table(
        [
            ("overlay", "manifests", "violations", *VERSIONS),
            *(
                (name, len(each.documents), len(violated[name]), *(len(refused[name, v]) for v in VERSIONS))
                for name, each in overlays.items()
            ),
        ]
    )
    missed = [each.what for each in MISTAKES if not caught(each, overlays["everything"].documents)]
    print(f"{len(POLICIES)} policies, {len(MISTAKES)} mistakes made on purpose, missed: {', '.join(missed) or 'none'}")
    unused = {image: foreign(image) for image in IMAGES}
    _table([("image", "packages", "foreign"), *((name, len(locked(name)), len(unused[name])) for name in IMAGES)])
    for line in [
        *itertools.chain(*refused.values(), *violated.values()),
        *(f"{k}: {v}" for k, v in unused.items() if v),
    ]:
        print(line)
    return [
        Figure("manifests_invalid", sum(map(len, refused.values())), "manifests", ("==", 0)),
        Figure("policies_violated", sum(map(len, violated.values())), "violations", ("==", 0)),
        Figure("policy_mutations_uncaught", len(missed), "mistakes", ("==", 0)),
        Figure("image_foreign_dependencies", sum(map(len, unused.values())), "packages", ("==", 0)),
        *_linted(),
        *_image_figures(),
    ]
