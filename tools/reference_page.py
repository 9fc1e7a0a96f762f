"""docs/REFERENCE.md: every service, call, message and field, made from the contracts' own comments."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "REFERENCE.md"
_PACKAGE = "repartee.v1"
_ORDER = ("router", "rollout", "tenants", "engine", "rag", "cache", "voice", "common")
# Numbers of fields in descriptor.proto, of which paths to an element are made.
_MESSAGES, _ENUMS, _SERVICES, _SYNTAX = 4, 5, 6, 12
_FIELDS, _NESTED, _NESTED_ENUMS = 2, 3, 4

_HEAD = """# Reference

Made from the comments in `protos/repartee/v1` by `make reference`; what every call has in common stands under
[common.proto](#commonproto). Errors by reason: [ERRORS.md](ERRORS.md). Calls to copy: [RECIPES.md](RECIPES.md).
"""


def contracts() -> list[FileDescriptorProto]:
    """Compiles the contracts and returns them with their comments, those for clients first."""
    # Only this needs the compiler, which services and other commands do without.
    import grpc_tools  # noqa: PLC0415  # see above
    from grpc_tools import protoc  # noqa: PLC0415  # see above

    names = [f"repartee/v1/{name}.proto" for name in _ORDER]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "set"
        well_known = Path(grpc_tools.__file__).parent / "_proto"
        roots = [f"-I{each}" for each in (ROOT / "protos", ROOT / "third_party", well_known)]
        status = cast(Any, protoc).main(
            ["protoc", *roots, "--include_source_info", f"--descriptor_set_out={output}", *names]
        )
        if status != 0:
            raise RuntimeError(f"protoc ended with {status}; its own words are above")
        found = {each.name: each for each in FileDescriptorSet.FromString(output.read_bytes()).file}
    return [found[name] for name in names]


def page() -> str:
    """Returns the whole page."""
    files = contracts()
    return "\n".join([_HEAD, *_index(files), *(line for file in files for line in _Section(file).lines())]) + "\n"


def _index(files: list[FileDescriptorProto]) -> Iterator[str]:
    yield from ("| service | calls |", "|---|---|")
    for file in files:
        for service in file.service:
            calls = " · ".join(f"[{each.name}](#{_anchor(service.name, each.name)})" for each in service.method)
            yield f"| [{service.name}](#{service.name.lower()}) | {calls} |"
    yield ""


class _Section:
    """One file of the contracts."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        self._comments = {tuple(each.path): each for each in file.source_code_info.location}
        self._shown: set[str] = set()

    def lines(self) -> Iterator[str]:
        """Yields the section."""
        yield f"## {Path(self._file.name).name}\n"
        yield f"{_as_list(self._comments[_SYNTAX,].leading_comments)}\n"
        for number, service in enumerate(self._file.service):
            yield f"### {service.name}\n"
            yield f"`{_PACKAGE}.{service.name}`. {self._said(_SERVICES, number)}\n"
            for index, method in enumerate(service.method):
                yield f"#### {service.name}/{method.name}\n"
                yield f"{_signature(method)}\n"
                yield f"{self._said(_SERVICES, number, _FIELDS, index)}\n"
                for name in (f"{method.name}Request", f"{method.name}Response"):
                    yield from self._message_named(name)
        for number, message in enumerate(self._file.message_type):
            if message.name not in self._shown:
                yield from self._message(message, message.name, (_MESSAGES, number))
        for number, enum in enumerate(self._file.enum_type):
            yield from self._enum(enum, enum.name, (_ENUMS, number))

    def _message_named(self, name: str) -> Iterator[str]:
        """Yields a call's own message, right below the call."""
        for number, message in enumerate(self._file.message_type):
            if message.name == name:
                self._shown.add(name)
                yield from self._message(message, name, (_MESSAGES, number), level="#####")

    def _message(
        self, message: DescriptorProto, name: str, path: tuple[int, ...], *, level: str = "###"
    ) -> Iterator[str]:
        yield f"{level} {name}\n"
        yield f"{self._said(*path)}\n"
        if message.field:
            yield from ("| field | type | meaning |", "|---|---|---|")
            for number, field in enumerate(message.field):
                said = _cell(self._said(*path, _FIELDS, number))
                needed = "**Required.** " if _is_required(field) else ""
                yield f"| `{field.name}` | {_type(field, message)} | {needed}{said} |"
            yield ""
        for number, nested in enumerate(message.nested_type):
            if not nested.options.map_entry:
                yield from self._message(nested, f"{name}.{nested.name}", (*path, _NESTED, number))
        for number, enum in enumerate(message.enum_type):
            yield from self._enum(enum, f"{name}.{enum.name}", (*path, _NESTED_ENUMS, number))

    def _enum(self, enum: EnumDescriptorProto, name: str, path: tuple[int, ...]) -> Iterator[str]:
        yield f"### {name}\n"
        yield f"{self._said(*path)}\n"
        yield from ("| value | number | meaning |", "|---|---|---|")
        for number, value in enumerate(enum.value):
            yield f"| `{value.name}` | {value.number} | {_cell(self._said(*path, _FIELDS, number))} |"
        yield ""

    def _said(self, *path: int) -> str:
        return " ".join(line.strip() for line in self._comments[path].leading_comments.splitlines()).strip()


def _signature(method: MethodDescriptorProto) -> str:
    request, response = (_link(name) for name in (method.input_type, method.output_type))
    streams = {False: "", True: "stream of "}
    return f"{streams[method.client_streaming]}{request} → {streams[method.server_streaming]}{response}"


def _type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    entries = {each.name: each for each in message.nested_type if each.options.map_entry}
    if (entry := entries.get(field.type_name.rpartition(".")[2])) is not None:
        key, value = entry.field
        return f"map of {_plain(key)} to {_plain(value)}"
    repeated = "list of " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    return repeated + _plain(field)


def _plain(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return _link(field.type_name)
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _link(type_name: str) -> str:
    """Returns a link to one of our messages, and the name of any other."""
    ours = type_name.removeprefix(f".{_PACKAGE}.")
    return f"[{ours}](#{_anchor(ours)})" if ours != type_name else f"`{type_name.removeprefix('.google.protobuf.')}`"


def _anchor(*parts: str) -> str:
    return "".join(parts).replace(".", "").lower()


def _is_required(field: FieldDescriptorProto) -> bool:
    return field_behavior_pb2.REQUIRED in field.options.Extensions[cast(Any, field_behavior_pb2).field_behavior]


def _as_list(comment: str) -> str:
    return "\n".join(line.removeprefix(" ") for line in comment.strip("\n").splitlines()).strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Prints the page, or writes it with --write."""
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())


if __name__ == "__main__":
    main()
