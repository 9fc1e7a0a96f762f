"""Which cascade a tenant has: its own models when its bundle names some, else those of the process."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from libs.common.tenants.bundle import TenantBundle, Tier
from services.hybrid_engine.llm.tiers import Cascade, ChatModel, LlmMode

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Own:
    tiers: Sequence[Tier]
    cascade: Cascade


class Cascades:
    """Cascades by tenant, made when first needed and again when the tenant's tiers change.

    `open_tier` makes a model of a tier and its key, and closes what it opened when the process ends.
    """

    def __init__(
        self,
        *,
        of_process: Cascade,
        open_tier: Callable[[Tier, str], ChatModel],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._of_process = of_process
        self._open_tier = open_tier
        self._environment = environment
        self._own: dict[str, _Own] = {}

    @property
    def mode(self) -> LlmMode:
        """When models may be called in this process."""
        return self._of_process.mode

    def set_mode(self, mode: LlmMode) -> LlmMode:
        """Changes when models may be called, at once; returns what it was."""
        previous = self._of_process.mode
        for cascade in (self._of_process, *(own.cascade for own in self._own.values())):
            cascade.mode = mode
        return previous

    @property
    def of_process(self) -> Cascade:
        """The cascade of tenants without models of their own."""
        return self._of_process

    def of(self, bundle: TenantBundle) -> Cascade:
        """Returns the cascade for `bundle`; a tier whose key is not in the environment is left out, and logged."""
        if not bundle.llm.tiers:
            return self._of_process
        known = self._own.get(bundle.id)
        if known is None or known.tiers != bundle.llm.tiers:
            known = _Own(bundle.llm.tiers, self._make(bundle))
            self._own[bundle.id] = known
        return known.cascade

    def _make(self, bundle: TenantBundle) -> Cascade:
        models: list[ChatModel] = []
        for tier in bundle.llm.tiers:
            key = self._environment.get(tier.api_key_env, "") if tier.api_key_env else ""
            if tier.api_key_env and not key:
                _log.warning("tenant %s: tier %s is off, %s is not set", bundle.id, tier.name, tier.api_key_env)
                continue
            models.append(self._open_tier(tier, key))
        return Cascade(models, mode=self._of_process.mode, whole_seconds=self._of_process.whole_seconds)
