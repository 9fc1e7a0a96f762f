"""Reads a tenant's voice from its bundle."""

from libs.common.request_context import TenantId
from libs.common.tenants.directory import TenantDirectory
from services.voice.speaking import TenantVoice

_LOCAL = ("pico", "espeak")


class BundleVoices:
    """The voices of the tenants of a directory."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory

    async def of(self, tenant: TenantId) -> TenantVoice:
        """Returns the tenant's voice; raises NotFound (TENANT_NOT_FOUND)."""
        bundle = await self._directory.get(tenant)
        return TenantVoice(bundle.locale, _full_name(bundle.voice.voice), bundle.voice.phrases)


def _full_name(voice: str) -> str:
    # A bundle may name a vendor's bare voice id.
    return voice if not voice or ":" in voice or voice in _LOCAL else f"elevenlabs:{voice}"
