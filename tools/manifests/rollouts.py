"""Policies of change: how replicas are replaced, evicted, counted and spread without a call lost."""

from collections.abc import Iterator

from libs.common.measures import Measures
from tools.manifests.pods import seconds_to_notice
from tools.manifests.reading import NAME, SERVICES, Manifests, Violation, at, fields, items, number

# How long clusters keep an answer of DNS, as kubeadm sets CoreDNS.
_DNS_SECONDS = 30
_SPREAD_OVER = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def a_new_replica_comes_before_an_old_one_leaves(manifests: Manifests) -> Iterator[Violation]:
    """A rollout takes nothing away before its successor is known to callers."""
    for each in manifests.services.values():
        rolling = at(each.manifest, "spec", "strategy", "rollingUpdate")
        if at(rolling, "maxUnavailable") != 0 or not at(rolling, "maxSurge"):
            yield Violation(each.where, "its rollingUpdate has maxUnavailable 0 and a maxSurge")
        if number(each.manifest, "spec", "minReadySeconds") < _DNS_SECONDS:
            yield Violation(each.where, f"minReadySeconds is at least {_DNS_SECONDS}, as long as DNS is cached")


def pods_have_the_time_to_drain(manifests: Manifests) -> Iterator[Violation]:
    """A pod's grace is longer than everything that a service does before it ends."""
    for each in manifests.services.values():
        settings = manifests.settings(each)
        if settings is None:
            continue
        hooks = sum(number(item, "lifecycle", "preStop", "sleep", "seconds") for item in each.containers)
        needed = settings.drain_seconds + settings.stop_grace_seconds + hooks
        if number(each.pod, "terminationGracePeriodSeconds", default=30) <= needed:
            yield Violation(each.where, f"terminationGracePeriodSeconds is above {needed:g}: drain, grace and preStop")
        if settings.drain_seconds < seconds_to_notice(each.container, "readinessProbe"):
            yield Violation(each.where, "REPARTEE_DRAIN_SECONDS is longer than the readinessProbe takes to see it")


def the_autoscaler_alone_counts_replicas(manifests: Manifests) -> Iterator[Violation]:
    """Each service is scaled by processor time, from two replicas on; further metrics are ones that it has."""
    exported = {name.replace(".", "_") for name in _metric_names()}
    least = 1 if manifests.is_for_development else 2
    for name, workload in manifests.services.items():
        if "replicas" in fields(workload.manifest, "spec"):
            yield Violation(workload.where, "it says no replicas, which its autoscaler decides")
        scalers = [
            each
            for each in manifests.of_kind("HorizontalPodAutoscaler")
            if at(each, "spec", "scaleTargetRef", "name") == name
            and at(each, "spec", "scaleTargetRef", "kind") == "Deployment"
        ]
        if len(scalers) != 1:
            yield Violation(workload.where, "one HorizontalPodAutoscaler scales it")
            continue
        spec = at(scalers[0], "spec")
        where = f"HorizontalPodAutoscaler {name}"
        fewest, most = number(spec, "minReplicas", default=1), number(spec, "maxReplicas")
        if fewest < least or most <= fewest:
            yield Violation(where, f"minReplicas is at least {least} and maxReplicas is above it")
        metrics = items(spec, "metrics")
        if not any(at(each, "resource", "name") == "cpu" for each in metrics):
            yield Violation(where, "it looks at cpu")
        for each in metrics:
            custom = at(each, "pods", "metric", "name")
            if custom and custom not in exported:
                yield Violation(where, f"{custom} is a metric that services have")
        if number(spec, "behavior", "scaleDown", "stabilizationWindowSeconds", default=300) < 60:
            yield Violation(
                where, "scaleDown has a stabilizationWindowSeconds: replicas that come and go drain each time"
            )


def disruptions_take_one_at_a_time(manifests: Manifests) -> Iterator[Violation]:
    """Nodes are emptied one replica at a time, and a replica that does not work holds up none."""
    for name, workload in manifests.services.items():
        budgets = [
            each
            for each in manifests.of_kind("PodDisruptionBudget")
            if (chosen := fields(each, "spec", "selector", "matchLabels")) and chosen.items() <= workload.labels.items()
        ]
        if len(budgets) != 1:
            yield Violation(workload.where, "one PodDisruptionBudget guards it")
            continue
        if at(budgets[0], "spec", "maxUnavailable") != 1:
            yield Violation(f"PodDisruptionBudget {name}", "maxUnavailable is 1")
        if at(budgets[0], "spec", "unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield Violation(f"PodDisruptionBudget {name}", "unhealthyPodEvictionPolicy is AlwaysAllow")


def replicas_are_spread(manifests: Manifests) -> Iterator[Violation]:
    """Replicas of a version stand on several nodes and in several zones."""
    for name, workload in manifests.services.items():
        spread = {at(each, "topologyKey"): each for each in items(workload.pod, "topologySpreadConstraints")}
        for key in _SPREAD_OVER:
            rule = spread.get(key)
            if (
                at(rule, "labelSelector", "matchLabels") != {NAME: name}
                or "pod-template-hash" not in items(rule, "matchLabelKeys")
                or at(rule, "maxSkew") != 1
            ):
                yield Violation(workload.where, f"replicas of one version are spread over {key} with a maxSkew of 1")
        if not at(workload.pod, "priorityClassName"):
            yield Violation(workload.where, "its pods have a priorityClassName")


def workloads_select_their_pods(manifests: Manifests) -> Iterator[Violation]:
    """A workload's selector finds its own pods and no other's; everything says what it is a part of."""
    for each in manifests.workloads:
        selected = at(each.manifest, "spec", "selector", "matchLabels")
        if at(each.manifest, "kind") != "Job" and selected != {NAME: each.name}:
            yield Violation(each.where, f"its selector is {NAME}: {each.name}")
        if each.labels.get(NAME) != each.name:
            yield Violation(each.where, f"its pods have the label {NAME}: {each.name}")
        for label in ("app.kubernetes.io/part-of", "app.kubernetes.io/version"):
            if each.name in SERVICES and not each.labels.get(label):
                yield Violation(each.where, f"its pods have the label {label}")


def jobs_end_and_are_tried_again(manifests: Manifests) -> Iterator[Violation]:
    """A Job that hangs is ended, one that failed is tried again, one that is done goes; its pods are not restarted."""
    for each in manifests.of_kind("Job"):
        where, spec = f"Job {at(each, 'metadata', 'name')}", at(each, "spec")
        for field in ("activeDeadlineSeconds", "ttlSecondsAfterFinished", "backoffLimit"):
            if not number(spec, field):
                yield Violation(where, f"it has {field}")
        if at(spec, "template", "spec", "restartPolicy") != "Never":
            yield Violation(where, "restartPolicy is Never: a pod that failed keeps its log")


def _metric_names() -> Iterator[str]:
    for value in vars(Measures).values():
        if isinstance(name := getattr(value, "name", None), str):
            yield name
