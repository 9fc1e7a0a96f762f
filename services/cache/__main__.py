"""Runs the cache service, or its migrations: `python -m services.cache [migrate …]`."""

import sys

from libs.common.migrations.command import migrate_command
from libs.common.settings import load_settings
from services.cache.app import main
from services.cache.migrations.stores import open_stores
from services.cache.settings import CacheSettings

if __name__ == "__main__":
    if sys.argv[1:2] == ["migrate"]:
        sys.exit(migrate_command(sys.argv[2:], lambda: open_stores(load_settings(CacheSettings))))
    main()
