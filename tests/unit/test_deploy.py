"""What is deployed: manifests as they are applied, the policies that hold them, images and the compose file."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from benchmarks.operations_deploy import IMAGES, K8S, OVERLAYS, ROOT, VERSIONS, foreign, invalid, locked, rendered
from benchmarks.wrong_manifests import MISTAKES, Mistake, caught
from libs.common.errors import InvalidRequest
from tools.cli import app
from tools.manifests.checking import POLICIES, violations
from tools.manifests.reachability import Network, Peer
from tools.manifests.reading import NAME, SERVICES, Manifests, load, variables_of


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_checked_is_what_kustomize_makes(overlay: str) -> None:
    """Where there is a kubectl; elsewhere the manifests that are checked in stand for themselves."""
    if (kubectl := shutil.which("kubectl")) is None:
        assert (K8S / "rendered" / f"{overlay}.yaml").is_file()
        return
    made = subprocess.run([kubectl, "kustomize", str(K8S / "overlays" / overlay)], capture_output=True, check=True)
    assert load(made.stdout).documents == rendered(overlay).documents, "run `make manifests`"


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid_in_the_oldest_and_the_newest_version(overlay: str, version: str) -> None:
    """Those between are the proof's to check."""
    assert invalid(rendered(overlay), version) == []


def test_a_field_that_is_none_is_refused_with_its_manifest() -> None:
    (said,) = invalid(load("{apiVersion: v1, kind: Service, metadata: {name: rag}, spec: {prots: []}}"), VERSIONS[-1])
    assert said.startswith(f"Service rag in {VERSIONS[-1]}: ")
    assert "prots" in said


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_policy_holds(overlay: str) -> None:
    assert violations(rendered(overlay)) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what.replace(" ", "-"))
def test_a_mistake_is_told_where_it_was_made(mistake: Mistake) -> None:
    assert caught(mistake, rendered("everything").documents)


def test_every_policy_has_a_mistake_that_it_tells_of() -> None:
    assert {each.policy for each in MISTAKES} == set(POLICIES)


def test_manifests_with_nothing_in_them_end_no_check() -> None:
    """What is missing is told; a check that fails itself would tell nothing."""
    bare: list[dict[str, Any]] = [
        {"kind": kind, "metadata": {"name": name}} for kind in ("Deployment", "Service") for name in SERVICES
    ]
    bare += [{"kind": kind} for kind in ("GRPCRoute", "Gateway", "NetworkPolicy", "HorizontalPodAutoscaler", "Secret")]
    assert {each.where for each in violations(Manifests(bare))} >= {f"Deployment {name}" for name in SERVICES}


def test_the_command_names_the_manifest_and_what_is_expected(tmp_path: Path) -> None:
    right = K8S / "rendered" / "production.yaml"
    wrong = tmp_path / "mine.yaml"
    wrong.write_text(right.read_text(encoding="utf-8").replace("maxUnavailable: 0", "maxUnavailable: 1", 1))
    runner = CliRunner()
    assert runner.invoke(app, ["check-manifests", str(right)]).exit_code == 0
    told = runner.invoke(app, ["check-manifests", str(right), str(wrong)])
    assert told.exit_code == 1
    assert told.output == f"{wrong}: Deployment cache: its rollingUpdate has maxUnavailable 0 and a maxSurge\n"


def test_the_command_reads_what_kubectl_prints() -> None:
    text = (K8S / "rendered" / "local.yaml").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["check-manifests"], input=text).exit_code == 0
    refused = CliRunner().invoke(app, ["check-manifests"], input="error: no such overlay")
    assert (refused.exit_code, "standard input: Expected manifests" in refused.output) == (1, True)


@pytest.mark.parametrize("text", ["a: [", "just words", "- 1", ""])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"manifests|YAML"):
        load(text)


def _policy(rule: Any, *, selector: Any = None) -> dict[str, Any]:
    spec = {"podSelector": selector or {}, "policyTypes": ["Ingress"], "ingress": [] if rule is None else [rule]}
    return {"kind": "NetworkPolicy", "metadata": {"name": "each"}, "spec": spec}


def _pods(operator: str, *, key: str = NAME) -> Any:
    """Returns pods of any namespace, by an expression."""
    chosen = {"matchExpressions": [{"key": key, "operator": operator, "values": ["envoy"]}]}
    return {"from": [{"namespaceSelector": {}, "podSelector": chosen}]}


