"""The word of USE_HYBRID_BOTLIVE, wherever it is written: in a variable, an env file, or a file of its own."""

from libs.common.errors import InvalidRequest

SWITCH = "USE_HYBRID_BOTLIVE"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def read_switch(text: str, *, place: str = "") -> bool | None:
    """Returns what USE_HYBRID_BOTLIVE says, None when it is empty; `place` says in an error where it is written.

    Raises InvalidRequest (INVALID_SETTING) for any other word: a typing mistake must not silently choose a system.
    """
    word = text.strip().lower()
    if not word:
        return None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    where = f" in {place}" if place else ""
    raise InvalidRequest(
        "INVALID_SETTING",
        # Not all of it: the wrong file may have been named.
        f"{SWITCH} is {text.strip()[:20]!r}{where}; write true or false (1, 0, yes, no, on and off will do too).",
    )


def read_switch_file(text: str, *, place: str) -> bool | None:
    """Returns what a file says of the switch, None when it says nothing.

    The file is an env file with a line `USE_HYBRID_BOTLIVE=…` (the last one counts, as in a shell; `export`, quotes and
    comments are understood), or holds nothing but the word, as a mounted ConfigMap does. Raises InvalidRequest
    (INVALID_SETTING) with the line.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(lines) == 1 and "=" not in lines[0][1]:
        number, line = lines[0]
        return read_switch(_unquoted(line), place=f"{place}, line {number}")
    found: bool | None = None
    for number, line in lines:
        name, _, value = line.removeprefix("export ").partition("=")
        if name.strip() == SWITCH:
            found = read_switch(_unquoted(value), place=f"{place}, line {number}")
    return found


def _unquoted(value: str) -> str:
    text = value.strip()
    if text[:1] in {'"', "'"}:
        return text[1:].partition(text[0])[0]
    return text.partition(" #")[0].strip()
