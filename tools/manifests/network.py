"""Policies of the network: each connection that a turn needs is open, and no other."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from services.rag.settings import RagSettings
from tools.manifests.reachability import NAMESPACE, Network, Peer
from tools.manifests.reading import NAME, SERVICES, Manifest, Manifests, Violation, at, secrets_of

_EVERYTHING: Manifest = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
# What the gateway sends people to; operators' calls go by port-forward.
_PUBLIC = ("router", "voice")
_METRICS_PORT, _OTLP_PORT, _DNS_PORT, _REDIS_PORT, _HTTPS_PORT = 9464, 4317, 53, 6379, 443
# Of the blocks for documentation: somewhere on the internet.
_VENDOR = "203.0.113.7"
# A neighbour in a private network, and where clouds hand out credentials of machines.
_INSIDE = ("10.1.2.3", "192.168.1.1", "169.254.169.254", "fd00::1")


def nothing_is_open_by_itself(manifests: Manifests) -> Iterator[Violation]:
    """Every pod of the namespace is shut both ways, whatever comes into it later."""
    if not any(at(each, "spec") == _EVERYTHING for each in manifests.of_kind("NetworkPolicy")):
        yield Violation("NetworkPolicy", f"one denies everything: {_EVERYTHING}")


def services_reach_those_that_they_call_and_no_other(manifests: Manifests) -> Iterator[Violation]:
    """The edges are those of the services' targets."""
    network = Network(manifests)
    ports = _ports(manifests)
    for caller, workload in manifests.services.items():
        for called, port in ports.items():
            needs = called in manifests.calls[caller]
            if caller != called and network.lets(_peer(manifests, caller), _peer(manifests, called), port) != needs:
                yield Violation(workload.where, f"{'it reaches' if needs else 'it cannot reach'} {called} on {port}")


def services_reach_their_stores_and_vendors_and_no_other(manifests: Manifests) -> Iterator[Violation]:
    """Redis for all, Qdrant for rag, the internet for those that hold a vendor's key, private networks for none."""
    network = Network(manifests)
    for name, workload in manifests.services.items():
        pod = _peer(manifests, name)
        qdrant = _qdrant_ports(manifests)
        has_vendor = any(key.endswith("_api_key") for key in secrets_of(SERVICES[name]))
        wanted = [("Redis", _store(manifests, "redis"), _REDIS_PORT, True)]
        wanted += [("Qdrant", _store(manifests, "qdrant"), port, name == "rag") for port in qdrant]
        wanted += [("the internet", Peer({}, address=_VENDOR), _HTTPS_PORT, has_vendor)]
        wanted += [(inside, Peer({}, address=inside), port, False) for inside in _INSIDE for port in (80, _HTTPS_PORT)]
        wanted += [("DNS", Peer({"k8s-app": "kube-dns"}, "kube-system"), _DNS_PORT, True)]
        wanted += [("the collector", Peer({}, "observability"), _OTLP_PORT, True)]
        wanted += [("strangers", Peer({NAME: "stranger"}, "elsewhere"), _HTTPS_PORT, False)]
        for other, peer, port, needs in wanted:
            if network.lets(pod, peer, port) != needs:
                yield Violation(workload.where, f"{'it reaches' if needs else 'it cannot reach'} {other} on {port}")


def services_are_reached_from_outside_by_the_gateway_alone(manifests: Manifests) -> Iterator[Violation]:
    """The gateway reaches what is public, what scrapes the metrics, others nothing."""
    network = Network(manifests)
    for name, port in _ports(manifests).items():
        pod, where = _peer(manifests, name), manifests.services[name].where
        callers = [("the gateway", Peer({}, "gateway"), port, name in _PUBLIC)]
        callers += [("what scrapes", Peer({}, "observability"), _METRICS_PORT, True)]
        callers += [("what scrapes", Peer({}, "observability"), port, False)]
        callers += [("strangers", Peer({NAME: "router"}, "elsewhere"), each, False) for each in (port, _METRICS_PORT)]
        callers += [("a pod without a name", Peer({}), port, False)]
        for other, peer, asked, needs in callers:
            if network.admits(pod, peer, asked) != needs:
                yield Violation(where, f"{other} {'reaches' if needs else 'cannot reach'} it on {asked}")


def _ports(manifests: Manifests) -> dict[str, int]:
    found = {name: manifests.settings(each) for name, each in manifests.services.items()}
    return {name: settings.port for name, settings in found.items() if settings is not None}


def _peer(manifests: Manifests, name: str) -> Peer:
    return Peer(manifests.services[name].labels)


def _store(manifests: Manifests, name: str) -> Peer:
    inside = manifests.named("StatefulSet", name) is not None
    return Peer({NAME: name}, NAMESPACE if inside else "stores")


def _qdrant_ports(manifests: Manifests) -> list[int]:
    rag = manifests.services.get("rag")
    settings = manifests.settings(rag) if rag else None
    if not isinstance(settings, RagSettings):
        return []
    return [port for port in (urlsplit(settings.qdrant_url).port, settings.qdrant_grpc_port) if port]
