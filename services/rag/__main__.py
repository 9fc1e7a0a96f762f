"""Runs the rag service, or its migrations: `python -m services.rag [migrate …]`."""

import sys

from libs.common.migrations.command import migrate_command
from libs.common.settings import load_settings
from services.rag.app import main
from services.rag.migrations.stores import open_stores
from services.rag.settings import RagSettings

if __name__ == "__main__":
    if sys.argv[1:2] == ["migrate"]:
        sys.exit(migrate_command(sys.argv[2:], lambda: open_stores(load_settings(RagSettings))))
    main()
