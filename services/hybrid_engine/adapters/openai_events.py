"""The body of a chat completion, read so that nothing a server sends can break the reader."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from services.hybrid_engine.adapters.openai_errors import failure_in_body
from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.model import Piece, TokenCount

# Longer than any event of a reply that may have 4 kB.
_MAX_LINE_BYTES = 64 * 1024
# What a server calls its model is written to traces: nothing but a name may stand there.
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_SSE_STARTS = (b"data:", b":", b"event:", b"id:", b"retry:")


class BodyReader:
    """Turns bytes into pieces: server-sent events, or one JSON document from a server that cannot stream.

    An event that is not what it should be is skipped. Raises TierFailure for an error object, and MALFORMED for a body
    that holds neither, such as HTML.
    """

    def __init__(self, tier: str) -> None:
        self._tier = tier
        self._buffer = b""
        self._is_stream: bool | None = None
        self._understood = False
        self.done = False
        """True once the server has said `[DONE]`."""

    def feed(self, received: bytes) -> Iterator[Piece]:
        """Yields the pieces that `received` completes."""
        self._buffer += received
        if self._is_stream is None:
            start = self._buffer.lstrip()
            if not start or (len(start) < len("event:") and not start.startswith((b"{", b"<", b"["))):
                return
            self._is_stream = start.startswith(_SSE_STARTS)
        if self._is_stream:
            *lines, self._buffer = self._buffer.split(b"\n")
            for line in lines:
                yield from self._line(line)
        if len(self._buffer) > _MAX_LINE_BYTES:
            raise TierFailure(Fault.MALFORMED, self._tier)

    def end(self) -> Iterator[Piece]:
        """Yields what is left when the body has ended."""
        if self._is_stream:
            yield from self._line(self._buffer)
        elif self._buffer.strip():
            yield from self._document(parsed_object(self._buffer))
        if not self._understood and not self.done:
            raise TierFailure(Fault.MALFORMED, self._tier)

    def _line(self, line: bytes) -> Iterator[Piece]:
        if not line.startswith(b"data:"):
            return
        value = line.removeprefix(b"data:").strip()
        if value == b"[DONE]":
            self.done = True
            return
        event = parsed_object(value)
        if event is None:
            return
        if event.get("error"):
            raise failure_in_body(self._tier, event["error"])
        for piece in _pieces(event, "delta"):
            self._understood = True
            yield piece

    def _document(self, document: Mapping[str, Any] | None) -> Iterator[Piece]:
        if document is None:
            return
        if document.get("error"):
            raise failure_in_body(self._tier, document["error"])
        for piece in _pieces(document, "message"):
            self._understood = True
            yield piece


def parsed_object(value: bytes) -> Mapping[str, Any] | None:
    """Returns the JSON object that `value` is; None for anything else that a server may send."""
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, dict) else None


def _pieces(event: Mapping[str, Any], part: str) -> Iterator[Piece]:
    """Yields what is of use in an event; of several choices only the first was asked for."""
    count = _count(event.get("usage"))
    choices = event.get("choices")
    choice = cast("list[Any]", choices)[0] if isinstance(choices, list) and choices else None
    text, finish = "", ""
    is_choice = isinstance(choice, dict)
    if is_choice:
        fields = cast("Mapping[str, Any]", choice)
        said, reason = fields.get(part), fields.get("finish_reason")
        content = cast("Mapping[str, Any]", said).get("content") if isinstance(said, dict) else None
        text = content if isinstance(content, str) else ""
        finish = reason if isinstance(reason, str) else ""
    if is_choice or count:
        yield Piece(text, finish, count, _model(event.get("model")))


def _model(name: object) -> str:
    return name if isinstance(name, str) and _MODEL_NAME.fullmatch(name) else ""


def _count(usage: object) -> TokenCount | None:
    if not isinstance(usage, dict):
        return None
    fields = cast("Mapping[str, Any]", usage)
    prompt, completion = fields.get("prompt_tokens"), fields.get("completion_tokens", 0)
    # Booleans are integers to Python, and negative counts would be money given back.
    if not (type(prompt) is int and type(completion) is int and prompt >= 0 and completion >= 0):
        return None
    return TokenCount(prompt, completion)
