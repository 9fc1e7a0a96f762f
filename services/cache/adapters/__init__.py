"""Adapters of the cache service."""
