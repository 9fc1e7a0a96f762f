"""Waiting turns as frames of a file: each checked by itself, so that what a crash cut short is told from damage.

A frame is its payload's length and the CRC-32 of those four bytes, then the payload: the tenant, and the turn sealed
for that tenant. The turn is a sequence of parts, each behind its length: a header as JSON, the reply, the messages.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from libs.common.request_context import Principal, TenantId
from libs.common.seal import seal, unseal
from repartee.v1 import common_pb2, router_pb2
from services.router.adapters.wire import read_message, read_reply, write_message, write_reply
from services.router.conversations import Commit, ConversationRef
from services.router.outbox import Waiting
from services.router.turn import Variant

_HEADER_BYTES = 8
# What a frame says of itself: a reader needs to know at least this format. Frames from before there was one have none.
_FORMAT = 1
# What the seal names in place of a key.
_PLACE = "outbox"


@dataclass(frozen=True, slots=True)
class Frames:
    """What a file of frames holds. `damage` says what cannot be read, and where; `is_cut` that its end is missing."""

    turns: Sequence[Waiting]
    damage: str = ""
    is_cut: bool = False


def write_frame(turn: Waiting) -> bytes:
    """Returns the frame of a turn."""
    ref, commit = turn.ref, turn.commit
    tenant = ref.principal.require_tenant()
    header = {
        "format": _FORMAT,
        "subject": ref.principal.subject,
        "conversation": ref.conversation_id,
        "since": turn.since,
        "base": commit.base_version,
        "keep_reply": commit.keep_reply,
        "user": commit.user_id,
        "retention": commit.retention_seconds,
        "began_with": commit.began_with.value if commit.began_with else "",
        "began_at": commit.began_at,
    }
    parts = [json.dumps(header).encode(), write_reply(commit.reply).SerializeToString()]
    parts += [write_message(message).SerializeToString() for message in commit.messages]
    sealed = seal(tenant, _PLACE, b"".join(len(part).to_bytes(4) + part for part in parts))
    payload = bytes([len(tenant)]) + tenant.encode() + sealed
    length = len(payload).to_bytes(4)
    return length + crc32(length).to_bytes(4) + payload


def read_frames(content: bytes) -> Frames:
    """Returns the turns up to the first place that cannot be read."""
    turns: list[Waiting] = []
    at = 0
    while at < len(content):
        length = content[at : at + 4]
        begin = at + _HEADER_BYTES
        end = begin + int.from_bytes(length)
        # A power cut may leave zeros where the last writes were under way.
        if len(content) < begin or not any(content[at:]):
            return Frames(turns, is_cut=True)
        if crc32(length).to_bytes(4) != content[at + 4 : begin]:
            return Frames(turns, damage=f"the frame at byte {at} of {len(content)} has no readable length")
        try:
            turn = _read_payload(content[begin:end]) if end <= len(content) else None
        except _NewerFormat as newer:
            return Frames(turns, damage=f"the frame at byte {at} of {len(content)} has format {newer}, of newer code")
        if turn is None:
            if end >= len(content):
                return Frames(turns, is_cut=True)
            return Frames(turns, damage=f"the frame at byte {at} of {len(content)} does not carry its seal")
        turns.append(turn)
        at = end
    return Frames(turns)


class _NewerFormat(Exception):
    """A frame that only newer code reads."""


def _read_payload(payload: bytes) -> Waiting | None:
    tenant_end = 1 + payload[0] if payload else 0
    # Not user input: what the seal ties to this tenant was written by a router for a verified caller.
    tenant = TenantId(payload[1:tenant_end].decode(errors="replace"))
    body = unseal(tenant, _PLACE, payload[tenant_end:])
    if body is None:
        return None
    header, reply, *messages = _parts(body)
    fields: dict[str, Any] = json.loads(header)
    if fields.get("format", 1) > _FORMAT:
        raise _NewerFormat(fields["format"])
    commit = Commit(
        base_version=fields["base"],
        messages=tuple(read_message(common_pb2.Message.FromString(message)) for message in messages),
        reply=read_reply(router_pb2.ChatResponse.FromString(reply)),
        keep_reply=fields["keep_reply"],
        user_id=fields["user"],
        retention_seconds=fields["retention"],
        began_with=Variant(fields["began_with"]) if fields["began_with"] else None,
        began_at=fields["began_at"],
    )
    ref = ConversationRef(Principal(fields["subject"], tenant), fields["conversation"])
    return Waiting(ref, commit, fields["since"])


def _parts(body: bytes) -> list[bytes]:
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        end = at + 4 + int.from_bytes(body[at : at + 4])
        parts.append(body[at + 4 : end])
        at = end
    return parts
