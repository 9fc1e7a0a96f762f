"""Ways in which manifests that every schema takes are wrong all the same, and the policy that must refuse each."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.manifest_changes import POD, Change, Documents, add, cut, in_container, in_pod, opened, put, variable
from tools.manifests import configuration, doors, network, pods, rollouts
from tools.manifests.checking import Policy
from tools.manifests.reading import Manifests

__all__ = ["MISTAKES", "Mistake", "caught"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in right manifests: the policy that tells of it, what was done, at which manifest, and how."""

    policy: Policy
    what: str
    where: str
    change: Change


def caught(mistake: Mistake, documents: Sequence[Any]) -> bool:
    """Says whether the policy tells of the mistake, where it was made, in manifests that were right before."""
    wrong = copy.deepcopy(list(documents))
    mistake.change(wrong)
    return any(found.where == mistake.where for found in mistake.policy(Manifests(wrong)))


def refused_by(policy: Policy, *mistakes: tuple[str, str, Change]) -> Iterator[Mistake]:
    """Yields the mistakes that one policy refuses."""
    yield from (Mistake(policy, what, where, change) for what, where, change in mistakes)


_ANYWHERE: Documents = [{"namespaceSelector": {}}]
_NEIGHBOURS: Documents = [{"podSelector": {}}]
_SECRET = ("Deployment", "router", *POD, "volumes", "secrets", "projected", "sources", 0, "secret")
_ROUTER, _RAG, _VOICE = "Deployment router", "Deployment rag", "Deployment voice"
MISTAKES: Sequence[Mistake] = (
    *refused_by(pods.every_service_is_there, ("no voice", _VOICE, cut("Deployment", "voice"))),
    *refused_by(
        pods.pods_have_no_rights,
        ("root", _ROUTER, in_pod("securityContext", "runAsUser", value=0)),
        ("no seccomp", _ROUTER, in_pod("securityContext", "seccompProfile", value={"type": "Unconfined"})),
        ("a token", _ROUTER, in_pod("automountServiceAccountToken", value=True)),
        ("an account of the cluster", _ROUTER, in_pod("serviceAccountName", value="default")),
        ("the node's network", _ROUTER, in_pod("hostNetwork", value=True)),
        ("the node's disk", _ROUTER, in_pod("volumes", 0, value={"name": "x", "hostPath": {"path": "/"}})),
    ),
    *refused_by(
        pods.containers_are_locked_down,
        ("writable root", _ROUTER, in_container("securityContext", "readOnlyRootFilesystem", value=False)),
        ("capabilities", _ROUTER, in_container("securityContext", "capabilities", value={"add": ["NET_RAW"]})),
    ),
    *refused_by(
        pods.images_have_a_version,
        ("latest", _ROUTER, in_container("image", value="repartee-router:latest")),
        ("no tag", _ROUTER, in_container("image", value="registry:5000/repartee-router")),
    ),
    *refused_by(
        pods.resources_are_bounded,
        ("throttled", _ROUTER, in_container("resources", "limits", "cpu", value="1")),
        ("more memory than asked for", _ROUTER, in_container("resources", "limits", "memory", value="2Gi")),
        ("no bound of disk", _ROUTER, in_container("resources", "limits", value={"memory": "384Mi"})),
    ),
    *refused_by(
        pods.probes_ask_the_health_port,
        ("probe of the TLS port", _ROUTER, in_container("readinessProbe", "grpc", "port", value=50051)),
        ("probe by TCP", _ROUTER, in_container("livenessProbe", value={"tcpSocket": {"port": 8086}})),
        ("impatient", _ROUTER, in_container("livenessProbe", "failureThreshold", value=1)),
    ),
    *refused_by(
        pods.what_is_named_is_there,
        ("a priority that is not", _ROUTER, in_pod("priorityClassName", value="urgent")),
        ("a volume that is not", _ROUTER, in_container("volumeMounts", 0, "name", value="lost")),
        ("no settings", _ROUTER, cut("ConfigMap", "repartee-")),
    ),
    *refused_by(
        rollouts.a_new_replica_comes_before_an_old_one_leaves,
        (
            "a replica leaves first",
            _RAG,
            put("Deployment", "rag", "spec", "strategy", "rollingUpdate", "maxUnavailable", value=1),
        ),
        ("before DNS knows", _RAG, cut("Deployment", "rag", "spec", "minReadySeconds")),
    ),
    *refused_by(
        rollouts.pods_have_the_time_to_drain,
        ("no time to drain", _ROUTER, in_pod("terminationGracePeriodSeconds", value=35)),
        ("longer drain", _ROUTER, variable("REPARTEE_DRAIN_SECONDS", "20")),
        ("drain unseen", _ROUTER, variable("REPARTEE_DRAIN_SECONDS", "1")),
    ),
    *refused_by(
        rollouts.the_autoscaler_alone_counts_replicas,
        ("counted twice", _ROUTER, put("Deployment", "router", "spec", "replicas", value=2)),
        (
            "scales nobody",
            _ROUTER,
            put("HorizontalPodAutoscaler", "router", "spec", "scaleTargetRef", "name", value="rooter"),
        ),
        (
            "a replica alone",
            "HorizontalPodAutoscaler router",
            put("HorizontalPodAutoscaler", "router", "spec", "minReplicas", value=1),
        ),
        (
            "a metric that is not",
            "HorizontalPodAutoscaler router",
            put("HorizontalPodAutoscaler", "router", "spec", "metrics", 1, "pods", "metric", "name", value="calls"),
        ),
    ),
    *refused_by(
        rollouts.disruptions_take_one_at_a_time,
        (
            "guards nobody",
            _VOICE,
            put("PodDisruptionBudget", "voice", "spec", "selector", "matchLabels", value={"app": "voice"}),
        ),
        (
            "all at once",
            "PodDisruptionBudget voice",
            put("PodDisruptionBudget", "voice", "spec", "maxUnavailable", value="100%"),
        ),
    ),
    *refused_by(
        rollouts.replicas_are_spread,
        ("on one node", _ROUTER, in_pod("topologySpreadConstraints", value=[])),
        ("old beside new", _ROUTER, in_pod("topologySpreadConstraints", 0, "matchLabelKeys", value=[])),
    ),
    *refused_by(
        rollouts.workloads_select_their_pods,
        (
            "another's label",
            _RAG,
            put("Deployment", "rag", "spec", "template", "metadata", "labels", "app.kubernetes.io/name", value="cache"),
        ),
    ),
    *refused_by(
        rollouts.jobs_end_and_are_tried_again,
        ("a Job for ever", "Job migrate", cut("Job", "migrate", "spec", "activeDeadlineSeconds")),
    ),
    *refused_by(network.nothing_is_open_by_itself, ("open", "NetworkPolicy", cut("NetworkPolicy", "default-deny"))),
    *refused_by(
        network.services_reach_those_that_they_call_and_no_other,
        ("an edge lost", _ROUTER, cut("NetworkPolicy", "cache-is-called")),
        (
            "a short cut",
            _VOICE,
            lambda documents: [
                opened("voice", to=_NEIGHBOURS, port=50053)(documents),
                put("NetworkPolicy", "rag-is-called", "spec", "ingress", 0, "from", value=_NEIGHBOURS)(documents),
            ],
        ),
    ),
    *refused_by(
        network.services_are_reached_from_outside_by_the_gateway_alone,
        (
            "an edge too many",
            _RAG,
            put("NetworkPolicy", "rag-is-called", "spec", "ingress", 0, "from", value=_NEIGHBOURS),
        ),
        ("a back door", _RAG, opened("rag", to=_ANYWHERE, port=50053, egress=False)),
    ),
    *refused_by(
        network.services_reach_their_stores_and_vendors_and_no_other,
        ("a window to the internet", _ROUTER, opened("router", to=[{"ipBlock": {"cidr": "0.0.0.0/0"}}], port=443)),
        (
            "credentials of the machine",
            _RAG,
            put("NetworkPolicy", "to-vendors", "spec", "egress", 0, "to", 0, "ipBlock", "except", value=["10.0.0.0/8"]),
        ),
        ("Qdrant for the router", _ROUTER, opened("router", to=_ANYWHERE, port=6333)),
        ("no names", _ROUTER, cut("NetworkPolicy", "dns")),
    ),
    *refused_by(
        doors.services_show_every_replica,
        ("one address", "Service rag", cut("Service", "rag", "spec", "clusterIP")),
        ("another port", "Service rag", put("Service", "rag", "spec", "ports", 0, "port", value=50054)),
    ),
    *refused_by(
        doors.targets_are_services,
        ("one connection", _ROUTER, variable("REPARTEE_CACHE_TARGET", "cache.repartee.svc.cluster.local:50054")),
        (
            "a target that is not",
            _ROUTER,
            variable("REPARTEE_CACHE_TARGET", "dns:///cash.repartee.svc.cluster.local:50054"),
        ),
    ),
    *refused_by(
        doors.the_gateway_lets_in_what_is_public,
        (
            "operators for the world",
            "GRPCRoute",
            put(
                "GRPCRoute",
                "repartee",
                "spec",
                "rules",
                0,
                "matches",
                0,
                "method",
                "service",
                value="repartee.v1.RolloutService",
            ),
        ),
        ("everything for the world", "GRPCRoute", cut("GRPCRoute", "repartee", "spec", "rules", 0, "matches")),
        (
            "a field that is not",
            "GRPCRoute repartee",
            put("GRPCRoute", "repartee", "spec", "rules", 0, "backendRef", value=[]),
        ),
        ("an unknown backend", "BackendTLSPolicy voice", cut("BackendTLSPolicy", "voice")),
    ),
    *refused_by(
        configuration.variables_are_settings,
        ("misspelt", _ROUTER, variable("REPARTEE_DRAIN_SECOND", "5")),
        ("no number", _ROUTER, variable("REPARTEE_ROLLOUT_PERCENT", "half")),
        ("another's", _ROUTER, variable("REPARTEE_COHERE_MODEL", "x")),
    ),
    *refused_by(
        configuration.secrets_are_given_as_files_to_those_who_need_them,
        ("a secret in a variable", _ROUTER, variable("REPARTEE_REDIS_URL", "redis://:hunter2@redis")),
        (
            "a secret in a manifest",
            "Secret keys",
            lambda documents: documents.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}}),
        ),
        (
            "another's secret",
            _ROUTER,
            add(*_SECRET, "items", value={"key": "repartee_llm_api_key", "path": "repartee_llm_api_key"}),
        ),
        ("Redis at will", _ROUTER, put(*_SECRET, "optional", value=True)),
    ),
    *refused_by(
        configuration.files_that_are_told_are_mounted,
        ("a file that is not", _ROUTER, variable("REPARTEE_CREDENTIALS_FILE", "/etc/credentials.yaml")),
        ("plaintext", _ROUTER, variable("REPARTEE_TLS_CERT_FILE", "")),
        ("callers unknown", "Deployment hybrid-engine", variable("REPARTEE_TLS_CA_FILE", "", service="hybrid-engine")),
    ),
    *refused_by(
        configuration.a_changed_setting_rolls_out,
        ("a name that stays", _ROUTER, in_container("envFrom", 0, value={"configMapRef": {"name": "repartee"}})),
        ("a switch that stays", _ROUTER, in_container("volumeMounts", "switch", "subPath", value="x")),
    ),
)
