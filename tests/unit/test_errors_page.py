"""docs/ERRORS.md names every reason that the code gives, with its code, and no other."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import libs.common.errors
from libs.common.errors import ErrorKind, ReparteeError
from libs.common.status import CODES

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "ERRORS.md").read_text(encoding="utf-8")
CODE = [path for room in ("services", "libs") for path in sorted((ROOT / room).rglob("*.py"))]
KINDS = {
    name: kind.kind
    for name, kind in vars(libs.common.errors).items()
    if isinstance(kind, type) and issubclass(kind, ReparteeError)
}
# Functions of the code that make an error of the reason they are given.
MAKERS = {"_refused": ErrorKind.PRECONDITION, "invalid_document": ErrorKind.INVALID, "read_document": ErrorKind.INVALID}
REASON = re.compile(r"[A-Z]{2,}(?:_[A-Z]+)*")


def given() -> Iterator[tuple[str, str]]:
    """Yields reason and gRPC code of every error that the code makes with a reason written there."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if (kind := KINDS.get(name) or MAKERS.get(name)) is None:
                continue
            for each in [*node.args[:1], *(word.value for word in node.keywords if word.arg == "reason")]:
                if isinstance(each, ast.Constant) and REASON.fullmatch(str(each.value)):
                    yield str(each.value), CODES[kind].name


def test_every_reason_is_there_with_its_code() -> None:
    codes = defaultdict[str, set[str]](set)
    for reason, code in given():
        codes[reason].add(code)
    assert len(codes) > 70
    page = {
        reason: set(told.split(", ")) for reason, told in re.findall(r"^\| `([A-Z_]+)` \| ([A-Z_, ]+) \|", PAGE, re.M)
    }
    aside = set(re.findall(r"`([A-Z_]+)`", PAGE.partition("## Steps aside")[2]))
    assert {reason: told for reason, told in codes.items() if reason not in aside} == {
        # This one is given by a constant's name.
        reason: told
        for reason, told in page.items()
        if reason != "NO_TIER_AVAILABLE"
    }


def test_every_reason_to_step_aside_is_there() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CODE)
    written = set(re.findall(r'"((?:LLM|GATE|GUARD|TIER|RERANKER|ELEVENLABS|PICO|ESPEAK)_[A-Z_]+)"', text))
    assert len(written) > 50
    assert written <= set(re.findall(r"`([A-Z_]+)`", PAGE))


def test_no_reason_is_made_up() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CODE)
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.M)) | set(
        re.findall(r"`([A-Z]+_[A-Z_]+)`", PAGE.partition("## Steps aside")[2])
    )
    assert {reason for reason in named if f'"{reason}"' not in text} == set()
