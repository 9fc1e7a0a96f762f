"""The README's table of settings, made from the settings classes so that it cannot go stale."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from libs.common.embedding.choose import EmbeddingSettings
from libs.common.settings import ServiceSettings
from services.cache.settings import CacheSettings
from services.hybrid_engine.settings import EngineSettings
from services.rag.settings import RagSettings
from services.router.settings import RouterSettings
from services.voice.settings import VoiceSettings

BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"
README = Path(__file__).parent.parent / "README.md"
SERVICES: Mapping[str, type[BaseSettings]] = {
    "every service": ServiceSettings,
    "rag and cache": EmbeddingSettings,
    "router": RouterSettings,
    "engines": EngineSettings,
    "rag": RagSettings,
    "cache": CacheSettings,
    "voice": VoiceSettings,
}


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Yields service, variable, default and meaning of every setting; the shared ones once."""
    shared = (set(ServiceSettings.model_fields) | set(EmbeddingSettings.model_fields)) - {"port"}
    for service, settings in SERVICES.items():
        is_shared = settings in (ServiceSettings, EmbeddingSettings)
        for name, field in settings.model_fields.items():
            # Each service has a port of its own; everything else that is shared is listed once.
            if (name == "port") if is_shared else (name in shared):
                continue
            alias = field.validation_alias
            variable = alias if isinstance(alias, str) else f"REPARTEE_{name.upper()}"
            default = field.get_default(call_default_factory=False)
            shown = "" if default is None or isinstance(default, SecretStr) or field.is_required() else str(default)
            yield service, variable, shown, (field.description or "").replace("|", "\\|").replace("\n", " ")


def table() -> str:
    """Returns the table as Markdown."""
    lines = ["| service | variable | default | meaning |", "|---|---|---|---|"]
    lines += [f"| {s} | `{v}` | {f'`{d}`' if d else ''} | {m} |" for s, v, d, m in rows()]
    return "\n".join(lines)


def readme_with_table(readme: str) -> str:
    """Returns the README with its table replaced; raises ValueError when its markers are missing."""
    before, _, rest = readme.partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"README.md lacks {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    """Prints the table, or writes it with --write."""
    if "--write" in sys.argv[1:]:
        README.write_text(readme_with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main()