_RULES: Sequence[tuple[Any, bool]] = (
    (None, False),
    ({}, True),
    ({"ports": [{"port": 80}]}, True),
    ({"ports": [{"port": 70, "endPort": 90}]}, True),
    ({"ports": [{"port": 81}]}, False),
    ({"ports": [{"port": "grpc"}]}, False),
    ({"from": [{"podSelector": {}}]}, False),
    ({"from": [{"namespaceSelector": {}}]}, True),
    ({"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]}, True),
    ({"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {NAME: "other"}}}]}, False),
    ({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}, False),
    (_pods("In"), True),
    (_pods("NotIn"), False),
    (_pods("Exists"), True),
    (_pods("Exists", key="team"), False),
    (_pods("DoesNotExist", key="team"), True),
)


@pytest.mark.parametrize(("rule", "is_admitted"), _RULES)
def test_network_policies_are_read_as_a_cluster_reads_them(rule: Any, is_admitted: bool) -> None:
    network = Network(Manifests([_policy(rule)]))
    assert network.admits(Peer({NAME: "router"}), Peer({NAME: "envoy"}, "gateway"), 80) is is_admitted


@pytest.mark.parametrize(("address", "is_let"), [("203.0.113.7", True), ("10.1.2.3", False), ("2001:db8::1", False)])
def test_an_address_is_let_by_its_block_and_not_by_what_is_left_out(address: str, is_let: bool) -> None:
    rule = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]}
    assert (
        Network(Manifests([{"kind": "NetworkPolicy", "spec": spec}])).lets(Peer({}), Peer({}, address=address), 443)
        is is_let
    )


def test_a_pod_that_no_policy_holds_is_open() -> None:
    network = Network(Manifests([_policy(None, selector={"matchLabels": {NAME: "rag"}})]))
    assert network.admits(Peer({NAME: "router"}), Peer({}, "elsewhere"), 80)
    assert network.lets(Peer({NAME: "rag"}), Peer({NAME: "router"}), 80), "it holds what comes in, not what goes out"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_what_its_service_asks_for_and_no_more(image: str) -> None:
    entries = locked(image)
    assert all("--hash=sha256:" in each for each in entries.values())
    assert {"grpcio", "protobuf", "cryptography", "prometheus-client"} <= entries.keys()
    assert ("qdrant-client" in entries) == (image == "rag")
    assert ("elevenlabs" in entries) == (image == "voice")
    assert foreign(image) == []


_IMPORTED = """
import importlib, importlib.metadata, sys
importlib.import_module(sys.argv[1])
owners = importlib.metadata.packages_distributions()
names = {name.partition(".")[0] for name in sys.modules}
print("\\n".join(sorted({owner for name in names for owner in owners.get(name, ()) if len(owners[name]) == 1})))
"""


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_all_that_its_service_imports(image: str) -> None:
    """What a package of ours imports on the way counts too: an image without it does not start."""
    ours = {"repartee", "repartee-protos"}
    made = subprocess.run(
        [sys.executable, "-c", _IMPORTED, f"services.{image}.app"],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"},
    )
    imported = {re.sub(r"[-_.]+", "-", each).lower() for each in made.stdout.split()}
    # gRPC imports its tools where they are.
    assert imported - ours - locked(image).keys() <= {"setuptools", "grpcio-tools"}


def test_a_container_that_is_told_to_leave_while_it_loads_leaves(tmp_path: Path) -> None:
    """A first process is sent SIGTERM only if it asks; and no Job may take its exit code for success."""
    (tmp_path / "slow.py").write_text("import sys\nprint(*sys.argv[1:], flush=True)\nsys.stdin.read()\n")
    with subprocess.Popen(
        [sys.executable, ROOT / "deploy" / "docker" / "start.py", "migrate", "--dry-run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "REPARTEE_MODULE": "slow"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "migrate --dry-run\n"
        process.terminate()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM


def test_what_is_deployed_is_the_version_of_the_code() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    compose = (ROOT / "deploy" / "compose" / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"image: repartee-[a-z-]+:(\S+)", compose)) == {version}
    for overlay in OVERLAYS:
        for workload in rendered(overlay).services.values():
            assert workload.labels["app.kubernetes.io/version"] == version
            assert workload.container["image"].endswith(f":{version}")


def test_the_compose_file_names_versions_and_publishes_on_this_machine_only() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == set(SERVICES) | {"redis", "qdrant", "otel-collector", "prometheus", "grafana", "jaeger"}
    for name, service in services.items():
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_the_compose_file_can_do_nothing_that_it_needs_not_and_has_the_time_to_drain(name: str) -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    service = services[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    told = {key: str(value) for key, value in service["environment"].items()}
    known = variables_of(SERVICES[name])
    every_variable = set[str]().union(*(variables_of(each).values() for each in SERVICES.values()))
    assert {key for key in told if key.startswith("REPARTEE_")} <= every_variable
    settings = SERVICES[name].model_validate({field: told[key] for field, key in known.items() if key in told})
    assert float(service["stop_grace_period"].removesuffix("s")) > settings.drain_seconds + settings.stop_grace_seconds
