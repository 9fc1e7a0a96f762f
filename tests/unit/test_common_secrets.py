"""Secrets come from the environment, or from files that a platform mounts."""

from pathlib import Path

import pytest

from libs.common.settings import ServiceSettings, load_settings


def test_a_secret_is_read_from_a_file_named_like_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repartee_redis_url").write_text("redis://:hunter2@redis:6379/0\n")
    monkeypatch.setenv("REPARTEE_SECRETS_DIR", str(tmp_path))
    settings = load_settings(ServiceSettings)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == "redis://:hunter2@redis:6379/0"
    assert "hunter2" not in repr(settings)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repartee_redis_url").write_text("redis://file:6379/0")
    monkeypatch.setenv("REPARTEE_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("REPARTEE_REDIS_URL", "redis://environment:6379/0")
    settings = load_settings(ServiceSettings)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == "redis://environment:6379/0"
