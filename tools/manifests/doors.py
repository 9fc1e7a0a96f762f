"""Policies of Services and of the gateway: where a service is found, and what of it the world may call."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.manifests.reading import NAME, Manifests, Violation, at, items

# Turns and spoken conversations. Services for operators are not for the world.
_PUBLIC: Mapping[str, str] = {"repartee.v1.RouterService": "router", "repartee.v1.VoiceService": "voice"}
# Of GRPCRoute in Gateway API v1, whose schema no package of schemas has: a field misspelt would be dropped in silence.
_ROUTE_FIELDS: Mapping[str, frozenset[str]] = {
    "spec": frozenset({"parentRefs", "hostnames", "rules"}),
    "rule": frozenset({"name", "matches", "filters", "backendRefs"}),
    "match": frozenset({"method", "headers"}),
    "method": frozenset({"type", "service", "method"}),
    "backend": frozenset({"group", "kind", "name", "namespace", "port", "weight", "filters"}),
}


def services_show_every_replica(manifests: Manifests) -> Iterator[Violation]:
    """Each is headless on its own port, so that callers balance over its replicas by themselves."""
    for name, workload in manifests.services.items():
        service, settings = manifests.named("Service", name), manifests.settings(workload)
        if service is None or settings is None:
            yield Violation(f"Service {name}", "it is among the manifests, and the settings of its pods are right")
            continue
        if at(service, "spec", "clusterIP") != "None":
            yield Violation(
                f"Service {name}", "it is headless (clusterIP: None): one address would keep one replica busy"
            )
        if at(service, "spec", "selector", NAME) != name:
            yield Violation(f"Service {name}", f"it selects {NAME}: {name}")
        ports = [at(each, "port") for each in items(service, "spec", "ports")]
        container = workload.container
        listening = {at(each, "name"): at(each, "containerPort") for each in items(container, "ports")}
        if ports != [settings.port] or listening.get("grpc") != settings.port:
            yield Violation(f"Service {name}", f"it and its container have the port {settings.port} that it listens on")
        metrics = settings.metrics.removeprefix("prometheus:")
        if listening.get("health") != settings.health_port or str(listening.get("metrics")) != metrics:
            yield Violation(workload.where, "its ports health and metrics are those of its settings")


def targets_are_services(manifests: Manifests) -> Iterator[Violation]:
    """What a service calls is found by DNS, each replica of it, on the port of its Service."""
    for workload in manifests.services.values():
        for variable, target in manifests.told(workload).items():
            if not variable.endswith("_TARGET"):
                continue
            host, _, port = target.removeprefix("dns:///").partition(":")
            name, _, domain = host.partition(".")
            service = manifests.named("Service", name)
            if not target.startswith("dns:///") or not domain.startswith("repartee.svc"):
                yield Violation(workload.where, f"{variable} begins with dns:/// and names a Service of repartee.svc")
            elif service is None or str(at(service, "spec", "ports", 0, "port")) != port:
                yield Violation(workload.where, f"{variable} names a Service of these manifests and its port")


def the_gateway_lets_in_what_is_public(manifests: Manifests) -> Iterator[Violation]:
    """Turns and voice are routed, by fields that exist, over TLS where services speak it; nothing else is."""
    routes = manifests.of_kind("GRPCRoute")
    if not routes and manifests.is_for_development:
        return
    seen: dict[str, Any] = {}
    gateways = {at(each, "metadata", "name"): each for each in manifests.of_kind("Gateway")}
    for route in routes:
        where = f"GRPCRoute {at(route, 'metadata', 'name')}"
        yield from _unknown_fields(where, route)
        for parent in items(route, "spec", "parentRefs"):
            hosts = {at(each, "hostname") for each in items(gateways.get(at(parent, "name")), "spec", "listeners")}
            if not set(items(route, "spec", "hostnames")) & hosts:
                yield Violation(
                    where, "its parent is a Gateway of these manifests that listens for one of its hostnames"
                )
        for rule in items(route, "spec", "rules"):
            for match in items(rule, "matches") or [None]:
                backends = [(at(each, "name"), at(each, "port")) for each in items(rule, "backendRefs")]
                seen[str(at(match, "method", "service"))] = backends
    ports = {name: at(manifests.named("Service", name), "spec", "ports", 0, "port") for name in _PUBLIC.values()}
    wanted = {service: [(name, ports[name])] for service, name in _PUBLIC.items()}
    if seen != wanted:
        yield Violation("GRPCRoute", f"it routes exactly {wanted}")
    secured = {
        at(target, "name")
        for each in manifests.of_kind("BackendTLSPolicy")
        for target in items(each, "spec", "targetRefs")
        if at(each, "spec", "validation", "hostname") == f"{at(target, 'name')}.repartee.svc.cluster.local"
    }
    for name in set(_PUBLIC.values()) - secured:
        yield Violation(f"BackendTLSPolicy {name}", "the gateway checks the certificate of what it sends people to")
    for gateway in gateways.values():
        if any(at(each, "protocol") != "HTTPS" for each in items(gateway, "spec", "listeners")):
            yield Violation(f"Gateway {at(gateway, 'metadata', 'name')}", "it listens for HTTPS alone")


def _unknown_fields(where: str, route: Any) -> Iterator[Violation]:
    parts = [("spec", at(route, "spec"))]
    for rule in items(route, "spec", "rules"):
        parts.append(("rule", rule))
        for match in items(rule, "matches"):
            parts += [("match", match), ("method", at(match, "method"))]
        parts += [("backend", each) for each in items(rule, "backendRefs")]
    for kind, part in parts:
        for field in set(part or {}) - _ROUTE_FIELDS[kind]:
            yield Violation(
                where, f"{field} is no field of a {kind}; known are {', '.join(sorted(_ROUTE_FIELDS[kind]))}"
            )
