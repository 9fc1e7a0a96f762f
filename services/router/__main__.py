"""Runs the router, or its migrations: `python -m services.router [migrate …]`."""

import sys

from libs.common.migrations.command import migrate_command
from libs.common.settings import load_settings
from services.router.app import main
from services.router.migrations.stores import open_stores
from services.router.settings import RouterSettings

if __name__ == "__main__":
    if sys.argv[1:2] == ["migrate"]:
        sys.exit(migrate_command(sys.argv[2:], lambda: open_stores(load_settings(RouterSettings))))
    main()
