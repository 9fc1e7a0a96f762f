"""List prices as their vendors publish them, before taxes, volume discounts and cached prompts.

Copied from public listings of the pages that `source` names, as they stood on `READ_ON`; a contract of one's own goes
into a file (`libs.common.spending.price_file`). An older price stays in the list, so that old days keep their cost.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

READ_ON = datetime.date(2026, 11, 20)


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs in dollars from the day `since` on.

    Per million tokens of the prompt and of the completion, per thousand searches, per thousand characters.
    """

    model: str
    since: datetime.date
    source: str
    prompt_usd: Decimal = Decimal(0)
    completion_usd: Decimal = Decimal(0)
    search_usd: Decimal = Decimal(0)
    character_usd: Decimal = Decimal(0)

    def usd(
        self, *, prompt_tokens: int = 0, completion_tokens: int = 0, searches: int = 0, characters: int = 0
    ) -> Decimal:
        """Returns what that much costs in dollars, without rounding."""
        tokens = self.prompt_usd * prompt_tokens + self.completion_usd * completion_tokens
        return tokens / 1_000_000 + (self.search_usd * searches + self.character_usd * characters) / 1000


_OPENAI = "openai.com/api/pricing"
_GROQ = "groq.com/pricing"
_OPENROUTER = "openrouter.ai/models"
_ANTHROPIC = "claude.com/pricing"
_COHERE = "cohere.com/pricing"
_ELEVENLABS = "elevenlabs.io/pricing/api"


def _tokens(model: str, since: str, source: str, prompt_usd: str, completion_usd: str = "0") -> Price:
    return Price(
        model,
        datetime.date.fromisoformat(since),
        source,
        prompt_usd=Decimal(prompt_usd),
        completion_usd=Decimal(completion_usd),
    )


def _searches(model: str, since: str, usd: str) -> Price:
    return Price(model, datetime.date.fromisoformat(since), _COHERE, search_usd=Decimal(usd))


def _characters(model: str, since: str, usd: str) -> Price:
    return Price(model, datetime.date.fromisoformat(since), _ELEVENLABS, character_usd=Decimal(usd))


PRICES: Sequence[Price] = (
    _tokens("gpt-4o-mini", "2024-07-18", _OPENAI, "0.15", "0.60"),
    _tokens("gpt-4o", "2024-05-13", _OPENAI, "5.00", "15.00"),
    _tokens("gpt-4o", "2024-10-02", _OPENAI, "2.50", "10.00"),
    _tokens("gpt-4.1", "2025-04-14", _OPENAI, "2.00", "8.00"),
    _tokens("gpt-4.1-mini", "2025-04-14", _OPENAI, "0.40", "1.60"),
    _tokens("text-embedding-3-small", "2024-01-25", _OPENAI, "0.02"),
    _tokens("text-embedding-3-large", "2024-01-25", _OPENAI, "0.13"),
    _tokens("llama-3.3-70b-versatile", "2024-12-06", _GROQ, "0.59", "0.79"),
    _tokens("llama-3.1-8b-instant", "2024-07-23", _GROQ, "0.05", "0.08"),
    _tokens("openai/gpt-4o-mini", "2024-07-18", _OPENROUTER, "0.15", "0.60"),
    _tokens("openai/gpt-4o", "2024-10-02", _OPENROUTER, "2.50", "10.00"),
    _tokens("anthropic/claude-3.5-haiku", "2024-12-03", _OPENROUTER, "0.80", "4.00"),
    _tokens("anthropic/claude-3.5-sonnet", "2024-06-20", _OPENROUTER, "3.00", "15.00"),
    _tokens("claude-3-5-haiku", "2024-12-03", _ANTHROPIC, "0.80", "4.00"),
    _tokens("claude-3-5-sonnet", "2024-06-20", _ANTHROPIC, "3.00", "15.00"),
    # A search is one question with up to 100 passages.
    _searches("rerank-multilingual-v3.0", "2024-04-11", "2.00"),
    _searches("rerank-english-v3.0", "2024-04-11", "2.00"),
    _searches("rerank-v3.5", "2024-12-02", "2.00"),
    _searches("rerank-v4.0-fast", "2025-12-11", "2.00"),
    _characters("eleven_turbo_v2_5", "2026-06-01", "0.05"),
    _characters("eleven_flash_v2_5", "2026-06-01", "0.05"),
    _characters("eleven_multilingual_v2", "2026-06-01", "0.10"),
)
"""Every known price."""
