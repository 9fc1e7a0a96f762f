"""Settings of the rag service."""

from pathlib import Path

from pydantic import Field, SecretStr

from libs.common.embedding.choose import EmbeddingSettings
from libs.common.settings import ServiceSettings


class RagSettings(EmbeddingSettings, ServiceSettings):
    """What the rag service can be told beside what every service can."""

    port: int = Field(50053, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    cache_redis_db: int = Field(
        5, ge=0, le=1023, description="Redis database of the semantic cache and the versions of the knowledge."
    )
    patterns_redis_db: int = Field(
        4,
        ge=0,
        le=1023,
        description="Redis database of learned patterns; with a prefix, it becomes part of the prefix.",
    )
    qdrant_url: str = Field(
        "", description="Qdrant server, 1.19 or later, such as `http://qdrant:6333`; the embedded engine when empty."
    )
    qdrant_api_key: SecretStr | None = Field(None, description="Key of the Qdrant server.")
    qdrant_grpc_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port of the Qdrant server's gRPC interface, as a rule 6334; HTTP is used when 0.",
    )
    qdrant_quantized: bool = Field(
        False, description="Makes a new collection with vectors in one byte a number: a quarter of the memory."
    )
    cohere_api_key: SecretStr | None = Field(None, description="Key of Cohere; without it passages are not reranked.")
    cohere_model: str = Field("rerank-v3.5", description="Cohere's reranking model; a multilingual one.")
    cohere_base_url: str | None = Field(None, description="Address of the Cohere API when it is not the public one.")
    prices_file: Path | None = Field(None, description="YAML file of prices of models, in front of those shipped.")
