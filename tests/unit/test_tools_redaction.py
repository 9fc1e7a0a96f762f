"""Nothing that opens a door leaves with a support bundle."""

import os
from pathlib import Path

import pytest

from tests.fakes.planted_secrets import FORMS, SECRET
from tools.redaction import known_secrets, shown_settings, without_secrets


def test_settings_are_shown_and_secrets_are_not() -> None:
    shown = shown_settings(
        {
            "REPARTEE_PORT": "50051",
            "REPARTEE_LLM_API_KEY": "sk-aaaaaaaaaaaaaaaa",
            "REPARTEE_REDIS_URL": "redis://:hunter2@redis:6379",
            "REPARTEE_TOKEN": "operator-token",
            "REPARTEE_QDRANT_URL": "http://me:hunter2@qdrant:6333",
            "HOME": os.sep,
        }
    )
    assert shown == {
        "REPARTEE_LLM_API_KEY": "[removed]",
        "REPARTEE_PORT": "50051",
        "REPARTEE_QDRANT_URL": "http://[removed]@qdrant:6333",
        "REPARTEE_REDIS_URL": "[removed]",
        "REPARTEE_TOKEN": "[removed]",
    }


@pytest.mark.parametrize("text", FORMS)
def test_what_has_the_form_of_a_secret_is_removed(text: str) -> None:
    assert SECRET in text
    cleaned = without_secrets(f"before {text} after")
    assert SECRET not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


def test_what_is_no_secret_stays() -> None:
    line = '{"service": "router", "reason": "CREDENTIAL_UNKNOWN", "prompt_tokens": 12, "url": "http://qdrant:6333/x"}'
    assert without_secrets(line) == line


def test_the_end_of_a_key_is_removed_too() -> None:
    assert SECRET not in without_secrets(f"AAAA{SECRET}\n-----END PRIVATE KEY-----\nand on")


def test_secrets_that_are_known_are_removed_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "repartee_redis_url").write_text("redis.internal/plain\n")
    (tmp_path / "short").write_text("abc")
    environment = {
        "REPARTEE_SECRETS_DIR": str(tmp_path),
        "OPENAI_API_KEY": "no-form-at-all",
        "REPARTEE_CREDENTIALS_FILE": str(tmp_path),
        "HOME": "/home/somebody",
    }
    known = known_secrets(environment)
    assert known == {"redis.internal/plain", "no-form-at-all"}
    assert without_secrets("went to redis.internal/plain by no-form-at-all, abc", known=known) == (
        "went to [removed] by [removed], abc"
    )
