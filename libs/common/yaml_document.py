"""A YAML document that people write, read into a pydantic model, or every problem with its line."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.tenants.validation import show_path
from libs.common.tenants.yaml_tree import YamlTree, read_yaml

_M = TypeVar("_M", bound=BaseModel)


def read_document(cls: type[_M], text: str, *, source_name: str, reason: str) -> _M:
    """Returns what `text` describes.

    Raises InvalidRequest (`reason`) with one violation per problem, its field being the place, such as
    `prices.yaml:4 prices[0].prompt_usd`.
    """
    tree = read_yaml(text)
    if tree.mistakes:
        raise invalid_document(
            reason,
            *(FieldViolation(f"{source_name}:{each.line}:{each.column}", each.description) for each in tree.mistakes),
        )
    root: object = tree.root
    if not isinstance(root, Mapping):
        keys = ", ".join(f"`{name}`" for name in cls.model_fields)
        raise invalid_document(reason, FieldViolation(f"{source_name}:1", f"expected keys and values: {keys}"))
    try:
        return cls.model_validate(root)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise invalid_document(reason, *(_violation(source_name, tree, each) for each in found)) from None


def invalid_document(reason: str, *violations: FieldViolation) -> InvalidRequest:
    """Returns the refusal of a document for what is wrong with it."""
    first = violations[0]
    message = f"The file is not right. {first.field}: {first.description}."
    return InvalidRequest(reason, message, violations=violations)


def _violation(source_name: str, tree: YamlTree, problem: Any) -> FieldViolation:
    path = tuple(problem["loc"])
    message = str(problem["msg"]).replace("Input should be", "expected")
    return FieldViolation(f"{source_name}:{tree.line(path)} {show_path(path)}", message[:1].lower() + message[1:])
