"""Policies of configuration: what services are told, and how they are given what is secret."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from pydantic import ValidationError

from libs.common.settings import ENV_PREFIX
from tools.manifests.reading import SERVICES, Manifests, Violation, Workload, at, items, secrets_of, variables_of

# Read by the process before or beside its settings.
_OTHER_VARIABLES = {"REPARTEE_SECRETS_DIR", "OTEL_EXPORTER_OTLP_ENDPOINT", "REPARTEE_MODULE"}
_HASHED = re.compile(r"-[0-9a-z]{10}$")


def variables_are_settings(manifests: Manifests) -> Iterator[Violation]:
    """Nothing is told that nobody reads, and every value is one that its service takes."""
    known = set[str]().union(*(variables_of(each).values() for each in SERVICES.values())) | _OTHER_VARIABLES
    for workload in manifests.services.values():
        told, kind = manifests.told(workload), SERVICES[workload.name]
        for variable in sorted(told.keys() - known):
            yield Violation(workload.where, f"{variable} is no setting of any service")
        # Those of its own are its own; the ConfigMap is shared.
        own = {str(at(each, "name")) for container in workload.containers for each in items(container, "env")}
        for variable in sorted(own & known - set(variables_of(kind).values()) - _OTHER_VARIABLES):
            yield Violation(workload.where, f"{variable} is no setting of this service")
        try:
            kind.model_validate(
                {name: told[variable] for name, variable in variables_of(kind).items() if variable in told}
            )
        except ValidationError as error:
            for problem in error.errors(include_input=False, include_url=False):
                name = "_".join(map(str, problem["loc"]))
                yield Violation(workload.where, f"{ENV_PREFIX}{name.upper()} is not right: {problem['msg']}")


def secrets_are_given_as_files_to_those_who_need_them(manifests: Manifests) -> Iterator[Violation]:
    """No secret is a variable or stands in a manifest; each service is given its own, Redis' address above all."""
    all_secret = {f"{ENV_PREFIX}{name.upper()}" for kind in SERVICES.values() for name in secrets_of(kind)}
    if not manifests.is_for_development:
        for each in manifests.of_kind("Secret"):
            yield Violation(f"Secret {at(each, 'metadata', 'name')}", "secrets are made elsewhere and named here")
    for workload in manifests.services.values():
        for variable in sorted(manifests.told(workload).keys() & all_secret):
            yield Violation(workload.where, f"{variable} is a file of repartee-secrets, and no variable")
        if any(at(each, "secretRef") for container in workload.containers for each in items(container, "envFrom")):
            yield Violation(workload.where, "secrets are mounted as files: variables show in `kubectl describe`")
        own = {f"{ENV_PREFIX}{name}".lower() for name in secrets_of(SERVICES[workload.name])}
        given = dict(_secret_files(workload))
        for key in sorted(given.keys() - own):
            yield Violation(workload.where, f"it is not given {key}, which is no setting of its")
        for key in sorted(own - given.keys()):
            yield Violation(workload.where, f"{key} is among the secrets that it is given")
        if given.get("repartee_redis_url"):
            yield Violation(workload.where, "repartee_redis_url is not optional: without it nothing would be kept")


def files_that_are_told_are_mounted(manifests: Manifests) -> Iterator[Violation]:
    """Every file and folder of the settings lies in a volume, and where calls are secured each service has its own."""
    for workload in manifests.services.values():
        told = manifests.told(workload)
        folders = [
            PurePosixPath(str(at(each, "mountPath")))
            for container in workload.containers
            for each in items(container, "volumeMounts")
        ]
        for variable, value in told.items():
            path = PurePosixPath(value)
            if variable.endswith(("_FILE", "_DIR")) and not any(path.is_relative_to(each) for each in folders):
                yield Violation(workload.where, f"{variable} ({value}) lies in a volume that is mounted")
        if manifests.is_for_development:
            continue
        for variable in ("REPARTEE_TLS_CERT_FILE", "REPARTEE_TLS_KEY_FILE", "REPARTEE_UPSTREAM_CA_FILE"):
            if not told.get(variable):
                yield Violation(workload.where, f"{variable} is told: calls between services are secured")
        mounted = {at(each, "secret", "secretName") for each in items(workload.pod, "volumes")}
        if f"{workload.name}-tls" not in mounted:
            yield Violation(workload.where, f"the Secret {workload.name}-tls is mounted")
        if workload.name not in ("router", "voice") and not told.get("REPARTEE_TLS_CA_FILE"):
            yield Violation(
                workload.where, "REPARTEE_TLS_CA_FILE is told: only services call this one, and show who they are"
            )


def a_changed_setting_rolls_out(manifests: Manifests) -> Iterator[Violation]:
    """Shared settings stand in a ConfigMap whose name changes with them; the switch in one whose name stays."""
    for workload in manifests.services.values():
        shared = [str(at(each, "configMapRef", "name")) for each in items(workload.container, "envFrom")]
        if not shared or not all(_HASHED.search(each) for each in shared):
            yield Violation(
                workload.where, "its envFrom names a ConfigMap with a hash, as kustomize's generator makes it"
            )
    router = manifests.services.get("router")
    switch = manifests.told(router).get("REPARTEE_SWITCH_FILE") if router else None
    mounts = items(router.container, "volumeMounts") if router else []
    mount = next((each for each in mounts if at(each, "mountPath") == switch), None)
    if router and (mount is None or at(mount, "subPath")):
        yield Violation(router.where, "REPARTEE_SWITCH_FILE is the folder of a mounted ConfigMap, without a subPath")
    if router and manifests.named("ConfigMap", "router-switch") is None:
        yield Violation("ConfigMap router-switch", "it has no hash, so that a change reaches running routers")


def _secret_files(workload: Workload) -> Iterator[tuple[str, bool]]:
    """Yields the name of each secret file that a pod is given, and whether it may be missing."""
    for volume in items(workload.pod, "volumes"):
        sources = [at(each, "secret") for each in items(volume, "projected", "sources")]
        for source in filter(None, sources):
            for item in items(source, "items"):
                yield str(at(item, "key")), at(source, "optional") is True
        if str(at(volume, "secret", "secretName")).startswith("repartee-secrets"):
            # Without a choice of keys it is given them all.
            yield "every key of repartee-secrets", False
