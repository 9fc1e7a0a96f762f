"""Changes of manifests that were right: each makes one mistake in a copy."""

from collections.abc import Callable
from typing import Any

__all__ = ["POD", "Change", "Documents", "add", "cut", "in_container", "in_pod", "opened", "put", "variable"]

Documents = list[dict[str, Any]]
Change = Callable[[Documents], object]
POD = ("spec", "template", "spec")


def find(documents: Documents, kind: str, name: str) -> dict[str, Any]:
    """Returns a manifest; a name that ends in `-` begins that of one with a hash."""
    for each in documents:
        own = each["metadata"]["name"]
        if each["kind"] == kind and (own == name or (name.endswith("-") and own.startswith(name))):
            return each
    raise LookupError(f"{kind} {name}")


def reach(value: Any, *path: str | int) -> Any:
    """Returns what lies at `path`; a name finds an item of a list by its `name`."""
    for step in path:
        by_name = isinstance(step, str) and not hasattr(value, "keys")
        value = next(each for each in value if each["name"] == step) if by_name else value[step]
    return value


def put(kind: str, name: str, *path: str | int, value: Any) -> Change:
    """Returns the change that sets what lies at `path` of a manifest."""

    def change(documents: Documents) -> None:
        reach(find(documents, kind, name), *path[:-1])[path[-1]] = value

    return change


def cut(kind: str, name: str, *path: str | int) -> Change:
    """Returns the change that takes away what lies at `path` of a manifest; the manifest itself without one."""

    def change(documents: Documents) -> None:
        found = find(documents, kind, name)
        if path:
            del reach(found, *path[:-1])[path[-1]]
        else:
            documents.remove(found)

    return change


def add(kind: str, name: str, *path: str | int, value: Any) -> Change:
    """Returns the change that appends to the list at `path` of a manifest."""

    def change(documents: Documents) -> None:
        reach(find(documents, kind, name), *path).append(value)

    return change


def in_pod(*path: str | int, value: Any) -> Change:
    """Returns the change that sets what lies at `path` of the router's pods."""
    return put("Deployment", "router", *POD, *path, value=value)


def in_container(*path: str | int, value: Any) -> Change:
    """Returns the change that sets what lies at `path` of the router's container."""
    return in_pod("containers", 0, *path, value=value)


def variable(name: str, value: str, *, service: str = "router") -> Change:
    """Returns the change that gives a service's container another variable."""
    env = ("containers", 0, "env")
    return add("Deployment", service, *POD, *env, value={"name": name, "value": value})


def opened(name: str, *, to: Any, port: int, egress: bool = True) -> Change:
    """Returns the change that adds a NetworkPolicy which opens one more way for a service."""
    rule = {"to" if egress else "from": to, "ports": [{"port": port}]}
    spec = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "policyTypes": ["Egress" if egress else "Ingress"],
        "egress" if egress else "ingress": [rule],
    }
    return lambda documents: documents.append(
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "more"}, "spec": spec}
    )
