"""TenantService: bundles of tenants and single changes beside them, for operators."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

import time
from collections.abc import Callable
from typing import Any

from libs.common.errors import Conflict, FieldViolation, InvalidRequest, NotFound, Unavailable
from libs.common.request_context import current, parse_tenant_id
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.overrides import Overrides, Stamp, long_replies, with_overrides
from libs.common.tenants.stored import StoredTenant, TenantStore, version_mismatch
from libs.common.tenants.validation import parse_bundle
from repartee.v1 import tenants_pb2, tenants_pb2_grpc
from services.router.admin.tenant_messages import replies_messages, template_messages, tenant_message

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1000
_MAX_TRIES = 5


class TenantServicer(tenants_pb2_grpc.TenantServiceServicer):
    """Keeps tenants' bundles, and what is set beside them; a bundle that is put anew leaves that as it is."""

    def __init__(self, store: TenantStore, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` counts seconds since 1970."""
        self._store = store
        self._clock = clock

    async def PutTenant(self, request: tenants_pb2.PutTenantRequest, context: Any) -> tenants_pb2.PutTenantResponse:
        tenant = parse_tenant_id(request.tenant_id)
        bundle = parse_bundle(request.bundle_yaml, source_name=request.source_name or "tenant.yaml")
        if bundle.id != tenant:
            raise InvalidRequest(
                "BUNDLE_INVALID",
                "The bundle is another tenant's.",
                violations=[FieldViolation("tenant_id", "must equal the id inside the bundle")],
            )
        stored = await self._store.fetch(tenant)
        _check_overrides(bundle, stored)
        if request.validate_only:
            return _as_put(request, stored)
        outcome = await self._store.put(
            tenant,
            request.bundle_yaml,
            actor=current().principal.subject,
            reason=request.reason,
            expected_version=request.expected_version,
            name=bundle.name,
        )
        return tenants_pb2.PutTenantResponse(tenant=tenant_message(outcome.stored), changed=outcome.changed)

    async def GetTenant(self, request: tenants_pb2.GetTenantRequest, context: Any) -> tenants_pb2.GetTenantResponse:
        stored = await self._store.fetch(parse_tenant_id(request.tenant_id))
        if stored is None:
            raise _not_found()
        overrides = _overrides_of(stored)
        return tenants_pb2.GetTenantResponse(
            tenant=tenant_message(stored, with_bundle=True),
            templates=template_messages(overrides),
            replies=replies_messages(overrides),
        )

    async def ListTenants(
        self, request: tenants_pb2.ListTenantsRequest, context: Any
    ) -> tenants_pb2.ListTenantsResponse:
        size = min(request.page_size or _DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE)
        found = await self._store.list_tenants(after=request.page_token, limit=size + 1)
        page = found[:size]
        return tenants_pb2.ListTenantsResponse(
            tenants=[tenant_message(each) for each in page],
            next_page_token=page[-1].tenant if len(found) > size else "",
        )

    async def DeleteTenant(
        self, request: tenants_pb2.DeleteTenantRequest, context: Any
    ) -> tenants_pb2.DeleteTenantResponse:
        tenant = parse_tenant_id(request.tenant_id)
        if not await self._store.delete(tenant, actor=current().principal.subject, reason=request.reason):
            raise _not_found()
        return tenants_pb2.DeleteTenantResponse()

    async def SetTemplate(
        self, request: tenants_pb2.SetTemplateRequest, context: Any
    ) -> tenants_pb2.SetTemplateResponse:
        def change(bundle: TenantBundle, overrides: Overrides) -> Overrides:
            return overrides.with_template(bundle, action=request.action, text=request.text, locale=request.locale)

        version = await self._override(request.tenant_id, change, reason=request.reason)
        return tenants_pb2.SetTemplateResponse(version=version)

    async def AddReplies(self, request: tenants_pb2.AddRepliesRequest, context: Any) -> tenants_pb2.AddRepliesResponse:
        replaces = request.mode == tenants_pb2.AddRepliesRequest.MODE_REPLACE

        def change(bundle: TenantBundle, overrides: Overrides) -> Overrides:
            return overrides.with_replies(bundle, intent=request.intent, replies=request.replies, replaces=replaces)

        version = await self._override(request.tenant_id, change, reason=request.reason)
        return tenants_pb2.AddRepliesResponse(version=version, warnings=long_replies(request.replies))

    async def _override(
        self, tenant_id: str, change: Callable[[TenantBundle, Overrides], Overrides], *, reason: str
    ) -> int:
        """Applies a change to the overrides as they are, again when another change came first; returns the version."""
        tenant, actor = parse_tenant_id(tenant_id), current().principal.subject
        for tries_left in reversed(range(_MAX_TRIES)):
            stored = await self._store.fetch(tenant)
            if stored is None:
                raise _not_found()
            before = _overrides_of(stored)
            stamp = Stamp(actor=actor, at=self._clock(), version=stored.version + 1, reason=reason)
            after = change(parse_bundle(stored.bundle_yaml), before).stamped(before, stamp)
            try:
                return await self._store.override(
                    tenant, after.to_json(), actor=actor, reason=reason, expected_version=stored.version
                )
            except Conflict:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")


def _as_put(request: tenants_pb2.PutTenantRequest, stored: StoredTenant | None) -> tenants_pb2.PutTenantResponse:
    """Answers as a put would, and puts nothing."""
    version = stored.version if stored else 0
    if request.expected_version and request.expected_version != version:
        raise version_mismatch(request.expected_version, version)
    tenant = tenant_message(stored) if stored else tenants_pb2.Tenant(tenant_id=request.tenant_id)
    changed = stored is None or stored.bundle_yaml != request.bundle_yaml
    return tenants_pb2.PutTenantResponse(tenant=tenant, changed=changed)


def _check_overrides(bundle: TenantBundle, stored: StoredTenant | None) -> None:
    """Raises InvalidRequest (BUNDLE_INVALID) when something that was set beside the old bundle has no place in it."""
    if stored is None or not stored.overrides:
        return
    _, problems = with_overrides(bundle, _overrides_of(stored))
    if problems:
        first = problems[0]
        raise InvalidRequest(
            "BUNDLE_INVALID",
            "What was set beside the old bundle does not fit this one; reset it first, a template by SetTemplate with "
            f"an empty text. {first.field}: {first.description}.",
            violations=problems,
        )


def _overrides_of(stored: StoredTenant) -> Overrides:
    try:
        return Overrides.from_json(stored.overrides)
    except ValueError as error:
        raise Unavailable(
            "TENANT_BUNDLE_INVALID", "What is stored beside the bundle cannot be read; delete the tenant and put it."
        ) from error


def _not_found() -> NotFound:
    return NotFound("TENANT_NOT_FOUND", "There is no such tenant.")
