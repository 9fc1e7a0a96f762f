"""What the engine can be told by environment variables."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from libs.common.settings import ServiceSettings

_CLASSIC_PORT = 50056


class EngineSettings(ServiceSettings):
    """Settings of a process that serves one of the two engines. Its port is 50052 for hybrid and 50056 for classic."""

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
    llm_mode: Literal["auto", "enabled", "disabled"] = Field(
        "auto",
        description="`auto` rests a tier that failed lately, `enabled` always tries it, `disabled` calls no model.",
    )
    llm_seconds: float = Field(6.0, gt=0, le=60, description="Longest wait for a whole reply of a model.")
    llm_first_token_seconds: float = Field(2.5, gt=0, le=60, description="Longest wait for a model's first token.")
    llm_gap_seconds: float = Field(1.5, gt=0, le=60, description="Longest silence between two tokens.")
    llm_max_concurrent: int = Field(32, ge=1, description="Requests to one tier at the same time.")

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
