"""Secrets taken out of texts before somebody else sees them: by their value where it is known, else by their form."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tools.settings_table import SERVICES

REMOVED = "[removed]"

# Settings whose values are never shown, whatever their type: the name says that they open something.
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
# Paths to secrets are none, and words as short as these would take ordinary ones out of a log.
_SHORTEST_SECRET = 6
_FORMS = (
    # A URL's user and password.
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{REMOVED}@"),
    (re.compile(r"(?i)\b(Bearer|Basic)\s+[^\s\"',]+"), rf"\g<1> {REMOVED}"),
    # Keys as vendors write them, and signed tokens.
    (re.compile(r"\b(?:sk|gsk|xi|co|pk|rk|ghp|hf)[-_][A-Za-z0-9_-]{12,}"), REMOVED),
    (re.compile(r"\bAKIA[A-Z0-9]{12,}"), REMOVED),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), REMOVED),
    (
        re.compile(r"(?i)((?:api[-_]?key|token|secret|password|passwd)\"?\s*[=:]\s*\"?)(?!\[removed\])[^\s\"',}]+"),
        rf"\g<1>{REMOVED}",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), REMOVED),
    # The end of a log may begin amid one.
    (re.compile(r"\A[A-Za-z0-9+/=\s]*-----END [A-Z ]*PRIVATE KEY-----"), REMOVED),
)


def without_secrets(text: str, *, known: Iterable[str] = ()) -> str:
    """Returns `text` with `known` secrets, and whatever has the form of one, replaced."""
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, REMOVED)
    for form, replacement in _FORMS:
        text = form.sub(replacement, text)
    return text


def known_secrets(environment: Mapping[str, str]) -> frozenset[str]:
    """Returns the values of secret settings: those in `environment`, and the files of its REPARTEE_SECRETS_DIR."""
    values = {value for name, value in environment.items() if is_secret(name)}
    if folder := environment.get("REPARTEE_SECRETS_DIR"):
        values |= {file.read_text(errors="replace").strip() for file in Path(folder).glob("*") if file.is_file()}
    return frozenset(value for value in values if len(value) >= _SHORTEST_SECRET and not os.path.exists(value))


def is_secret(name: str) -> bool:
    """Returns True for a setting, by its variable, whose value is never shown."""
    return name in _secret_settings() or bool(_SECRET_NAME.search(name))


def shown_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings in `environment`; of secret ones only that they are set."""
    told = {name: value for name, value in environment.items() if name.startswith(("REPARTEE_", "USE_HYBRID", "LLM_"))}
    return {name: REMOVED if is_secret(name) else without_secrets(value) for name, value in sorted(told.items())}


def _secret_settings() -> Iterator[str]:
    for settings in SERVICES.values():
        for name, field in settings.model_fields.items():
            if "SecretStr" in str(field.annotation):
                yield f"REPARTEE_{name.upper()}"
