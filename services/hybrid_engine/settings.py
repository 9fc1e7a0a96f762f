"""What the engine can be told by environment variables."""

from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from libs.common.errors import InvalidRequest
from libs.common.settings import ENV_PREFIX, ServiceSettings
from services.hybrid_engine.llm.mode import MODE_VARIABLE, read_mode

_CLASSIC_PORT = 50056


class EngineSettings(ServiceSettings):
    """Settings of a process that serves one of the two engines. Its port is 50052 for hybrid and 50056 for classic."""

    model_config = SettingsConfigDict(validate_by_name=True, validate_by_alias=True, loc_by_alias=False)

    port: int = Field(50052, ge=0, le=65535, description="Port to listen on; 50056 for classic; 0 picks a free one.")
    engine: Literal["hybrid", "classic"] = Field(
        "hybrid", description="Which engine to serve: `hybrid` (code decides) or `classic` (the language model does)."
    )
    rag_target: str = Field("127.0.0.1:50053", description="Where passages are found.")
    retrieval_seconds: float = Field(0.6, gt=0, le=10, description="Longest wait for passages.")
    llm_base_url: str = Field("", description="Base URL of an OpenAI-compatible language model; none when empty.")
    llm_api_key: SecretStr = Field(SecretStr(""), description="Its key; empty for servers that want none.")
    llm_model: str = Field("", description="The model's name.")
    llm_temperature: float = Field(0.3, ge=0, le=2, description="How freely the model words replies.")
    llm_tiers_file: Path | None = Field(
        None,
        description="YAML file of several models in the order they are tried, as `examples/llm-tiers.yaml`; the one of "
        "the plain settings, if there is one, comes before them.",
    )
    llm_mode: Literal["auto", "enabled", "disabled"] = Field(
        "auto",
        validation_alias=AliasChoices(f"{ENV_PREFIX}{MODE_VARIABLE}", MODE_VARIABLE),
        description="`auto` asks models that answered their probe, `enabled` those too that did not, `disabled` none "
        "and opens no connection. Also read as `LLM_MODE`.",
    )
    llm_mode_file: Path | None = Field(
        None, description="File with a line `LLM_MODE=…`, followed while the engine runs; it wins over the variable."
    )
    llm_reprobe: bool = Field(
        True, description="Look again, in the background, for models that did not answer; off: once, at the start."
    )
    llm_warm_up: bool = Field(
        False,
        description="Ask a server that lists no model for one token, so that it loads one before a customer waits.",
    )
    llm_seconds: float = Field(6.0, gt=0, le=60, description="Longest wait for a whole reply of a model.")
    llm_first_token_seconds: float = Field(2.5, gt=0, le=60, description="Longest wait for a model's first token.")
    llm_gap_seconds: float = Field(1.5, gt=0, le=60, description="Longest silence between two tokens.")
    llm_sentence_seconds: float = Field(
        4.0, gt=0, le=60, description="Longest wait for the end of a sentence of a model that has begun."
    )
    llm_continuous_usage: bool = Field(
        False, description="The model's server counts tokens in every event of a stream (`continuous_usage_stats`)."
    )
    prices_file: Path | None = Field(None, description="YAML file of prices of models, in front of those shipped.")
    llm_max_concurrent: int = Field(32, ge=1, description="Requests to one tier at the same time.")

    @field_validator("llm_mode", mode="before")
    @classmethod
    def _mode_is_known(cls, mode: object) -> object:
        try:
            known = read_mode(str(mode))
        except InvalidRequest as error:
            raise ValueError(error.message.rstrip(".")) from None
        return known.value if known else "auto"

    @model_validator(mode="after")
    def _classic_has_its_own_port(self) -> Self:
        if self.engine == "classic" and "port" not in self.model_fields_set:
            # Frozen for everybody else; this is still the making of it.
            object.__setattr__(self, "port", _CLASSIC_PORT)
        return self

    @property
    def name(self) -> str:
        """The service's short name."""
        return f"{self.engine}-engine"

    @property
    def has_llm(self) -> bool:
        """Whether the process has a model of its own."""
        return bool(self.llm_base_url and self.llm_model)
