"""The port by which a use case gets the bundle of the tenant it serves."""

from collections.abc import Awaitable, Callable

from libs.common.tenants.bundle import TenantBundle

# Returns the bundle of the current request's tenant; raises NotFound (TENANT_NOT_FOUND).
BundleOfCaller = Callable[[], Awaitable[TenantBundle]]
