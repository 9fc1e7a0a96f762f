"""The language models of a bundle: which, in which order, and what is said when none answers."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

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
    # Longest waits for the first token and between two; the installation's when missing.
    first_token_seconds: Annotated[float | None, Field(gt=0, le=60)] = None
    gap_seconds: Annotated[float | None, Field(gt=0, le=60)] = None
    # What the server knows beyond the common ground: `continuous_usage_stats` in streams, the JSON object format, and
    # to go on from an assistant message that is the last of a prompt.
    continuous_usage: bool = False
    json_mode: bool = False
    prefill: bool = False


class Llm(Part):
    """The tenant's own models; without it, those of the installation."""

    tiers: Annotated[tuple[Tier, ...], Field(max_length=8)] = ()
    # What canned replies sound like when no model answers: jokes, one plain sentence, or a sign.
    fallback_mode: Literal["fun", "silent", "minimal"] = "silent"


def tier_contradictions(tier: Tier) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields where a tier contradicts itself, as a path within it and what was expected."""
    seen = {tier.model}
    for index, model in enumerate(tier.more_models):
        if model in seen:
            yield ("more_models", index), f"{model!r} is there twice"
        seen.add(model)
    for name in ("first_token_seconds", "gap_seconds"):
        seconds = getattr(tier, name)
        if seconds is not None and seconds > tier.timeout_seconds:
            yield (name,), f"is longer than `timeout_seconds` ({tier.timeout_seconds:g})"
    parts = urlsplit(tier.base_url)
    try:
        _ = parts.port
    except ValueError:
        yield ("base_url",), "has no good port"
    if parts.username or parts.password:
        yield ("base_url",), "must not hold a password; name the key's variable in `api_key_env`"
