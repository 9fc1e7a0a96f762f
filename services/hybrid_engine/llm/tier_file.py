"""The installation's own tiers, as a file: `tiers:` in the form of a tenant's bundle."""

import json
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.tenants.bundle import Llm, Tier
from libs.common.tenants.llm_parts import tier_contradictions
from libs.common.tenants.validation import show_path
from libs.common.tenants.yaml_tree import read_yaml


def read_tiers(path: Path) -> tuple[Tier, ...]:
    """Returns the tiers of a file, in the order they are tried.

    Raises InvalidRequest (INVALID_SETTING), with one violation per problem, for a file that cannot be read or is wrong:
    an installation with half of its models must not start.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _invalid(path, [FieldViolation(path.name, f"cannot be read: {reason}")]) from error
    tree = read_yaml(text)
    if tree.mistakes:
        raise _invalid(path, [FieldViolation(f"{path.name}:{each.line}", each.description) for each in tree.mistakes])
    try:
        tiers = Llm.model_validate_json(json.dumps(tree.root)).tiers
    except ValidationError as error:
        found = [(tuple(each["loc"]), str(each["msg"])) for each in cast("list[Any]", error.errors(include_url=False))]
    else:
        names = [tier.name for tier in tiers]
        found = [
            (("tiers", at, *place), said) for at, tier in enumerate(tiers) for place, said in tier_contradictions(tier)
        ]
        found += [(("tiers", at, "name"), "is there twice") for at, name in enumerate(names) if name in names[:at]]
        if not found:
            return tiers
    violations = [
        FieldViolation(f"{path.name}:{tree.line(place)} {show_path(place)}".rstrip(), s) for place, s in found
    ]
    raise _invalid(path, violations)


def _invalid(path: Path, violations: list[FieldViolation]) -> InvalidRequest:
    return InvalidRequest(
        "INVALID_SETTING", f"The file of language models, {path.name}, is not right.", violations=violations
    )
