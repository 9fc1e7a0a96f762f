"""Recorded conversations as JSON lines: one line that names a conversation, then one for each of its messages.

A recording holds what customers said: it is to be kept, and deleted, like the conversations themselves.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from google.protobuf import json_format

from libs.common.errors import FieldViolation, InvalidRequest
from repartee.v1 import common_pb2

_CUSTOMER, _BOT = common_pb2.Message.AUTHOR_CUSTOMER, common_pb2.Message.AUTHOR_BOT


@dataclass(frozen=True, slots=True)
class Recording:
    """A conversation as it went. `locale` and `channel` are what its turns named, empty for the tenant's own."""

    tenant: str
    conversation: str
    messages: Sequence[common_pb2.Message]
    locale: str = ""
    channel: str = ""

    def turns(self) -> Iterator["RecordedTurn"]:
        """Yields the customer's messages in order, each with the bot's reply and everything said before it."""
        for at, message in enumerate(self.messages):
            if message.author == _CUSTOMER:
                yield RecordedTurn(message, _reply_to(message, self.messages[at + 1 :]), tuple(self.messages[:at]))


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """A customer's message, the bot's reply (empty where none was kept), and the messages before."""

    said: common_pb2.Message
    reply: common_pb2.Message
    history: Sequence[common_pb2.Message]


def _reply_to(message: common_pb2.Message, later: Iterable[common_pb2.Message]) -> common_pb2.Message:
    same_turn = (each for each in later if each.author == _BOT and each.turn_id == message.turn_id)
    return next(same_turn, common_pb2.Message())


def write_recordings(recordings: Iterable[Recording], path: Path) -> None:
    """Writes `path`, and the folders above it."""
    lines: list[str] = []
    for each in recordings:
        head = {
            "conversation": each.conversation,
            "tenant": each.tenant,
            "locale": each.locale,
            "channel": each.channel,
        }
        lines.append(_json({name: value for name, value in head.items() if value}))
        lines.extend(
            _json(json_format.MessageToDict(message, preserving_proto_field_name=True)) for message in each.messages
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_recordings(path: Path) -> list[Recording]:
    """Returns the conversations of a file; raises InvalidRequest (RECORDING_INVALID) with file and line."""
    found: list[tuple[dict[str, Any], list[common_pb2.Message]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _object(line)
            if "conversation" in row:
                found.append((_head(row), []))
            elif not found:
                raise ValueError('expected {"conversation": …, "tenant": …} before the first message')
            else:
                found[-1][1].append(json_format.ParseDict(row, common_pb2.Message()))
        except (ValueError, json_format.ParseError) as failure:
            raise _invalid(path, number, failure) from failure
    if not found:
        raise _invalid(path, 1, ValueError("expected at least one conversation"))
    return [
        Recording(
            tenant=head["tenant"],
            conversation=head["conversation"],
            messages=tuple(messages),
            locale=head.get("locale", ""),
            channel=head.get("channel", ""),
        )
        for head, messages in found
    ]


def _object(line: str) -> dict[str, Any]:
    row: object = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("expected a JSON object")
    return cast("dict[str, Any]", row)


def _head(row: dict[str, Any]) -> dict[str, str]:
    unknown = row.keys() - {"conversation", "tenant", "locale", "channel"}
    if unknown or not row.get("tenant") or not all(isinstance(value, str) for value in row.values()):
        raise ValueError('expected texts "conversation", "tenant", and perhaps "locale" and "channel"')
    return row


def _invalid(path: Path, line: int, failure: Exception) -> InvalidRequest:
    # A parser's own message may quote what a customer said.
    expected = str(failure) if type(failure) is ValueError else "expected a message of the conversation as JSON"
    return InvalidRequest(
        "RECORDING_INVALID",
        "The recording cannot be read.",
        violations=[FieldViolation(f"{path}:{line}", expected)],
    )


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)
