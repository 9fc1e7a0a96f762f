"""Runs the cache service: `python -m services.cache`."""

from services.cache.app import main

if __name__ == "__main__":
    main()
