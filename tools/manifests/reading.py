"""Manifests as they were rendered, and what each process in them is told."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import yaml
from pydantic import SecretStr, ValidationError

from libs.common.errors import InvalidRequest
from libs.common.settings import ENV_PREFIX, ServiceSettings
from services.cache.settings import CacheSettings
from services.hybrid_engine.settings import EngineSettings
from services.rag.settings import RagSettings
from services.router.settings import RouterSettings
from services.voice.settings import VoiceSettings

__all__ = [
    "NAME",
    "SERVICES",
    "Manifest",
    "Manifests",
    "Violation",
    "Workload",
    "at",
    "fields",
    "items",
    "load",
    "number",
    "secrets_of",
    "variables_of",
]

Manifest = Mapping[str, Any]
NAME = "app.kubernetes.io/name"
SERVICES: Mapping[str, type[ServiceSettings]] = {
    "router": RouterSettings,
    "hybrid-engine": EngineSettings,
    "classic-engine": EngineSettings,
    "rag": RagSettings,
    "cache": CacheSettings,
    "voice": VoiceSettings,
}


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong: the manifest, such as `Deployment router`, and in a clause what was expected of it."""

    where: str
    expected: str

    def __str__(self) -> str:
        return f"{self.where}: {self.expected}"


@dataclass(frozen=True, slots=True)
class Workload:
    """A manifest that makes pods."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """Its name; that of the service where it is one."""
        return str(at(self.manifest, "metadata", "name"))

    @property
    def where(self) -> str:
        """How a violation names it."""
        return f"{at(self.manifest, 'kind')} {self.name}"

    @property
    def pod(self) -> Manifest:
        """The specification of its pods."""
        return fields(self.manifest, "spec", "template", "spec")

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        return fields(self.manifest, "spec", "template", "metadata", "labels")

    @property
    def containers(self) -> Sequence[Manifest]:
        """Every container of its pods, those that run first included."""
        return [*items(self.pod, "initContainers"), *items(self.pod, "containers")]

    @property
    def container(self) -> Manifest:
        """The first container of its pods; a service has no other."""
        return fields(self.pod, "containers", 0)


class Manifests:
    """Everything that is applied together."""

    def __init__(self, documents: Sequence[Manifest]) -> None:
        self.documents = documents

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Returns the manifests of these kinds."""
        return [each for each in self.documents if each.get("kind") in kinds]

    def named(self, kind: str, name: object) -> Manifest | None:
        """Returns the manifest of that kind and name, None where there is none."""
        return next((each for each in self.of_kind(kind) if at(each, "metadata", "name") == name), None)

    @functools.cached_property
    def workloads(self) -> list[Workload]:
        """What makes pods."""
        return [Workload(each) for each in self.of_kind("Deployment", "StatefulSet", "DaemonSet", "Job")]

    @functools.cached_property
    def services(self) -> dict[str, Workload]:
        """The Deployments of our services that are there, by name."""
        return {each.name: each for each in self.workloads if each.name in SERVICES}

    def told(self, workload: Workload) -> dict[str, str]:
        """Returns the variables of a workload's container as a process finds them."""
        found: dict[str, str] = {}
        for container in workload.containers:
            for source in items(container, "envFrom"):
                values = self.named("ConfigMap", at(source, "configMapRef", "name"))
                found.update(fields(values, "data"))
            found.update({str(each.get("name")): str(each.get("value", "")) for each in items(container, "env")})
        return found

    def settings(self, workload: Workload) -> ServiceSettings | None:
        """Returns a service's settings as it would read them; None where it would refuse them."""
        kind, told = SERVICES[workload.name], self.told(workload)
        fields = {name: told[variable] for name, variable in variables_of(kind).items() if variable in told}
        try:
            return kind.model_validate(fields)
        except ValidationError:
            return None

    @functools.cached_property
    def calls(self) -> dict[str, dict[str, int]]:
        """Which service calls which at which port, by what their settings name."""
        found: dict[str, dict[str, int]] = {}
        for name, workload in self.services.items():
            told = self.told(workload)
            targets = [told.get(v, "") for f, v in variables_of(SERVICES[name]).items() if f.endswith("_target")]
            hosts = [each.rpartition("/")[2].partition(":") for each in targets]
            found[name] = {host.partition(".")[0]: int(port) for host, _, port in hosts if port.isdigit()}
        return found

    @functools.cached_property
    def is_for_development(self) -> bool:
        """Whether services listen without TLS: on one machine only."""
        return any(self.told(each).get("REPARTEE_INSECURE_LISTEN") == "true" for each in self.services.values())


def load(text: str | bytes) -> Manifests:
    """Returns the manifests of a YAML file of several documents. Raises InvalidRequest (MANIFESTS) when it is none."""
    try:
        documents = [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each is not None]
    except yaml.YAMLError as error:
        raise InvalidRequest("MANIFESTS", f"This is no YAML: {error}") from None
    if not documents or not all(isinstance(each, Mapping) and "kind" in each for each in documents):
        raise InvalidRequest("MANIFESTS", "Expected manifests of Kubernetes, such as `kubectl kustomize` prints.")
    return Manifests(documents)


def at(value: Any, *path: str | int) -> Any:
    """Returns what lies at `path`, None where there is nothing: a manifest that is wrong is told, and ends no check."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def fields(value: Any, *path: str | int) -> Mapping[str, Any]:
    """Returns the mapping at `path`, empty where there is none."""
    found = at(value, *path)
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def items(value: Any, *path: str | int) -> list[Any]:
    """Returns the list at `path`, empty where there is none."""
    found = at(value, *path)
    return cast("list[Any]", found) if isinstance(found, list) else []


def number(value: Any, *path: str | int, default: int = 0) -> int:
    """Returns the whole number at `path`, `default` where there is none."""
    found = at(value, *path)
    return found if isinstance(found, int) else default


def variables_of(settings: type[ServiceSettings]) -> dict[str, str]:
    """Returns the variable of each setting, by the setting's name."""
    return {
        name: field.validation_alias if isinstance(field.validation_alias, str) else f"{ENV_PREFIX}{name.upper()}"
        for name, field in settings.model_fields.items()
    }


def secrets_of(settings: type[ServiceSettings]) -> Iterator[str]:
    """Yields the names of the settings that are secret."""
    for name, field in settings.model_fields.items():
        if SecretStr in (field.annotation, *get_args(field.annotation)):
            yield name
