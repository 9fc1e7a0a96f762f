"""Manifests as they are applied: valid for several versions of Kubernetes, and by policies of our own."""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.cache.settings import CacheSettings
from services.hybrid_engine.settings import EngineSettings
from services.rag.settings import RagSettings
from services.router.settings import RouterSettings
from services.voice.settings import VoiceSettings

ROOT = Path(__file__).parent.parent.parent
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("local", "production")
VERSIONS = ("1.32", "1.34", "1.37")
SERVICES: Mapping[str, type[Any]] = {
    "router": RouterSettings,
    "hybrid-engine": EngineSettings,
    "classic-engine": EngineSettings,
    "rag": RagSettings,
    "cache": CacheSettings,
    "voice": VoiceSettings,
}
# Not of Kubernetes itself, so that no schema comes with it.
GATEWAY_API = "gateway.networking.k8s.io/v1"
# Read by the process before or beside its settings.
OTHER_VARIABLES = {"REPARTEE_SECRETS_DIR", "OTEL_EXPORTER_OTLP_ENDPOINT", "USE_HYBRID_BOTLIVE", "REPARTEE_MODULE"}

Manifest = dict[str, Any]


@functools.cache
def locked(service: str) -> set[str]:
    """Returns what the image of a service installs; each with its hash."""
    made = subprocess.run([ROOT / "scripts" / "service-lock", service], capture_output=True, check=True, text=True)
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", made.stdout)[1:]
    assert all("--hash=sha256:" in each for each in entries)
    return {each.partition("==")[0].partition("[")[0] for each in entries}


@functools.cache
def manifests(overlay: str) -> list[Manifest]:
    return loaded((K8S / "rendered" / f"{overlay}.yaml").read_bytes())


def loaded(text: bytes) -> list[Manifest]:
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    return [each for each in manifests(overlay) if each["kind"] in kinds]


def name_of(manifest: Manifest) -> str:
    return manifest["metadata"]["name"]


def pods(overlay: str) -> Iterator[tuple[str, Manifest]]:
    for each in of_kind(overlay, "Deployment", "StatefulSet"):
        yield name_of(each), each["spec"]["template"]["spec"]


def containers(overlay: str) -> Iterator[tuple[str, Manifest]]:
    for name, pod in pods(overlay):
        for container in pod["containers"]:
            yield name, container


def known_variables(settings: type[Any]) -> set[str]:
    found: set[str] = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        found.add(alias if isinstance(alias, str) else f"REPARTEE_{name.upper()}")
    return found


