"""When a process may call its language models, and the file that says so while it runs."""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from libs.common.errors import InvalidRequest

_log = logging.getLogger(__name__)

MODE_VARIABLE = "LLM_MODE"
_POLL_SECONDS = 1.0
_MAX_BYTES = 64 * 1024


class LlmMode(Enum):
    """When models may be called: those that answered their probe, all, or none."""

    AUTO = "auto"
    ENABLED = "enabled"
    DISABLED = "disabled"


_WORDS = {"true": LlmMode.ENABLED, "false": LlmMode.DISABLED, **{mode.value: mode for mode in LlmMode}}


def read_mode(text: str) -> LlmMode | None:
    """Returns what LLM_MODE says, None when it is empty; `true` means `enabled` and `false` means `disabled`.

    Raises InvalidRequest (INVALID_SETTING) for any other word: a typing mistake must not switch models on or off.
    """
    word = text.strip().strip("\"'").lower()
    if not word:
        return None
    if word in _WORDS:
        return _WORDS[word]
    raise InvalidRequest("INVALID_SETTING", f"{MODE_VARIABLE} is {text.strip()!r}; write auto, enabled or disabled.")


def read_mode_file(path: Path) -> LlmMode | None:
    """Returns the mode that a file asks for, None when it is missing or says nothing of it.

    The file holds the word alone, or lines `NAME=value` of which LLM_MODE counts, the last one if there are several.
    Raises InvalidRequest (INVALID_SETTING).
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return None
    lines = [line.strip().removeprefix("export ") for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) == 1 and "=" not in lines[0]:
        return read_mode(lines[0])
    named = [value for name, _, value in (line.partition("=") for line in lines) if name.strip() == MODE_VARIABLE]
    return read_mode(named[-1]) if named else None


async def follow_mode_file(path: Path, change: Callable[[LlmMode], object]) -> None:
    """Calls `change` when the file asks for another mode than before, within about a second; never returns.

    Where the file says nothing, or something wrong, what was in force stays, and a mistake is logged once.
    """
    asked: LlmMode | None = None
    mistake = ""
    while True:
        try:
            mode = await asyncio.to_thread(read_mode_file, path)
        except InvalidRequest as error:
            if error.message != mistake:
                mistake = error.message
                _log.warning("%s: %s", path.name, error.message)
        else:
            mistake = ""
            if mode is not None and mode is not asked:
                _log.info("[MODEL] LLM_MODE=%s (%s)", mode.value, path.name)
                change(mode)
            asked = mode
        await asyncio.sleep(_POLL_SECONDS)
