"""Settings of the router."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from libs.common.settings import ServiceSettings
from services.router.variant_names import variant_names


class RouterSettings(ServiceSettings):
    """What the router can be told beside what every service can."""

    model_config = SettingsConfigDict(validate_by_name=True, validate_by_alias=True)

    port: int = Field(50051, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    use_hybrid_botlive: str = Field(
        "",
        validation_alias="USE_HYBRID_BOTLIVE",
        description="`true` gives conversations to the hybrid engine, `false` or nothing to the classic one.",
    )
    rollout_percent: float = Field(
        100.0, ge=0, le=100, description="Share of conversations for the hybrid engine once it is switched on."
    )
    switch_file: Path | None = Field(
        None,
        description="File that says USE_HYBRID_BOTLIVE while the router runs: an env file, one with only the word, "
        "or the folder of a mounted ConfigMap. It wins over the variable.",
    )
    variant_names: str = Field(
        "",
        description="What operators call the two systems, classic first, such as `v1,v2`: in figures, sentences and "
        "log lines. `old` and `hybrid` when empty. Keys, metric labels and commands keep their names.",
    )
    replica: str = Field("", description="What operators call this replica; its host and process when empty.")
    cache_target: str = Field("127.0.0.1:50054", description="Where the cache service listens.")
    hybrid_target: str = Field("127.0.0.1:50052", description="Where the hybrid engine listens.")
    classic_target: str = Field("127.0.0.1:50056", description="Where the classic engine listens.")
    conversation_days: int = Field(30, ge=1, le=3650, description="Days a conversation is kept after its last turn.")
    history_messages: int = Field(20, ge=0, le=50, description="Earlier messages that an engine is shown.")
    abandon_minutes: int = Field(
        30, ge=1, le=1440, description="Silence after which a conversation that was asked for something is abandoned."
    )
    outbox_turns: int = Field(
        10_000,
        ge=1,
        description="Turns that wait while the store of conversations is away: in the state folder, else in memory.",
    )

    @field_validator("variant_names")
    @classmethod
    def _variant_names_are_two(cls, text: str) -> str:
        variant_names(text)
        return text
