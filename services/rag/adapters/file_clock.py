"""The knowledge epoch in a folder beside the embedded index, where there is no Redis."""

import os
from pathlib import Path

from libs.common.errors import Unavailable
from services.rag.tenant_scope import TenantScope


class FileClock:
    """Implements KnowledgeClock for one process: a file for each tenant that has documents.

    Each number is on the disk before it is returned. It is one small file, so it is written on the event loop.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._epochs: dict[str, int] = {}

    async def read(self, scope: TenantScope) -> int:
        """See KnowledgeClock."""
        tenant = scope.tenant
        if tenant not in self._epochs:
            self._epochs[tenant] = self._load(tenant)
        return self._epochs[tenant]

    async def advance(self, scope: TenantScope) -> int:
        """See KnowledgeClock."""
        tenant, epoch = scope.tenant, await self.read(scope) + 1
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f"{tenant}.part"
            with unfinished.open("w", encoding="ascii") as file:
                file.write(str(epoch))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._folder / tenant)
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE", "The version of the knowledge cannot be written.") from error
        self._epochs[tenant] = epoch
        return epoch

    def _load(self, tenant: str) -> int:
        try:
            return int((self._folder / tenant).read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise Unavailable("STORE_UNAVAILABLE", "The version of the knowledge cannot be read.") from error
