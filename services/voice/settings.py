"""Settings of the voice service."""

from pathlib import Path

from pydantic import Field, SecretStr

from libs.common.settings import ServiceSettings


class VoiceSettings(ServiceSettings):
    """What the voice service can be told beside what every service can."""

    port: int = Field(50055, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    router_target: str = Field("127.0.0.1:50051", description="Where the router listens, for spoken conversations.")
    elevenlabs_api_key: SecretStr | None = Field(
        None, description="Key of ElevenLabs; without it a local voice speaks."
    )
    elevenlabs_base_url: str | None = Field(
        None, description="Address of the ElevenLabs API when it is not the public one."
    )
    elevenlabs_voice: str = Field("21m00Tcm4TlvDq8ikWAM", description="ElevenLabs voice of tenants that name none.")
    elevenlabs_model: str = Field("eleven_turbo_v2_5", description="ElevenLabs model.")
    elevenlabs_first_byte_seconds: float = Field(
        0.6, gt=0, le=30, description="How long ElevenLabs may take to its first audio before the next voice speaks."
    )
    elevenlabs_gap_seconds: float = Field(
        0.4, gt=0, le=30, description="How long ElevenLabs may pause amid audio before the next voice goes on."
    )
    elevenlabs_max_concurrent: int = Field(
        4, ge=1, le=100, description="Generations at once; the plan of the key sets the limit."
    )
    voice_cooldown_seconds: float = Field(15.0, ge=0, le=600, description="How long a voice that failed is tried last.")
    local_voices: str = Field(
        "pico,espeak",
        pattern=r"^(none|(pico|espeak)(, ?(pico|espeak))?)$",
        description="Local voices in order of preference, comma-separated: `pico`, `espeak`; or `none`.",
    )
    local_voice_threads: int = Field(2, ge=1, le=32, description="Texts that the local voice synthesises at once.")
    elevenlabs_mulaw: bool = Field(
        False, description="Ask ElevenLabs for µ-law where 8 kHz are wanted: half the bytes, telephone quality."
    )
    prices_file: Path | None = Field(None, description="YAML file of prices of models, in front of those shipped.")
    phrase_memory_mb: int = Field(64, ge=1, le=4096, description="Memory for phrases that are kept as audio.")
