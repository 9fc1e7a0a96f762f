"""Shape of requests: required fields, form of ids, length of texts; one compiled check per message type."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from libs.common.errors import FieldViolation, InvalidRequest

# Appends what is wrong with a message; `prefix` is the path of the message with a final dot, or empty.
Check = Callable[[Any, str, list[FieldViolation]], None]

_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

_ID_TEXT = "expected 1 to 128 of [A-Za-z0-9._:@+-]"
_REQUIRED_TEXT = "required"

# `tenant_id` has a form of its own and belongs to admission; `embedder_id` is one service's word to another.
_NOT_IDS = frozenset({"tenant_id", "embedder_id"})

_TEXT_BYTES = 4096
_TEXT_NAMES = frozenset({"message", "text", "query"})

# Bytes of UTF-8 where a field differs from the rule above, as its comment in the proto says.
_BYTES: Mapping[str, int] = {
    "repartee.v1.ExtractFactsRequest.text": 64 * 1024,
    "repartee.v1.GenerateRequest.prompt": 4096,
    "repartee.v1.StoreAnswerRequest.text": 8192,
    "repartee.v1.PutTenantRequest.bundle_yaml": 256 * 1024,
}
_CHARACTERS: Mapping[str, int] = {
    "repartee.v1.Attachment.uri": 2048,
    "repartee.v1.Attachment.caption": 1024,
}
_ITEMS: Mapping[str, int] = {
    "repartee.v1.ChatRequest.attachments": 10,
    "repartee.v1.GenerateAnswerRequest.attachments": 10,
    "repartee.v1.GenerateAnswerRequest.history": 50,
    "repartee.v1.UpsertDocumentsRequest.documents": 100,
    "repartee.v1.Message.attachments": 10,
}


def validator_for(descriptor: Descriptor) -> Callable[[Message], None] | None:
    """Returns what raises InvalidRequest (REQUIRED_FIELD, INVALID_FIELD) for a malformed message of that type.

    None where nothing about the type can be wrong. Every place that is wrong is named with its path, such as
    `turn.conversation_id`; what was sent is not.
    """
    check = check_for(descriptor)
    if check is None:
        return None

    def validate(message: Message) -> None:
        violations: list[FieldViolation] = []
        check(message, "", violations)
        if violations:
            raise _refusal(violations)

    return validate


@functools.cache
def check_for(descriptor: Descriptor) -> Check | None:
    """Returns the compiled check of a message type. The types of `repartee.v1` do not contain themselves."""
    checks = [check for field in descriptor.fields for check in _field_checks(field)]
    if not checks:
        return None

    def check_all(message: Any, prefix: str, violations: list[FieldViolation]) -> None:
        for check in checks:
            check(message, prefix, violations)

    return check_all


def _refusal(violations: list[FieldViolation]) -> InvalidRequest:
    missing = any(each.description == _REQUIRED_TEXT for each in violations)
    places = ", ".join(each.field for each in violations[:5]) + (", …" if len(violations) > 5 else "")
    if missing:
        return InvalidRequest("REQUIRED_FIELD", f"Set the required fields; look at {places}.", violations=violations)
    return InvalidRequest("INVALID_FIELD", f"Some fields are malformed; look at {places}.", violations=violations)


def _field_checks(field: FieldDescriptor) -> list[Check]:
    name, kind, repeated = field.name, field.type, field.is_repeated
    checks: list[Check] = []
    options: Any = field.GetOptions()
    if field_behavior_pb2.REQUIRED in options.Extensions[field_behavior_pb2.field_behavior]:
        has_presence = field.has_presence and not repeated
        checks.append(_present_message(name) if has_presence else _not_empty(name))
    if repeated and (most := _ITEMS.get(field.full_name)) is not None:
        checks.append(_at_most_items(name, most))
    message_type = field.message_type
    if message_type is not None:
        if message_type.GetOptions().map_entry:
            return checks
        nested = check_for(message_type)
        if nested is not None:
            checks.append(_each(name, nested) if repeated else _inside(name, nested))
    elif kind == FieldDescriptor.TYPE_STRING:
        checks += _string_checks(field)
    elif kind == FieldDescriptor.TYPE_BYTES and (most := _BYTES.get(field.full_name)) is not None:
        checks.append(_at_most_bytes(name, most))
    return checks


def _string_checks(field: FieldDescriptor) -> list[Check]:
    name, full_name = field.name, field.full_name
    if field.is_repeated:
        return [_ids(name)] if name.endswith("_ids") else []
    if name.endswith("_id") and name not in _NOT_IDS:
        return [_matching(name, _ID, _ID_TEXT)]
    if name == "sha256":
        return [_matching(name, _SHA256, "expected 64 lower-case hex characters")]
    if (characters := _CHARACTERS.get(full_name)) is not None:
        return [_at_most_characters(name, characters)]
    most = _BYTES.get(full_name, _TEXT_BYTES if name in _TEXT_NAMES else None)
    return [_at_most_bytes(name, most)] if most is not None else []


def _present_message(name: str) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        if not message.HasField(name):
            violations.append(FieldViolation(prefix + name, _REQUIRED_TEXT))

    return check


def _not_empty(name: str) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        if not getattr(message, name):
            violations.append(FieldViolation(prefix + name, _REQUIRED_TEXT))

    return check


def _matching(name: str, pattern: re.Pattern[str], expected: str) -> Check:
    matches = pattern.fullmatch

    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        value = getattr(message, name)
        if value and not matches(value):
            violations.append(FieldViolation(prefix + name, expected))

    return check


def _ids(name: str) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        for index, value in enumerate(getattr(message, name)):
            if not _ID.fullmatch(value):
                violations.append(FieldViolation(f"{prefix}{name}[{index}]", _ID_TEXT))

    return check


def _at_most_bytes(name: str, most: int) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        value = getattr(message, name)
        # A character takes 1 to 4 bytes: most texts are decided without encoding them.
        if len(value) * 4 > most and (
            len(value) > most or len(value.encode() if isinstance(value, str) else value) > most
        ):
            violations.append(FieldViolation(prefix + name, f"expected at most {most} bytes"))

    return check


def _at_most_characters(name: str, most: int) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        if len(getattr(message, name)) > most:
            violations.append(FieldViolation(prefix + name, f"expected at most {most} characters"))

    return check


def _at_most_items(name: str, most: int) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        if len(getattr(message, name)) > most:
            violations.append(FieldViolation(prefix + name, f"expected at most {most} items"))

    return check


def _inside(name: str, nested: Check) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        if message.HasField(name):
            nested(getattr(message, name), f"{prefix}{name}.", violations)

    return check


def _each(name: str, nested: Check) -> Check:
    def check(message: Message, prefix: str, violations: list[FieldViolation]) -> None:
        for index, item in enumerate(getattr(message, name)):
            nested(item, f"{prefix}{name}[{index}].", violations)

    return check
