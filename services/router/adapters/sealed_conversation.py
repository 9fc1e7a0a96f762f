"""What a conversation in Redis is made of: sealed messages, a sealed state, replies kept for retries."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import overload

from libs.common.redis_store import TenantRedis
from repartee.v1 import common_pb2, router_pb2
from services.router.adapters.wire import read_message, read_reply, write_reply
from services.router.adapters.wire_state import read_state, write_state
from services.router.turn import NO_STATE, FlowState, Message, Reply


class SealedMessages(Sequence[Message]):
    """Messages that are opened when the first of them is read; one with a broken seal is left out."""

    __slots__ = ("_opened", "_sealed", "_unseal")

    def __init__(self, sealed: list[bytes], unseal: Callable[[bytes], bytes | None]) -> None:
        self._sealed = sealed
        self._unseal = unseal
        self._opened: tuple[Message, ...] | None = None

    def _messages(self) -> tuple[Message, ...]:
        if self._opened is None:
            opened = map(self._unseal, self._sealed)
            self._opened = tuple(
                read_message(common_pb2.Message.FromString(value)) for value in opened if value is not None
            )
        return self._opened

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        return self._messages()[index]

    def __len__(self) -> int:
        return len(self._messages())


def state_place(head: str) -> str:
    """Returns what the seal of a state names: the conversation's key and the field."""
    return f"{head}#s"


def state_bytes(state: FlowState) -> bytes:
    """Returns a state to seal."""
    return b"" if state is NO_STATE else write_state(state).SerializeToString()


def open_state(redis: TenantRedis, head: str, sealed: bytes) -> FlowState:
    """Returns a state that was sealed for that conversation, the state of a new one for anything else."""
    value = redis.unseal(state_place(head), sealed) if sealed else None
    return read_state(common_pb2.FlowState.FromString(value)) if value else NO_STATE


def kept_reply(redis: TenantRedis, key: str, reply: Reply) -> bytes:
    """Returns a reply to keep: the length of what is sealed, the sealed reply, and room for a state behind it."""
    sealed = redis.seal(key, write_reply(reply).SerializeToString())
    return len(sealed).to_bytes(4) + sealed


def open_reply(redis: TenantRedis, head: str, key: str, kept: bytes) -> Reply | None:
    """Returns a reply that `kept_reply` made for that key, None for anything else."""
    end = 4 + int.from_bytes(kept[:4])
    value = redis.unseal(key, kept[4:end])
    if value is None:
        return None
    reply = read_reply(router_pb2.ChatResponse.FromString(value))
    # An appended turn is sent before its state is known; the script puts it behind the reply.
    return replace(reply, state=open_state(redis, head, kept[end:])) if len(kept) > end else reply
