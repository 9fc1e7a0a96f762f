"""Runs an engine: `python -m services.hybrid_engine`."""

from services.hybrid_engine.app import main

if __name__ == "__main__":
    main()
