"""The example shop with limits that no benchmark reaches: the load is more than a shop's customers send."""

import shutil
from pathlib import Path

from tools.connection import Connection
from tools.stack import Stack
from tools.tenants import apply_folder

TENANT = "rue-du-gros"
_EXAMPLE = Path(__file__).parent.parent / "examples" / "tenants" / TENANT
NO_LIMITS = "\nlimits: {user_per_minute: 100000, tenant_per_minute: 10000000}\n"


async def apply_busy_shop(stack: Stack) -> Connection:
    """Puts the shop in force with its documents; returns a connection of its channel."""
    folder = stack.options.state / "shop" / TENANT
    shutil.copytree(_EXAMPLE, folder)
    with (folder / "tenant.yaml").open("a", encoding="utf-8") as bundle:
        bundle.write(NO_LIMITS)
    operator = Connection.for_operator(port_base=stack.options.port_base)
    await apply_folder(operator, folder, with_documents=True, reason="benchmark")
    return Connection.for_tenant(TENANT, port_base=stack.options.port_base)
