"""Settings of the cache service."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from libs.common.embedding.choose import EmbeddingSettings
from libs.common.settings import ServiceSettings


class CacheSettings(EmbeddingSettings, ServiceSettings):
    """What the cache can be told beside what every service can."""

    port: int = Field(50054, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    cache_redis_db: int = Field(
        5, ge=0, le=1023, description="Redis database of the answers; with a prefix, it becomes part of the prefix."
    )
    cache_entries_per_tenant: int = Field(
        2000, ge=1, le=20_000, description="Answers kept for one tenant; beyond, the oldest goes."
    )
    cache_bytes_per_tenant: int = Field(
        16 << 20, ge=1 << 16, description="Bytes of answers kept for one tenant; beyond, its oldest goes."
    )
    cache_threshold_floor: float = Field(
        0.8, ge=0.5, le=1, description="Least similarity of two questions, whatever a tenant's bundle says."
    )
    cache_sample_share: float = Field(
        0.02, ge=0, le=1, description="Share of semantic hits that are answered anew, unseen, to find false ones."
    )
    cache_index_bytes: int = Field(
        256 << 20, ge=1 << 20, description="Memory for tenants' vectors; beyond, the tenant asked for longest ago goes."
    )
    cache_index: Literal["memory", "redisearch"] = Field(
        "memory",
        description="Where vectors are compared: in this process, or by the query engine of a Redis that has one.",
    )
    cache_store_budget_seconds: float = Field(
        0.12, gt=0, le=5, description="How long Redis may take for one lookup before it becomes a miss."
    )
    cache_embed_timeout_seconds: float = Field(
        1.0, gt=0, le=10, description="How long the embedder may take before the semantic tier is passed over."
    )
    prices_file: Path | None = Field(None, description="YAML file of prices of models, in front of those shipped.")
    cache_canary_seconds: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="How often a probe asks for one tenant what another keeps; 0 is never.",
    )
