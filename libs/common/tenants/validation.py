"""Reading of a bundle: YAML in, a frozen bundle out, or every problem with its line."""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.problems import Problem
from libs.common.tenants.semantics import find_contradictions
from libs.common.tenants.stand_ins import error_path, guessed, literals, without_guesses
from libs.common.tenants.yaml_tree import Path, read_yaml

MAX_BUNDLE_BYTES = 256 * 1024
# More would not be read.
_MAX_PROBLEMS = 100


def parse_bundle(text: str, *, source_name: str = "tenant.yaml") -> TenantBundle:
    """Returns the bundle that `text` describes.

    Raises InvalidRequest (BUNDLE_INVALID) with one violation per problem, in the order of the document; a violation's
    field is its place, `tenant.yaml:12 flow.slots[2].kind`. YAML that does not parse is reported alone, with line and
    column.
    """
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > MAX_BUNDLE_BYTES:
        raise _invalid([FieldViolation(source_name, f"at most {MAX_BUNDLE_BYTES} bytes, and it has {size_bytes}")])
    tree = read_yaml(text)
    if tree.mistakes:
        raise _invalid(
            [
                FieldViolation(
                    f"{source_name}:{found.line}:{found.column} {show_path(found.path)}".rstrip(), found.description
                )
                for found in tree.mistakes
            ]
        )
    root: object = tree.root
    if not isinstance(root, Mapping):
        raise _invalid([FieldViolation(f"{source_name}:1", "expected keys and values, such as `id: my-shop`")])
    bundle, problems = _shape(cast("object", root))
    if bundle is not None:
        known = {path for path, _ in problems}
        found = [each for each in find_contradictions(bundle) if not known & _around(each[0])]
        problems += without_guesses(found, known) if known else found
    if problems or bundle is None:
        placed = sorted(
            ((tree.line(path), path, description) for path, description in problems), key=lambda row: row[0]
        )
        raise _invalid(
            [
                FieldViolation(f"{source_name}:{line} {show_path(path)}".rstrip(), description)
                for line, path, description in placed
            ]
        )
    return bundle


def _shape(root: object) -> tuple[TenantBundle | None, list[Problem]]:
    """Returns the bundle and the problems of its shape.

    With problems, the bundle is what it would be without them, so that its contradictions can be told at the same
    time; None when that cannot be guessed. `root` is changed.
    """
    try:
        # As JSON, where lists may become tuples under strict rules.
        return TenantBundle.model_validate_json(json.dumps(root)), []
    except ValidationError as error:
        found = cast("list[Any]", error.errors(include_url=False))
    problems = [_shape_problem(each) for each in found]
    return guessed(root, found), problems


def _around(path: Path) -> set[Path]:
    return {path[:length] for length in range(1, len(path) + 1)}


def show_path(path: Path) -> str:
    """Returns a path as people write it: `flow.slots[2].kind`."""
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return shown.removeprefix(".")


def _invalid(violations: list[FieldViolation]) -> InvalidRequest:
    count = len(violations)
    first = violations[0]
    more = f" (and {count - 1} more)" if count > 1 else ""
    message = f"The bundle has {count} problem{'s' if count > 1 else ''}. {first.field}: {first.description}{more}."
    return InvalidRequest("BUNDLE_INVALID", message, violations=violations[:_MAX_PROBLEMS])


def _shape_problem(error: Any) -> tuple[Path, str]:
    path = error_path(error)
    kind = cast("str", error["type"])
    found = cast("object", error.get("input"))
    if kind == "extra_forbidden":
        return path, _unknown_key(path)
    if kind == "missing":
        return path, "is missing, and required"
    context = cast("dict[str, Any]", error.get("ctx") or {})
    if kind == "string_pattern_mismatch":
        return path, f"expected text that matches {context.get('pattern')}"
    message = (
        cast("str", error["msg"])
        .replace("Input should be a valid", "expected a")
        .replace("Input should be", "expected")
    )
    message = message[:1].lower() + message[1:]
    if kind == "literal_error" or kind.endswith("_type"):
        message += f", found {_describe(found)}"
    if kind == "literal_error" and isinstance(found, str):
        message += _nearest(found, literals(context))
    return path, message


def _describe(found: object) -> str:
    if isinstance(found, dict):
        return "keys and values"
    if isinstance(found, list):
        return "a list"
    if found is None:
        return "nothing"
    shown = repr(found)
    return shown if len(shown) <= 40 else "a long text"


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _unknown_key(path: Path) -> str:
    known = _keys_at(path[:-1])
    key = str(path[-1])[:80]
    hint = _nearest(key, known) or f"; expected one of: {', '.join(known)}"
    return f"unknown key {key!r}{hint}"


def _keys_at(path: Path) -> list[str]:
    """Returns the keys that the bundle's shape has at `path`."""
    annotation: Any = TenantBundle
    for part in path:
        model = _model_in(annotation)
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        if field is None:
            return []
        annotation = field.annotation
    model = _model_in(annotation)
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in {Union, tuple} or get_args(annotation):
        return next((model for model in map(_model_in, get_args(annotation)) if model), None)
    return None
