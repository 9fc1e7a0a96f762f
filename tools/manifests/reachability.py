"""Who may speak to whom by NetworkPolicies, worked out as a cluster does it."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.manifests.reading import Manifest, Manifests, at, fields, items, number

__all__ = ["NAMESPACE", "Network", "Peer"]

NAMESPACE = "repartee"


@dataclass(frozen=True, slots=True)
class Peer:
    """A pod by its labels and namespace, or an address outside."""

    labels: Mapping[str, str]
    namespace: str = NAMESPACE
    address: str = ""


class Network:
    """The NetworkPolicies of our namespace. Names of ports count for nothing: policies here name numbers."""

    def __init__(self, manifests: Manifests) -> None:
        self._policies = manifests.of_kind("NetworkPolicy")

    def lets(self, caller: Peer, called: Peer, port: int) -> bool:
        """Says whether `caller` may open a connection to that port: both sides must let it."""
        return self._passes("Egress", caller, called, port) and self.admits(called, caller, port)

    def admits(self, called: Peer, caller: Peer, port: int) -> bool:
        """Says whether `called` takes a connection of `caller` to that port, whatever holds the caller."""
        return self._passes("Ingress", called, caller, port)

    def _passes(self, direction: str, pod: Peer, other: Peer, port: int) -> bool:
        if pod.namespace != NAMESPACE or pod.address:
            return True
        specs = [fields(each, "spec") for each in self._policies]
        held = [each for each in specs if _holds(each, direction) and _selects(each.get("podSelector"), pod.labels)]
        rules = [rule for each in held for rule in items(each, direction.lower())]
        side = "to" if direction == "Egress" else "from"
        return not held or any(_lets(rule, side, other, port) for rule in rules)


def _holds(spec: Manifest, direction: str) -> bool:
    return direction in (spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])])


def _lets(rule: Any, side: str, other: Peer, port: int) -> bool:
    peers, ports = items(rule, side), items(rule, "ports")
    return (not peers or any(_is(each, other) for each in peers)) and (
        not ports or any(_covers(each, port) for each in ports)
    )


def _covers(rule: Any, port: int) -> bool:
    first = at(rule, "port")
    return first is None or (isinstance(first, int) and first <= port <= number(rule, "endPort", default=first))


def _is(rule: Any, other: Peer) -> bool:
    if (block := at(rule, "ipBlock")) is not None:
        return bool(other.address) and _within(other.address, [at(block, "cidr")], items(block, "except"))
    if other.address:
        return False
    namespace = at(rule, "namespaceSelector")
    if namespace is None:
        is_there = other.namespace == NAMESPACE
    else:
        is_there = _selects(namespace, {"kubernetes.io/metadata.name": other.namespace})
    return is_there and _selects(at(rule, "podSelector"), other.labels)


def _within(address: str, networks: Sequence[str], but: Sequence[str]) -> bool:
    parsed = ipaddress.ip_address(address)
    inside = [any(parsed in ipaddress.ip_network(each) for each in group) for group in (networks, but)]
    return inside == [True, False]


def _selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """None and an empty selector select everything."""
    return fields(selector, "matchLabels").items() <= labels.items() and all(
        _expression_holds(each, labels) for each in items(selector, "matchExpressions")
    )


def _expression_holds(expression: Any, labels: Mapping[str, str]) -> bool:
    value = labels.get(at(expression, "key"))
    return {
        "In": value in items(expression, "values"),
        "NotIn": value not in items(expression, "values"),
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(at(expression, "operator"), False)
