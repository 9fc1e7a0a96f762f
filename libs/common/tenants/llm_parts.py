"""The language models of a bundle: which, in which order, and what is said when none answers."""

from typing import Annotated, Literal

from pydantic import Field

from libs.common.tenants.part import Identifier, Part


class Tier(Part):
    """One OpenAI-compatible language model, tried in the order of the list."""

    name: Identifier
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=500)]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    # Tried in this order after `model` when that one is gone or full; for gateways that know several.
    more_models: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=8)] = ()
    # Tokens that the model reads at most; a prompt that another tier found too long goes to one with more.
    context_tokens: Annotated[int, Field(ge=512, le=10_000_000)] = 8192
    # Name of the environment variable that holds the key, never the key.
    api_key_env: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*_API_KEY)?$", max_length=80)] = ""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.3
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 6.0


class Llm(Part):
    """The tenant's own models; without it, those of the installation."""

    tiers: Annotated[tuple[Tier, ...], Field(max_length=8)] = ()
    # What canned replies sound like when no model answers: jokes, one plain sentence, or a sign.
    fallback_mode: Literal["fun", "silent", "minimal"] = "silent"
