"""What is loaded: where its services are, and who calls."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

from libs.common.channel import ClientTls
from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.listening import is_loopback_host
from tools.connection import PORTS
from tools.load.calls import LoadedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A stack. `addresses` are `host:port` by a service's short name; credentials are whole header values.

    Without the credential that a call needs, `credential_of` returns nothing, and the call is left out.
    """

    addresses: Mapping[str, str]
    tenant: str
    tenant_authorization: str = field(repr=False)
    operator_authorization: str = field(repr=False)
    tls: ClientTls | None = None

    def serves(self, call: LoadedCall) -> bool:
        """Says whether the call's service was named, and a credential for it."""
        return call.service in self.addresses and bool(self.credential_of(call))

    def credential_of(self, call: LoadedCall) -> str:
        """Returns the credential that the call needs."""
        return self.operator_authorization if call.operator else self.tenant_authorization

    def open(self, service: str) -> grpc.aio.Channel:
        """Opens a connection of its own to a service; nothing is retried, so that every failure is seen."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        address = self.addresses[service]
        if self.tls is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, self.tls.credentials(), options=options)

    def for_tenant(self, tenant: str) -> "Target":
        """Returns the same stack for another tenant of a development stack."""
        return Target(
            addresses=self.addresses,
            tenant=tenant,
            tenant_authorization=f"Bearer dev:{tenant}",
            operator_authorization=self.operator_authorization,
            tls=self.tls,
        )


def local_stack(tenant: str, port_base: int) -> Target:
    """Returns the stack whose router listens on `port_base` of this machine."""
    return named_services([f"{name}=127.0.0.1:{port_base + offset}" for name, offset in PORTS.items()], tenant=tenant)


def named_services(
    named: Sequence[str], *, tenant: str, ca_file: Path | None = None, tls: bool = False, allow_strangers: bool = False
) -> Target:
    """Returns a stack from `SERVICE=HOST:PORT`, or `HOST:PORT` for a router; the credentials come from REPARTEE_TOKEN
    (a customer's channel) and REPARTEE_OPERATOR_TOKEN, else development's on loopback.

    Raises InvalidRequest: TARGET_INVALID; TARGET_NOT_LOOPBACK, because a load test is felt, unless strangers are
    allowed; CREDENTIAL_NEEDED for a stranger without a token.
    """
    addresses: dict[str, str] = {}
    strangers: list[str] = []
    for each in named:
        name, _, address = each.rpartition("=")
        host, _, port = address.rpartition(":")
        if (name or "router") not in PORTS or not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise InvalidRequest(
                "TARGET_INVALID",
                "That target cannot be reached.",
                violations=[FieldViolation(each, f"expected SERVICE=HOST:PORT, with one of {', '.join(PORTS)}")],
            )
        addresses[name or "router"] = address
        if not is_loopback_host(host):
            strangers.append(address)
    if strangers and not allow_strangers:
        raise InvalidRequest(
            "TARGET_NOT_LOOPBACK",
            f"{', '.join(strangers)} is not this machine, and its users would feel a load test; say "
            "--yes-not-loopback if it is yours and they may.",
        )
    token, operator = os.environ.get("REPARTEE_TOKEN", ""), os.environ.get("REPARTEE_OPERATOR_TOKEN", "")
    if strangers and not token:
        raise InvalidRequest("CREDENTIAL_NEEDED", "Set REPARTEE_TOKEN to a credential that the stack knows.")
    is_dev = not strangers and not token
    return Target(
        addresses=addresses,
        tenant=tenant,
        tenant_authorization=f"Bearer {token}" if token else f"Bearer dev:{tenant}",
        operator_authorization=f"Bearer {operator}" if operator else "Bearer dev-operator" if is_dev else "",
        tls=ClientTls(ca_file=ca_file) if tls or ca_file else None,
    )
