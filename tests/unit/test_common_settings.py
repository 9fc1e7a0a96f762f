"""Settings from the environment."""

import pytest
from pydantic import Field

from libs.common.settings import ServiceSettings, load_settings


class ExampleSettings(ServiceSettings):
    port: int = Field(50051, description="Port.")
    cache_target: str = Field(description="Where the cache is.")


def test_variables_carry_the_prefix_and_empty_ones_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPARTEE_CACHE_TARGET", "cache:1")
    monkeypatch.setenv("REPARTEE_REDIS_URL", "")
    monkeypatch.setenv("REPARTEE_PORT", "6000")
    settings = load_settings(ExampleSettings)
    assert (settings.cache_target, settings.redis_url, settings.port) == ("cache:1", None, 6000)


def test_every_problem_is_one_sentence_that_names_its_variable_and_shows_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REPARTEE_PORT", "s3cret-value")
    monkeypatch.setenv("REPARTEE_TRACES", "s3cret-traces")
    with pytest.raises(SystemExit) as caught:
        load_settings(ExampleSettings)
    lines = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2
    assert [each.split()[0] for each in lines] == ["REPARTEE_PORT", "REPARTEE_TRACES", "REPARTEE_CACHE_TARGET"]
    assert "s3cret" not in "".join(lines)


def test_a_secret_does_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPARTEE_REDIS_URL", "redis://:hunter2@h")
    assert "hunter2" not in repr(ServiceSettings())


def test_every_field_is_described() -> None:
    assert all(field.description for field in ServiceSettings.model_fields.values())
