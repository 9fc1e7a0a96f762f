"""What a program may change of the hybrid engine: `get_hybrid_engine("shop").fallback_templates["ask_zone"] = "…"`."""

from collections.abc import Iterator, MutableMapping

import grpc

from libs.common.channel import ClientTls
from libs.common.client import Metadata, call_blocking, open_blocking, operator_metadata
from libs.common.tenants.validation import parse_bundle
from repartee.v1 import tenants_pb2, tenants_pb2_grpc

_REASON = "changed by a program"


def get_hybrid_engine(
    tenant: str, target: str | None = None, token: str | None = None, *, tls: ClientTls | None = None
) -> "HybridEngine":
    """Returns the hybrid engine as `tenant` has it; other arguments as for `libs.common.client.get_router`."""
    return HybridEngine(open_blocking(target, tls), operator_metadata(token), tenant)


class HybridEngine:
    """A tenant's settings of the engine. `fallback_templates` maps an action to its wording."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata, tenant: str) -> None:
        self._channel = channel
        self.fallback_templates: MutableMapping[str, str] = Templates(channel, metadata, tenant)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()


class Templates(MutableMapping[str, str]):
    """A tenant's templates by action. A change is a version of the tenant, live in every engine within a second.

    Reading gives what this mapping set, else the bundle's own: wordings that others set apart from the bundle are not
    told. Every operation asks the router, and raises RemoteError.
    """

    def __init__(self, channel: grpc.Channel, metadata: Metadata, tenant: str) -> None:
        self._stub = tenants_pb2_grpc.TenantServiceStub(channel)
        self._metadata = metadata
        self._tenant = tenant
        self._set_here: dict[str, str] = {}

    def __getitem__(self, action: str) -> str:
        return self._all()[action]

    def __setitem__(self, action: str, text: str) -> None:
        if not text.strip():
            raise ValueError("a template needs words; delete it to get the bundle's back")
        self._set(action, text)
        self._set_here[action] = text

    def __delitem__(self, action: str) -> None:
        self._set(action, "")
        self._set_here.pop(action, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _set(self, action: str, text: str) -> None:
        request = tenants_pb2.SetTemplateRequest(tenant_id=self._tenant, action=action, text=text, reason=_REASON)
        call_blocking(self._stub.SetTemplate, request, self._metadata)

    def _all(self) -> dict[str, str]:
        request = tenants_pb2.GetTenantRequest(tenant_id=self._tenant)
        tenant = call_blocking(self._stub.GetTenant, request, self._metadata).tenant
        return {**parse_bundle(tenant.bundle_yaml).templates, **self._set_here}
