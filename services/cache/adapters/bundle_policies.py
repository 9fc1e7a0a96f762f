"""A tenant's cache policy, read from its bundle."""

from libs.common.errors import NotFound, Unavailable
from libs.common.request_context import TenantId
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.directory import TenantDirectory
from services.cache.fingerprint import language_of
from services.cache.store import Policy

_DAY_SECONDS = 86_400.0
_DEFAULT = Policy()


class BundlePolicies:
    """Policies from the tenant directory. A tenant without a bundle has a cache too, with the defaults."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory
        self._known: dict[TenantId, tuple[TenantBundle, Policy]] = {}

    async def of(self, tenant: TenantId) -> Policy:
        """See Policies."""
        try:
            bundle = await self._directory.get(tenant)
        except (NotFound, Unavailable):
            self._known.pop(tenant, None)
            return _DEFAULT
        known = self._known.get(tenant)
        if known is not None and known[0] is bundle:
            return known[1]
        policy = Policy(
            threshold=bundle.cache.threshold,
            ttl_seconds=bundle.cache.ttl_days * _DAY_SECONDS,
            language=language_of(bundle.locale),
            country=bundle.country,
            places=bundle.places(),
            second_ask=bundle.cache.second_ask,
        )
        self._known[tenant] = (bundle, policy)
        return policy
