"""Values that stand in for wrong ones, so that the rest of a bundle can be checked in the same reading."""

import difflib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from pydantic import ValidationError

from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.problems import Problem
from libs.common.tenants.yaml_tree import Path

# Fits wherever a name or a text does, and no tenant would write it.
_STAND_IN = "stand-in-0"
_SLOT: Mapping[str, object] = {"name": _STAND_IN, "kind": "text", "action": _STAND_IN}
_BY_KEY: Mapping[str, object] = {
    "locale": "fr-FR",
    "country": "FR",
    "languages": ["fr"],
    "channel": "plain",
    "agents": [{"id": _STAND_IN, "name": _STAND_IN, "persona": _STAND_IN, "description": _STAND_IN}],
    "emergency": {"default": _STAND_IN},
    "knowledge": {"not_found": _STAND_IN},
    "trigger_words": [_STAND_IN],
    "slots": [_SLOT],
    "kind": "text",
    "amount": 1,
    "fee": 0,
    "number": "+33612345678",
    "country_prefix": "33",
    "base_url": "http://stand-in.invalid",
}
# Each round can bring up a key that is missing inside of what the round before put there.
_ROUNDS = 4
# What only follows from a name that is not known yet.
_NAMING = ("name", "action", "slots", "phases", "rules", "options")
_CONSEQUENCES = ("there is no", "unknown variable", "is missing;", "no rule and no phase", "slot ", "expected at least")


def guessed(root: object, errors: list[Any]) -> TenantBundle | None:
    """Returns the bundle that `root` would be without `errors`; None when that cannot be guessed. `root` is changed."""
    for _ in range(_ROUNDS):
        for error in errors:
            _put_right(root, error)
        try:
            return TenantBundle.model_validate_json(json.dumps(root))
        except ValidationError as error:
            errors = cast("list[Any]", error.errors(include_url=False))
    return None


def without_guesses(problems: Iterable[Problem], errors: Collection[Path]) -> list[Problem]:
    """Returns `problems` but those that a stand-in caused; `errors` are the places where something else is expected."""
    items = {path[:3] for path in errors if len(path) > 3}
    unsure = any(path[:1] == ("flow",) and _nearest(str(path[-1]), _NAMING) for path in errors)
    return [
        (path, description)
        for path, description in problems
        if _STAND_IN not in description and _STAND_IN not in path and path[:3] not in items
        if not (unsure and description.startswith(_CONSEQUENCES))
    ]


def _nearest(word: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


def _put_right(root: object, error: Any) -> None:
    """Puts a value that is allowed in the place of a wrong one, or removes it; items of lists keep their index."""
    path = error_path(error)
    around = root
    for part in path[:-1]:
        if isinstance(around, dict):
            around = cast("dict[object, object]", around).get(part)
        elif isinstance(around, list) and isinstance(part, int) and part < len(cast("list[object]", around)):
            around = cast("list[object]", around)[part]
    last = path[-1] if path else ""
    if isinstance(around, list) and isinstance(last, int):
        items = cast("list[object]", around)
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        items[last] = _allowed(error, f"{key}[]")
    elif isinstance(around, dict):
        keys = cast("dict[object, object]", around)
        if error["type"] in {"missing", "literal_error"} or _bound(error) is not None:
            keys[last] = _allowed(error, str(last))
        else:
            keys.pop(last, None)


def _allowed(error: Any, key: str) -> object:
    if error["type"] == "literal_error":
        known = literals(error.get("ctx") or {})
        return _nearest(str(error.get("input")), known) or known[0]
    bound = _bound(error)
    if bound is not None:
        return bound
    items = {"slots[]": _SLOT, "languages[]": "fr", "agents[]": cast("list[object]", _BY_KEY["agents"])[0]}
    # Copied, because the next round may change it.
    return json.loads(json.dumps(items.get(key, _BY_KEY.get(key, _STAND_IN))))


def _bound(error: Any) -> object | None:
    context = cast("dict[str, Any]", error.get("ctx") or {})
    return context.get("ge", context.get("le", context["gt"] + 1 if "gt" in context else None))


def error_path(error: Any) -> Path:
    """Returns the place of a validation error, as the document has it."""
    return tuple(part for part in error["loc"] if part != "[key]")


def literals(context: Any) -> list[str]:
    """Returns the words that a validation error says were expected."""
    return [part.strip(" '") for part in str(context["expected"]).replace(" or ", ",").split(",")]
