"""The commands on our pages do what the pages show, by the real grpcurl where it is installed."""

import re
from pathlib import Path

import pytest
import yaml
from google.protobuf.descriptor import FileDescriptor

from repartee.v1 import cache_pb2, common_pb2, engine_pb2, rag_pb2, rollout_pb2, router_pb2, tenants_pb2, voice_pb2
from tests.recipe_player import ROOT, differences, play, recipes_of, unlike
from tools.connection import Connection
from tools.stack import StackOptions, free_port_base, running_stack
from tools.tenants import apply_folder

PAGE = ROOT / "docs" / "RECIPES.md"
FILES: tuple[FileDescriptor, ...] = tuple(
    each.DESCRIPTOR
    for each in (cache_pb2, common_pb2, engine_pb2, rag_pb2, rollout_pb2, router_pb2, tenants_pb2, voice_pb2)
)


async def test_every_command_prints_what_its_page_shows(tmp_path: Path) -> None:
    port_base = free_port_base()
    async with running_stack(StackOptions(state=tmp_path / "state", port_base=port_base, traces=True)):
        operator = Connection.for_operator(port_base=port_base)
        await apply_folder(operator, ROOT / "examples" / "tenants", with_documents=True, reason="test")
        wrong = await play(PAGE, port_base=port_base, folder=tmp_path)
        for readme in ("README.md", "README.fr.md"):
            wrong += await play(ROOT / readme, port_base=port_base, folder=tmp_path, with_stand_in=True)
    assert wrong == []


def test_every_call_of_the_contracts_has_a_recipe_or_is_said_to_be_for_programs() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for file in FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                is_played = any(f"{service.full_name}/{method.name}" in each.commands for each in recipes_of(page))
                assert is_played or f"`{method.name}`" in page, method.full_name


def test_commands_for_kubernetes_name_what_is_deployed() -> None:
    commands = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert commands is not None
    manifests = yaml.safe_load_all((ROOT / "deploy/k8s/rendered/production.yaml").read_text())
    deployed = {(each["kind"].lower(), each["metadata"]["name"]) for each in manifests}
    named = set(re.findall(r"\b(deployment|configmap)[/ ]([a-z-]+)", commands[1]))
    assert named == {("deployment", "router"), ("deployment", "hybrid-engine"), ("configmap", "router-switch")}
    assert {(kind, name) for kind, name in named if kind == "deployment"} <= deployed
    assert all("-n repartee" in line for line in commands[1].splitlines())


@pytest.mark.parametrize(
    ("shown", "printed", "differs"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1}, {"a": 2}, True),
        ({"a": 1}, {"b": 1}, True),
        ({"a": "x…z"}, {"a": "x y z"}, False),
        ({"a": "x…z"}, {"a": "x y"}, True),
        ({"a": [1, 2]}, {"a": [1]}, True),
        ({"id": "0" * 32}, {"id": "f" * 32}, False),
        ({"id": "0" * 32}, {"id": ""}, True),
        ({"score": 0.5}, {"score": 0.7}, False),
        ({"score": 0.5}, {"score": "0.5"}, True),
        ({"at": "2026-01-01T00:00:00Z"}, {"at": "2027-01-01T00:00:00.5Z"}, False),
    ],
)
def test_what_is_shown_may_be_less_and_not_other(shown: object, printed: object, differs: bool) -> None:
    assert bool(list(unlike(shown, printed, "m"))) is differs


def test_a_page_that_shows_something_else_is_found_out() -> None:
    page = '```console\n$ true\n```\n\n```json\n{"a": 1}\n```\n\n'
    page += "```console\n$ false\n```\n\n```text\nERROR:\n  Code: Aborted\n```\n"
    good, bad = recipes_of(page)
    assert list(differences(good, failed=False, out='{"a": 1}', err="")) == []
    assert list(differences(good, failed=False, out="", err="")) == ["0 messages where the page shows 1"]
    assert list(differences(good, failed=True, out="", err="no route")) == ["failed: no route"]
    assert list(differences(bad, failed=True, out="", err="ERROR:\n  Code:   Aborted")) == []
    assert list(differences(bad, failed=True, out="", err="ERROR:\n  Code: Internal")) == [
        "`Code: Aborted` is not printed"
    ]
    assert list(differences(bad, failed=False, out="{}", err="")) == ["did not fail: {}"]
