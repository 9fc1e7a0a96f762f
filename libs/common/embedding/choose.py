"""Chooses the embedder that the settings name."""

from collections.abc import Callable
from typing import Literal, Protocol

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.embedding.local import LocalEmbedder
from libs.common.embedding.openai import OpenAIEmbedder
from libs.common.embedding.port import Embedder
from libs.common.errors import PreconditionFailed
from libs.common.spending.prices import is_local
from libs.common.spending.side_charges import SideCharges

__all__ = ["EmbeddingSettings", "ReadyEmbedder", "open_embedder"]


class EmbeddingSettings(BaseSettings):
    """Which embedder a service uses; services that embed mix it into their settings."""

    model_config = SettingsConfigDict(env_prefix="REPARTEE_")

    embedder: Literal["local", "openai"] = Field(
        "local", description="What turns texts into vectors: `local` (512 floats, no network) or `openai`."
    )
    openai_api_key: SecretStr | None = Field(None, description="Key of the embeddings API, for `openai`.")
    openai_base_url: str = Field(
        "https://api.openai.com/v1", description="Base URL of a server that speaks OpenAI's API, for `openai`."
    )
    openai_embedding_model: str = Field("text-embedding-3-small", description="Model of the embeddings, for `openai`.")
    openai_embedding_dimensions: int = Field(
        1536, ge=1, le=8192, description="Length of its vectors, for `openai`. Changing it means ingesting again."
    )
    embedding_timeout_seconds: float = Field(
        5.0, gt=0, description="Time-out of one request to the embeddings API, for `openai`."
    )


class ReadyEmbedder(Embedder, Protocol):
    """An embedder with a life: warmed up at start, closed at the end."""

    async def warm_up(self) -> None: ...

    async def aclose(self) -> None: ...


def open_embedder(settings: EmbeddingSettings, charges: SideCharges | None = None) -> ReadyEmbedder:
    """Returns the embedder of `settings`, not loaded yet; raises PreconditionFailed (SETTING_MISSING) without a key.

    What it pays for goes to `charges`; a server at a private address costs nothing.
    """
    if settings.embedder == "local":
        return LocalEmbedder()
    if settings.openai_api_key is None:
        raise PreconditionFailed(
            "SETTING_MISSING", "REPARTEE_EMBEDDER=openai needs REPARTEE_OPENAI_API_KEY; or use REPARTEE_EMBEDDER=local."
        )
    return OpenAIEmbedder(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        model=settings.openai_embedding_model,
        dimensions=settings.openai_embedding_dimensions,
        timeout_seconds=settings.embedding_timeout_seconds,
        billed=_billing(settings, charges) if charges else None,
    )


def _billing(settings: EmbeddingSettings, charges: SideCharges) -> Callable[[int], None]:
    model, is_free = settings.openai_embedding_model, is_local(settings.openai_base_url)

    def billed(tokens: int) -> None:
        charges.embedded(provider="openai", model=model, tokens=tokens, is_free=is_free)

    return billed