def environment(overlay: str, service: str) -> dict[str, str]:
    (settings,) = [each for each in of_kind(overlay, "ConfigMap") if name_of(each).startswith("repartee-")]
    (container,) = [each for name, each in containers(overlay) if name == service]
    return {**settings["data"], **{each["name"]: each["value"] for each in container.get("env", ())}}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_checked_is_what_kustomize_makes(overlay: str) -> None:
    """Where there is a kubectl; elsewhere the manifests that are checked in stand for themselves."""
    if (kubectl := shutil.which("kubectl")) is None:
        assert (K8S / "rendered" / f"{overlay}.yaml").is_file()
        return
    made = subprocess.run([kubectl, "kustomize", str(K8S / "overlays" / overlay)], capture_output=True, check=True)
    assert loaded(made.stdout) == manifests(overlay), "run `make manifests`"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid_in_every_version(overlay: str, version: str) -> None:
    for each in manifests(overlay):
        if each["apiVersion"] != GATEWAY_API:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_have_a_version(overlay: str) -> None:
    for name, container in containers(overlay):
        _, _, tag = container["image"].rpartition("/")[2].partition(":")
        assert tag, name
        assert tag != "latest", name
        assert "bitnami" not in container["image"], name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_can_do_nothing_that_they_need_not(overlay: str) -> None:
    for name, pod in pods(overlay):
        context = pod["securityContext"]
        assert context["runAsNonRoot"], name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["serviceAccountName"] == name
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume], name
    for name, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
    accounts = {name_of(each): each for each in of_kind(overlay, "ServiceAccount")}
    assert set(accounts) >= set(SERVICES)
    assert all(each["automountServiceAccountToken"] is False for each in accounts.values())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_memory_is_bounded_as_it_is_asked_for_and_no_event_loop_is_throttled(overlay: str) -> None:
    for name, container in containers(overlay):
        resources = container["resources"]
        assert resources["requests"]["cpu"], name
        assert resources["limits"] == {"memory": resources["requests"]["memory"]}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_the_port_that_speaks_no_tls(overlay: str) -> None:
    for name, container in containers(overlay):
        if name not in SERVICES:
            continue
        port = int(environment(overlay, name)["REPARTEE_HEALTH_PORT"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["grpc"]["port"] == port, (name, probe)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_has_the_time_to_drain(overlay: str) -> None:
    for name, pod in pods(overlay):
        if name not in SERVICES:
            continue
        told = environment(overlay, name)
        needed = float(told["REPARTEE_DRAIN_SECONDS"]) + float(told["REPARTEE_STOP_GRACE_SECONDS"])
        assert pod["terminationGracePeriodSeconds"] > needed, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_a_setting_of_its_service_and_has_a_value_that_it_takes(overlay: str) -> None:
    all_known = set[str]().union(*(known_variables(settings) for settings in SERVICES.values()))
    for service, settings in SERVICES.items():
        told = environment(overlay, service)
        assert set(told) <= all_known | OTHER_VARIABLES | {"REPARTEE_ENGINE"}, service
        fields = {
            name: told[f"REPARTEE_{name.upper()}"]
            for name in settings.model_fields
            if f"REPARTEE_{name.upper()}" in told
        }
        settings.model_validate(fields)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ports_are_those_that_services_listen_on_and_call(overlay: str) -> None:
    services = {name_of(each): each["spec"] for each in of_kind(overlay, "Service")}
    assert set(services) >= set(SERVICES)
    for name, settings in SERVICES.items():
        told = environment(overlay, name)
        own = settings.model_validate({"engine": told["REPARTEE_ENGINE"]} if "REPARTEE_ENGINE" in told else {}).port
        (container,) = [each for each_name, each in containers(overlay) if each_name == name]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        metrics = int(told["REPARTEE_METRICS"].removeprefix("prometheus:"))
        assert ports == {"grpc": own, "health": int(told["REPARTEE_HEALTH_PORT"]), "metrics": metrics}
        # Headless, so that callers see every replica.
        assert services[name]["clusterIP"] == "None"
        assert [each["port"] for each in services[name]["ports"]] == [own]
        assert services[name]["selector"]["app.kubernetes.io/name"] == name
        for variable, target in told.items():
            if variable.endswith("_TARGET"):
                host, _, port = target.removeprefix("dns:///").partition(":")
                assert target.startswith("dns:///"), variable
                called, namespace, *_ = host.split(".")
                assert namespace == "repartee"
                assert int(port) == services[called]["ports"][0]["port"], variable


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_autoscaler_alone_decides_how_many_and_disruptions_take_one_at_a_time(overlay: str) -> None:
    deployments = {name_of(each): each["spec"] for each in of_kind(overlay, "Deployment")}
    assert set(deployments) == set(SERVICES)
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(overlay, "HorizontalPodAutoscaler")}
    guarded = {
        each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]: each["spec"]["maxUnavailable"]
        for each in of_kind(overlay, "PodDisruptionBudget")
    }
    assert scaled == set(SERVICES)
    assert guarded == dict.fromkeys(SERVICES, 1)
    for name, spec in deployments.items():
        assert "replicas" not in spec
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        for each in spec["template"]["spec"]["topologySpreadConstraints"]:
            assert each["labelSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_reached_but_by_a_named_edge(overlay: str) -> None:
    policies = {name_of(each): each["spec"] for each in of_kind(overlay, "NetworkPolicy")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    served = {name: settings.model_fields["port"].default for name, settings in SERVICES.items()}
    served["classic-engine"] = 50056
    called = {
        "router": {"hybrid-engine", "classic-engine", "cache"},
        "hybrid-engine": {"rag"},
        "classic-engine": {"rag"},
        "voice": {"router"},
    }
    for caller, others in called.items():
        out = {
            name: rule["ports"][0]["port"]
            for rule in policies[f"{caller}-calls"]["egress"]
            for name in rule["to"][0]["podSelector"]["matchExpressions"][0]["values"]
        }
        assert out == {name: served[name] for name in others}
        for name in others:
            (rule,) = policies[f"{name}-is-called"]["ingress"]
            assert caller in rule["from"][0]["podSelector"]["matchExpressions"][0]["values"]
            assert rule["ports"] == [{"port": served[name]}]


def test_secrets_are_named_and_never_written_in_production() -> None:
    assert of_kind("production", "Secret") == []
    text = (K8S / "rendered" / "production.yaml").read_text(encoding="utf-8")
    assert "REPARTEE_INSECURE_LISTEN" not in text
    for _, pod in pods("production"):
        named = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        assert {"repartee-secrets", "repartee-credentials"} < named


def test_a_changed_setting_rolls_out_and_a_changed_switch_does_not() -> None:
    names = [name_of(each) for each in of_kind("production", "ConfigMap")]
    assert "router-switch" in names
    (hashed,) = [name for name in names if name.startswith("repartee-")]
    for name, container in containers("production"):
        assert {"configMapRef": {"name": hashed}} in container["envFrom"], name


def test_the_gateway_lets_in_turns_and_voice_only() -> None:
    (route,) = of_kind("production", "GRPCRoute")
    backends = {
        rule["matches"][0]["method"]["service"]: (rule["backendRefs"][0]["name"], rule["backendRefs"][0]["port"])
        for rule in route["spec"]["rules"]
    }
    assert backends == {"repartee.v1.RouterService": ("router", 50051), "repartee.v1.VoiceService": ("voice", 50055)}


@pytest.mark.parametrize("service", ["router", "hybrid_engine", "rag", "cache", "voice"])
def test_an_image_installs_what_its_service_asks_for_and_no_more(service: str) -> None:
    names = locked(service)
    assert {"grpcio", "protobuf", "cryptography", "prometheus-client"} <= names
    assert ("qdrant-client" in names) == (service == "rag")
    assert ("elevenlabs" in names) == (service == "voice")


def test_the_compose_file_names_versions_and_publishes_on_this_machine_only() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())["services"]
    assert set(services) == set(SERVICES) | {"redis", "qdrant", "otel-collector", "prometheus", "grafana", "jaeger"}
    all_known = set[str]().union(*(known_variables(settings) for settings in SERVICES.values()))
    for name, service in services.items():
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name
        variables = {key for key in service.get("environment", {}) if key.startswith("REPARTEE_")}
        assert variables <= all_known, name


IMPORTED = """
import importlib, importlib.metadata, sys
importlib.import_module(sys.argv[1])
owners = importlib.metadata.packages_distributions()
names = {name.partition(".")[0] for name in sys.modules}
print("\\n".join(sorted({owner for name in names for owner in owners.get(name, ()) if len(owners[name]) == 1})))
"""


@pytest.mark.parametrize("service", ["router", "hybrid_engine", "rag", "cache", "voice"])
def test_an_image_has_all_that_its_service_imports(service: str) -> None:
    """What a package of ours imports on the way counts too: an image without it does not start."""
    ours = {"repartee", "repartee-protos"}
    made = subprocess.run(
        [sys.executable, "-c", IMPORTED, f"services.{service}.app"],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"},
    )
    imported = {re.sub(r"[-_.]+", "-", each).lower() for each in made.stdout.split()}
    # gRPC imports its tools where they are.
    assert imported - ours - locked(service) <= {"setuptools", "grpcio-tools"}
