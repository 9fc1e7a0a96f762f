"""YAML with places: plain values, and the line of each of them, from a document that nobody has to trust."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from libs.common.linear_pattern import linear_pattern

Path = tuple[str | int, ...]

MAX_NODES = 20_000
MAX_DEPTH = 16

_INT = linear_pattern(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = linear_pattern(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
# Not YAML 1.1's yes, no, on and off: `country: NO` is Norway. Not octal either: 0757360757 is a phone number.
_WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with the document as YAML. Lines and columns count from 1."""

    line: int
    column: int
    path: Path
    description: str


@dataclass(slots=True)
class YamlTree:
    """A document's values, where each begins, and what is wrong with it."""

    root: Any = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    mistakes: list[Mistake] = field(default_factory=list[Mistake])

    def line(self, path: Path) -> int:
        """Returns the line of `path`, or of the nearest thing around it that is in the document."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(slots=True)
class _Open:
    container: dict[str, object] | list[object]
    path: Path
    key: str | None = None


class _Builder:
    def __init__(self) -> None:
        self.tree = YamlTree()
        self._stack: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    def take(self, event: Any) -> bool:
        """Takes one parser event; False when the rest must not be read."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._mistake(event, (), "a second document begins here; a bundle is one document")
                return False
        if isinstance(event, yaml.AliasEvent):
            self._mistake(event, (), "aliases (*name) are not allowed; write the value again")
            return False
        if isinstance(event, yaml.NodeEvent):
            return self._node(event)
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._stack.pop()
        return True

    def _node(self, event: Any) -> bool:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(self._stack) > MAX_DEPTH:
            self._mistake(event, (), f"more than {MAX_NODES} values, or nested deeper than {MAX_DEPTH}")
            return False
        if event.anchor or getattr(event, "tag", None) not in {None, "!"}:
            self._mistake(event, (), "anchors (&name) and tags (!name) are not allowed")
            return False
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.container, dict) and top.key is None:
            return self._begin_key(event, top)
        path = self._place(event, top)
        value: object
        if isinstance(event, yaml.ScalarEvent):
            value = _resolve(event)
        else:
            value = cast("list[object]", []) if isinstance(event, yaml.SequenceStartEvent) else {}
            self._stack.append(_Open(cast("Any", value), path))
        if top is None:
            self.tree.root = value
        elif isinstance(top.container, list):
            top.container.append(value)
        else:
            top.container[cast("str", top.key)] = value
            top.key = None
        return True

    def _begin_key(self, event: Any, top: _Open) -> bool:
        if getattr(event, "value", None) is None:
            self._mistake(event, top.path, "a key must be a word")
            return False
        key = cast("str", event.value)
        path = (*top.path, key)
        if path in self.tree.lines:
            first = self.tree.lines[path]
            self._mistake(event, path, f"the key is there twice; the first is on line {first}")
        else:
            self.tree.lines[path] = event.start_mark.line + 1
        top.key = key
        return True

    def _place(self, event: Any, top: _Open | None) -> Path:
        if top is None:
            return ()
        if isinstance(top.container, list):
            path: Path = (*top.path, len(top.container))
            self.tree.lines[path] = event.start_mark.line + 1
            return path
        return (*top.path, cast("str", top.key))

    def _mistake(self, event: Any, path: Path, description: str) -> None:
        mark = event.start_mark
        self.tree.mistakes.append(Mistake(mark.line + 1, mark.column + 1, path, description))


def _resolve(event: Any) -> object:
    text = cast("str", event.value)
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def read_yaml(text: str) -> YamlTree:
    """Returns the values of one YAML document; syntax errors, duplicate keys, aliases and excess are its `mistakes`.

    Works through parser events without recursion, so neither nesting nor references can exhaust memory or the stack.
    """
    builder = _Builder()
    loader = cast("Any", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        for event in yaml.parse(text, Loader=loader):
            if not builder.take(event):
                break
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        detail = " ".join(part for part in (error.context, error.problem) if part)
        builder.tree.mistakes.append(Mistake(line, column, (), f"not YAML: {detail}"))
    except yaml.YAMLError as error:
        position = cast("int", getattr(error, "position", 0))
        line = text.count("\n", 0, position) + 1
        builder.tree.mistakes.append(Mistake(line, 1, (), "not YAML: a character that YAML does not allow"))
    return builder.tree
