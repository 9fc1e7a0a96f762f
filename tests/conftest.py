"""Fixtures for every test."""

pytest_plugins = ["tests.redis_fixture", "tests.fakes.openai_double"]
