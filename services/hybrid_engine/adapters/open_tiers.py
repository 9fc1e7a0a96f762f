"""Tiers as a bundle or a file describes them, made into models that can be asked."""

import logging
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from libs.common.spending.prices import is_local
from libs.common.tenants.bundle import Tier
from services.hybrid_engine.adapters.openai_chat import OpenAIChat
from services.hybrid_engine.llm.choosing import OpenTier
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.llm.model import Limits, Traits
from services.hybrid_engine.settings import EngineSettings

_log = logging.getLogger(__name__)

# The tier that REPARTEE_LLM_BASE_URL and REPARTEE_LLM_MODEL make; its key is a setting, not a variable of its choice.
SETTINGS_TIER = "default"
_SETTINGS_KEY = "REPARTEE_LLM_API_KEY"


def tier_of_settings(settings: EngineSettings) -> Tier:
    """Returns the one tier that the plain settings describe."""
    return Tier(
        name=SETTINGS_TIER,
        base_url=settings.llm_base_url,
        model=settings.llm_model,
        api_key_env=_SETTINGS_KEY if settings.llm_api_key.get_secret_value() else "",
        temperature=settings.llm_temperature,
        timeout_seconds=settings.llm_seconds,
        continuous_usage=settings.llm_continuous_usage,
    )


class TierOpener:
    """Makes tiers; none connects before it is asked. Keys come from the environment only."""

    def __init__(self, settings: EngineSettings, *, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._environment = environment

    def open(self, tier: Tier) -> OpenTier:
        """Returns the tier; without its key it is there to be seen, and never asked."""
        settings = self._settings
        key = self._key(tier)
        model = OpenAIChat(
            name=tier.name,
            base_url=tier.base_url,
            api_key=key,
            models=(tier.model, *tier.more_models),
            temperature=tier.temperature,
            max_concurrent=settings.llm_max_concurrent,
            counts_as_it_goes=tier.continuous_usage,
            knows_json_mode=tier.json_mode,
        )
        limits = Limits(
            whole_seconds=tier.timeout_seconds,
            first_token_seconds=tier.first_token_seconds or settings.llm_first_token_seconds,
            gap_seconds=tier.gap_seconds or settings.llm_gap_seconds,
            sentence_seconds=settings.llm_sentence_seconds,
        )
        traits = Traits(
            limits=limits,
            context_tokens=tier.context_tokens,
            continues=tier.prefill,
            is_free=is_local(tier.base_url),
            address=_shown(tier.base_url),
        )
        guarded = GuardedTier(model, traits, has_key=bool(key) or not tier.api_key_env)
        if not guarded.has_key:
            _log.warning("[MODEL] ⚠️ Pas de clé %s configurée", guarded.label)
        return OpenTier(guarded, model.aclose)

    def _key(self, tier: Tier) -> str:
        """Returns the tier's key, without the line's end that a file leaves on it; empty for what cannot be one."""
        if tier.api_key_env == _SETTINGS_KEY:
            key = self._settings.llm_api_key.get_secret_value().strip()
        else:
            key = self._environment.get(tier.api_key_env, "").strip() if tier.api_key_env else ""
        if key.isascii() and key.isprintable():
            return key
        # Sent in a header, it would fail every call with an error that shows it.
        _log.warning("[MODEL] ⚠️ %s: characters that no key has", tier.api_key_env)
        return ""


def _shown(base_url: str) -> str:
    """Returns an address without what might be a secret in it."""
    parts = urlsplit(base_url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
