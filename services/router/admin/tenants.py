"""TenantService: bundles of tenants, for operators."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from libs.common.errors import FieldViolation, InvalidRequest, NotFound
from libs.common.request_context import current, parse_tenant_id
from libs.common.tenants.stored import StoredTenant, TenantStore, version_mismatch
from libs.common.tenants.validation import parse_bundle
from repartee.v1 import tenants_pb2, tenants_pb2_grpc

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1000


class TenantServicer(tenants_pb2_grpc.TenantServiceServicer):
    """Keeps tenants' bundles. SetTemplate and AddReplies are not served yet."""

    def __init__(self, store: TenantStore) -> None:
        self._store = store

    async def PutTenant(self, request: tenants_pb2.PutTenantRequest, context: Any) -> tenants_pb2.PutTenantResponse:
        tenant = parse_tenant_id(request.tenant_id)
        bundle = parse_bundle(request.bundle_yaml, source_name=request.source_name or "tenant.yaml")
        if bundle.id != tenant:
            raise InvalidRequest(
                "BUNDLE_INVALID",
                "The bundle is another tenant's.",
                violations=[FieldViolation("tenant_id", "must equal the id inside the bundle")],
            )
        if request.validate_only:
            return await self._checked(request)
        outcome = await self._store.put(
            tenant,
            request.bundle_yaml,
            actor=current().principal.subject,
            reason=request.reason,
            expected_version=request.expected_version,
        )
        return tenants_pb2.PutTenantResponse(tenant=_tenant(outcome.stored), changed=outcome.changed)

    async def GetTenant(self, request: tenants_pb2.GetTenantRequest, context: Any) -> tenants_pb2.GetTenantResponse:
        stored = await self._store.fetch(parse_tenant_id(request.tenant_id))
        if stored is None:
            raise _not_found()
        return tenants_pb2.GetTenantResponse(tenant=_tenant(stored, with_bundle=True))

    async def ListTenants(
        self, request: tenants_pb2.ListTenantsRequest, context: Any
    ) -> tenants_pb2.ListTenantsResponse:
        size = min(request.page_size or _DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE)
        found = await self._store.list_tenants(after=request.page_token, limit=size + 1)
        page = found[:size]
        return tenants_pb2.ListTenantsResponse(
            tenants=[_tenant(each) for each in page],
            next_page_token=page[-1].tenant if len(found) > size else "",
        )

    async def DeleteTenant(
        self, request: tenants_pb2.DeleteTenantRequest, context: Any
    ) -> tenants_pb2.DeleteTenantResponse:
        tenant = parse_tenant_id(request.tenant_id)
        if not await self._store.delete(tenant, actor=current().principal.subject, reason=request.reason):
            raise _not_found()
        return tenants_pb2.DeleteTenantResponse()

    async def _checked(self, request: tenants_pb2.PutTenantRequest) -> tenants_pb2.PutTenantResponse:
        """Answers as a put would, and puts nothing."""
        stored = await self._store.fetch(parse_tenant_id(request.tenant_id))
        version = stored.version if stored else 0
        if request.expected_version and request.expected_version != version:
            raise version_mismatch(request.expected_version, version)
        tenant = _tenant(stored) if stored else tenants_pb2.Tenant(tenant_id=request.tenant_id)
        changed = stored is None or stored.bundle_yaml != request.bundle_yaml
        return tenants_pb2.PutTenantResponse(tenant=tenant, changed=changed)


def _tenant(stored: StoredTenant, *, with_bundle: bool = False) -> tenants_pb2.Tenant:
    moment = Timestamp()
    moment.FromDatetime(stored.update_time)
    return tenants_pb2.Tenant(
        tenant_id=stored.tenant,
        display_name=_display_name(stored),
        version=stored.version,
        update_time=moment,
        actor=stored.actor,
        bundle_yaml=stored.bundle_yaml if with_bundle else "",
    )


def _display_name(stored: StoredTenant) -> str:
    try:
        return parse_bundle(stored.bundle_yaml).name
    except InvalidRequest:
        # Stored by a version with other rules; an operator must still be able to list and replace it.
        return ""


def _not_found() -> NotFound:
    return NotFound("TENANT_NOT_FOUND", "There is no such tenant.")
