"""Policies of pods: what they may do, ask for and answer to."""

import re
from collections.abc import Iterator

from tools.manifests.reading import SERVICES, Manifest, Manifests, Violation, at, items, number

_LOCKED_DOWN = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
# A process that stands still for less than this is left alone: killing it would lose what it holds.
_PATIENCE_SECONDS = 30
_IMAGE = re.compile(r"^[^@\s]+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64}|:[\w.-]+@sha256:[0-9a-f]{64})$")


def pods_have_no_rights(manifests: Manifests) -> Iterator[Violation]:
    """Pods are nobody, hold no token of the cluster and nothing of their node."""
    for each in manifests.workloads:
        context = at(each.pod, "securityContext")
        if at(context, "runAsNonRoot") is not True or not at(context, "runAsUser"):
            yield Violation(each.where, "its pods run as a user who is not root (runAsNonRoot, runAsUser)")
        if at(context, "seccompProfile", "type") != "RuntimeDefault":
            yield Violation(each.where, "its pods have the seccompProfile RuntimeDefault")
        if at(each.pod, "automountServiceAccountToken") is not False:
            yield Violation(each.where, "its pods mount no token (automountServiceAccountToken: false)")
        account = manifests.named("ServiceAccount", at(each.pod, "serviceAccountName"))
        if account is None or at(account, "automountServiceAccountToken") is not False:
            yield Violation(each.where, "its pods have a ServiceAccount of these manifests, without a token")
        if any(at(each.pod, shared) for shared in ("hostNetwork", "hostPID", "hostIPC")) or any(
            "hostPath" in volume for volume in items(each.pod, "volumes")
        ):
            yield Violation(each.where, "its pods share nothing with their node (hostNetwork, hostPath, …)")


def containers_are_locked_down(manifests: Manifests) -> Iterator[Violation]:
    """Containers cannot become more than they are, nor write to their image."""
    for each in manifests.workloads:
        for container in each.containers:
            if at(container, "securityContext") != _LOCKED_DOWN:
                yield Violation(each.where, f"its containers have exactly the securityContext {_LOCKED_DOWN}")


def images_have_a_version(manifests: Manifests) -> Iterator[Violation]:
    """What runs is what was tried: an image has a version or a digest."""
    for each in manifests.workloads:
        for container in each.containers:
            if not _IMAGE.match(str(at(container, "image"))):
                yield Violation(each.where, f"its image {at(container, 'image')} has a version, or a digest")


def resources_are_bounded(manifests: Manifests) -> Iterator[Violation]:
    """Memory and disk are bounded, memory as it is asked for; no event loop is throttled."""
    for each in manifests.workloads:
        for container in each.containers:
            asked, limits = at(container, "resources", "requests"), at(container, "resources", "limits")
            if not at(asked, "cpu") or not at(asked, "memory"):
                yield Violation(each.where, "its containers ask for cpu and memory")
            if at(limits, "memory") != at(asked, "memory"):
                yield Violation(
                    each.where, "the limit of memory is what is asked for, or its node may kill it any time"
                )
            if at(limits, "cpu"):
                yield Violation(each.where, "cpu has no limit: a throttled event loop answers nobody")
            if not at(limits, "ephemeral-storage"):
                yield Violation(each.where, "its containers have a limit of ephemeral-storage")
        for volume in items(each.pod, "volumes"):
            if "emptyDir" in volume and not at(volume, "emptyDir", "sizeLimit"):
                yield Violation(each.where, f"the emptyDir {volume.get('name')} has a sizeLimit")


def probes_ask_the_health_port(manifests: Manifests) -> Iterator[Violation]:
    """Services are asked by gRPC at the port without TLS; only one that stands still is killed."""
    for each in manifests.services.values():
        port = manifests.told(each).get("REPARTEE_HEALTH_PORT")
        for container in each.containers:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if not port or str(at(container, probe, "grpc", "port")) != port:
                    yield Violation(each.where, f"its {probe} asks by gRPC at REPARTEE_HEALTH_PORT ({port})")
            if seconds_to_notice(container, "livenessProbe") < _PATIENCE_SECONDS:
                yield Violation(each.where, f"its livenessProbe waits {_PATIENCE_SECONDS} s before it kills")


def seconds_to_notice(container: Manifest, probe: str) -> int:
    """Returns how long a probe takes to see that a container does not answer, by Kubernetes' own defaults."""
    every = number(container, probe, "periodSeconds", default=10)
    return every * number(container, probe, "failureThreshold", default=3)


def what_is_named_is_there(manifests: Manifests) -> Iterator[Violation]:
    """ConfigMaps and classes that a pod names come with it; its Secrets are made elsewhere, but for development."""
    for each in manifests.workloads:
        named = [("ConfigMap", at(volume, "configMap", "name")) for volume in items(each.pod, "volumes")]
        named += [
            ("ConfigMap", at(source, "configMapRef", "name"))
            for container in each.containers
            for source in items(container, "envFrom")
        ]
        named.append(("PriorityClass", at(each.pod, "priorityClassName")))
        for kind, name in named:
            if name and manifests.named(kind, name) is None:
                yield Violation(each.where, f"the {kind} {name} that it names is among the manifests")
        for container in each.containers:
            mounted = {at(mount, "name") for mount in items(container, "volumeMounts")}
            given = {at(volume, "name") for volume in items(each.pod, "volumes")}
            given |= {at(claim, "metadata", "name") for claim in items(each.manifest, "spec", "volumeClaimTemplates")}
            if lost := mounted - given:
                yield Violation(each.where, f"the volumes {sorted(map(str, lost))} that it mounts are there")


def every_service_is_there(manifests: Manifests) -> Iterator[Violation]:
    """None of the six is forgotten."""
    for name in SERVICES.keys() - manifests.services.keys():
        yield Violation(f"Deployment {name}", "it is among the manifests")
