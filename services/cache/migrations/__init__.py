"""Migrations of the answers that the cache keeps."""
