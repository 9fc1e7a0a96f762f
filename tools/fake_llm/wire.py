"""Pieces of the protocol as vendors send them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web


def error_response(
    status: int, message: str, headers: Mapping[str, str] | None = None, *, code: str | None = None
) -> web.Response:
    """Returns an error as vendors send it."""
    detail = {"message": message, "type": "double", "param": None, "code": code}
    return web.json_response({"error": detail}, status=status, headers=headers)


def cut(request: web.Request) -> None:
    """Breaks the connection of a request."""
    if request.transport is not None:
        request.transport.abort()


def usage_of(prompt: int, completion: int) -> dict[str, int]:
    """Returns `usage` of so many tokens."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def envelope(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Returns what every object of an answer begins with."""
    return {"id": "chatcmpl-double", "object": kind, "created": 0, "model": body["model"]}


def words_of(text: str) -> list[str]:
    """Returns the words of a text, each with the space behind it."""
    words = text.split(" ")
    return [word + " " for word in words[:-1]] + words[-1:]
