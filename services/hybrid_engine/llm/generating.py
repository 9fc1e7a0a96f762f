"""One reply without a conversation: a model's words where one answers in time, else a canned reply."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from libs.common.tenants.bundle import TenantBundle
from libs.common.text_fold import words
from services.hybrid_engine import channels
from services.hybrid_engine.bundles import BundleOfCaller
from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.gate import Allowed
from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.chat import Attempt, ChatPrompt, Purpose
from services.hybrid_engine.llm.endings import ContentFiltered, NoTier
from services.hybrid_engine.replies import CannedReplies

_log = logging.getLogger(__name__)

CANNED = "canned"
_DEFAULT_INTENT = "ask"
_TOO_LONG = "LLM_TOO_LONG"
_SYSTEM = {
    "fr": "{persona} Réponds pour {name} en français, {max_words} mots au plus, sans mise en forme. {tone}",
    "en": "{persona} Answer for {name} in English, at most {max_words} words, without markup. {tone}",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; fields as in `GenerateRequest`, with `max_words` 0 for the tenant's limit."""

    prompt: str
    intent: str = ""
    user: str = ""
    channel: str = ""
    max_words: int = 0
    allow_canned: bool = True
    conversation_id: str = ""


@dataclass(frozen=True, slots=True)
class Generated:
    """What is said, and what it took; tokens of words that did not serve are wasted."""

    text: str
    tier: str
    tier_index: int
    finish_reason: str
    attempts: tuple[Attempt, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    wasted_tokens: int = 0
    cost_micro_usd: int = 0

    @property
    def is_canned(self) -> bool:
        """Whether no model's words are in it."""
        return self.tier == CANNED


class Generating:
    """Words replies for channel bots and voices. Always says something unless it is told not to."""

    def __init__(
        self, *, bundles: BundleOfCaller, cascade_of: Callable[[TenantBundle], Cascade], replies: CannedReplies
    ) -> None:
        self._bundles = bundles
        self._cascade_of = cascade_of
        self._replies = replies

    async def generate(self, asked: Asked) -> Generated:
        """Returns a reply fit for its channel.

        Raises NotFound (TENANT_NOT_FOUND); NoTier (NO_TIER_AVAILABLE) only where canned replies are not allowed.
        """
        bundle = await self._bundles()
        cascade = self._cascade_of(bundle)
        max_words = asked.max_words or bundle.wording.max_words
        try:
            reply = await cascade.complete(_prompt(asked, bundle, max_words), purpose=_purpose(asked, bundle))
        except (NoTier, ContentFiltered) as error:
            _log.info("[ASK] 🤖 Tous LLM indisponibles → fallback répliques")
            return self._canned(asked, bundle, error, tier_index=len(cascade.tiers))
        refusal = _refusal(reply.text, asked, bundle, max_words)
        if refusal:
            attempts = (*reply.attempts[:-1], replace(reply.attempts[-1], reason=refusal))
            wasted = reply.wasted_tokens + reply.prompt_tokens + reply.completion_tokens
            error = NoTier(attempts, wasted_tokens=wasted, cost_micro_usd=reply.cost_micro_usd)
            return self._canned(asked, bundle, error, tier_index=len(cascade.tiers))
        return Generated(
            text=channels.fit(reply.text.strip(), asked.channel or bundle.channel, asked.user),
            tier=reply.tier,
            tier_index=reply.tier_index,
            finish_reason=reply.finish_reason,
            attempts=reply.attempts,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            wasted_tokens=reply.wasted_tokens,
            cost_micro_usd=reply.cost_micro_usd,
        )

    def _canned(
        self, asked: Asked, bundle: TenantBundle, error: NoTier | ContentFiltered, *, tier_index: int
    ) -> Generated:
        if not asked.allow_canned:
            raise NoTier(error.attempts)
        said = self._replies.reply(asked.intent or _DEFAULT_INTENT, bundle, asked.conversation_id)
        # The tenant's own text: nothing that a customer wrote.
        _log.info("[ASK] ✅ Fallback error envoyé: %s", said)
        return Generated(
            text=channels.fit(said, asked.channel or bundle.channel, asked.user),
            tier=CANNED,
            tier_index=tier_index,
            finish_reason="content_filter" if isinstance(error, ContentFiltered) else CANNED,
            attempts=error.attempts,
            wasted_tokens=error.wasted_tokens,
            cost_micro_usd=error.cost_micro_usd,
        )


def _prompt(asked: Asked, bundle: TenantBundle, max_words: int) -> ChatPrompt:
    system = _SYSTEM["en" if bundle.locale.startswith("en") else "fr"].format(
        persona=bundle.agents[0].persona, name=bundle.name, max_words=max_words, tone=bundle.wording.tone
    )
    return ChatPrompt(system.strip(), asked.prompt, max_output_tokens=6 * max_words + 16)


def _purpose(asked: Asked, bundle: TenantBundle) -> Purpose:
    return Purpose("generate", language=bundle.locale[:2], conversation_id=asked.conversation_id)


def _refusal(text: str, asked: Asked, bundle: TenantBundle, max_words: int) -> str:
    """Returns why a model's words may not go out, or nothing; the caller's own facts may, but never to be paid to."""
    if len(words(text)) > max_words:
        return _TOO_LONG
    return Allowed.of(bundle, FlowState(), (asked.prompt,)).refusal(text)
