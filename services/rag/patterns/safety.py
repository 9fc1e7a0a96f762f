"""Which expressions are let in: short, linear, bounded, and timed on hostile text before they are used."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.linear_pattern import Match, Pattern, linear_pattern
from services.rag.patterns.fields import problem_with_groups

MAX_EXPRESSION_CHARACTERS = 200
MAX_REPEAT = 64
MAX_ALTERNATIVES = 64
# For 10 kB of hostile text.
MAX_MILLISECONDS = 5.0
HOSTILE_CHARACTERS = 10_000
# In one text. What is over is left to the generic patterns; it bounds the time that a text full of matches takes.
MAX_MATCHES = 150
_MAX_MEM_BYTES = 1 << 20
_REPEAT = linear_pattern(r"^(?:\{(\d{1,3})(?:,(\d{1,3}))?\}|\?)")
_NAMED = linear_pattern(r"^\(\?P<([a-z][a-z0-9_]{0,19})>")
_ESCAPED = linear_pattern(r"^\\(?:x\{[0-9a-f]{1,6}\}|p\{(?:L|Lu|Ll|N|Nd)\}|[dDwWsSbBn]|[^\pL\pN])")
_CLASS = linear_pattern(r"^\[\^?(?:\\.|[^\\\[\]])+\]")
_SEEDS = (
    "0",
    "9 ",
    "1.000 ",
    "25.000 fcfa ",
    "$1,250.00 ",
    "6 paquets - ",
    "07 ",
    "prix : ",
    "a",
    " ",
    "é",
    "(",
    "\x07",
)


@dataclass(slots=True)
class _Open:
    """A group that is not closed yet, and whether anything in it repeats."""

    repeats: bool = False


def compiled(field: str, expression: str) -> Pattern:
    """Returns the expression compiled, after every check but the timed one.

    Raises InvalidRequest (PATTERN_UNSAFE), which names the field and what is wrong.
    """
    problem = _problem(field, expression)
    if problem:
        raise unsafe(field, expression, problem)
    try:
        pattern = linear_pattern(expression, max_mem_bytes=_MAX_MEM_BYTES)
    except ValueError:
        raise unsafe(field, expression, "RE2 does not accept it") from None
    if pattern.search("") is not None or pattern.search(" ") is not None:
        raise unsafe(field, expression, "it finds something in an empty text")
    return pattern


def timed(field: str, expression: str, *, clock: Callable[[], float] = time.thread_time) -> float:
    """Returns the milliseconds of this thread that 10 kB of the worst hostile text takes, the best of three tries.

    Raises InvalidRequest (PATTERN_UNSAFE) over 5 ms, and as `compiled`.
    """
    pattern = compiled(field, expression)
    slowest = max(_best_of_three(pattern, text, clock) for text in hostile_texts(expression))
    if slowest > MAX_MILLISECONDS:
        raise unsafe(field, expression, f"it takes more than {MAX_MILLISECONDS:g} ms for 10 kB of hostile text")
    return slowest


def hostile_texts(expression: str) -> list[str]:
    """Returns texts of 10,000 characters that make bad expressions slow: repeated beginnings of what is looked for."""
    seeds = (*_SEEDS, expression, "".join(character for character in expression if character.isalnum()) or "x")
    return [(seed * (HOSTILE_CHARACTERS // len(seed) + 1))[:HOSTILE_CHARACTERS] for seed in seeds]


def unsafe(field: str, expression: str, problem: str) -> InvalidRequest:
    """Returns the refusal of one pattern."""
    name = f"{field or '?'}: {expression[:60]}"
    return InvalidRequest(
        "PATTERN_UNSAFE",
        f"A pattern was refused and nothing was changed: {problem}.",
        violations=[FieldViolation(f"patterns[{name}]", problem)],
    )


def _best_of_three(pattern: Pattern, text: str, clock: Callable[[], float]) -> float:
    best = float("inf")
    for _ in range(3):
        begun = clock()
        for _match in islice(pattern.finditer(text), MAX_MATCHES):
            pass
        best = min(best, (clock() - begun) * 1e3)
        if best < MAX_MILLISECONDS / 5:
            break
    return best


def _problem(field: str, expression: str) -> str:
    if not expression or len(expression) > MAX_EXPRESSION_CHARACTERS:
        return f"an expression has 1 to {MAX_EXPRESSION_CHARACTERS} characters"
    if not expression.isprintable():
        return "it holds control characters"
    return _scan(field, expression)


def _scan(field: str, expression: str) -> str:
    """Walks over the expression once; anything that is not known to be harmless is refused."""
    groups: set[str] = set()
    stack, closed = [_Open()], None
    at = 0
    while at < len(expression):
        rest, character = expression[at:], expression[at]
        length, before, closed = 1, closed, None
        if character == "(":
            named = _NAMED.match(rest)
            if not named and not rest.startswith("(?:"):
                return "groups are `(?:` or have one of the known names"
            groups |= {named.group(1)} if named else set()
            stack.append(_Open())
            length = len(named.group()) if named else 3
        elif character == ")":
            if len(stack) == 1:
                return "a group is closed that was not opened"
            closed = stack.pop()
            stack[-1].repeats |= closed.repeats
        elif character in "{?*+":
            repeat = _REPEAT.match(rest)
            problem, most = _repeat_problem(repeat, within=before)
            if problem:
                return problem
            stack[-1].repeats |= most > 1
            length = len(repeat.group()) if repeat else 1
        elif character == "^":
            return "the beginning of a text cannot be asked for"
        elif character in "\\[":
            whole = (_ESCAPED if character == "\\" else _CLASS).match(rest)
            if not whole:
                return "an escape or a class is not one of the known ones"
            length = len(whole.group())
        at += length
    if len(stack) > 1:
        return "a group is not closed"
    if expression.count("|") > MAX_ALTERNATIVES:
        return f"it has more than {MAX_ALTERNATIVES} alternatives"
    return problem_with_groups(field, frozenset(groups))


def _repeat_problem(repeat: Match | None, *, within: _Open | None) -> tuple[str, int]:
    """Returns what is wrong with a repeat, and how often it repeats at most."""
    if repeat is None:
        return "repeats have an upper bound", 0
    most = 1 if repeat.group() == "?" else int(repeat.group(2) or repeat.group(1))
    if most > MAX_REPEAT:
        return f"something repeats more than {MAX_REPEAT} times", most
    if most > 1 and within is not None and within.repeats:
        return "a repeat stands within a repeat", most
    return "", most
