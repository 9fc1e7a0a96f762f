"""What a month costs by a mix of messages: which calls each message makes, and how long their prompts are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.common.spending.prices import Prices
from libs.common.yaml_document import read_document

_Tokens = Annotated[int, Field(ge=0, le=1_000_000)]
_Name = Annotated[str, Field(min_length=1, max_length=80)]


class Calls(BaseModel):
    """The calls of one component: how many a message, of which model, with how many tokens each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    component: _Name
    model: Annotated[str, Field(min_length=1, max_length=200)]
    per_message: Annotated[float, Field(ge=0, le=100)] = 1.0
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0
    searches: Annotated[int, Field(ge=0, le=100)] = 0
    # What was promised for it, in dollars a month; printed beside, never asserted.
    promised_usd: Annotated[str, Field(max_length=20)] = ""


class Mix(BaseModel):
    """A month: its conversations and messages, and the calls of each way to answer them, by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conversations: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1000
    messages: Annotated[int, Field(ge=1, le=10_000_000_000)] = 5000
    ways: dict[_Name, Annotated[tuple[Calls, ...], Field(max_length=50)]]
    # Ways to compare: each with the one that it replaces.
    against: dict[_Name, _Name] = Field(default_factory=dict)


_HAIKU, _SONNET, _MINI = "anthropic/claude-3.5-haiku", "anthropic/claude-3.5-sonnet", "gpt-4o-mini"

# Every number of tokens here is an assumption: a persona, a question and some history are 500 to 700 tokens, three
# passages 900, a routing decision 60, an answer 200. Version 1 put all of a small shop's documents into each prompt.
ASSUMED_MIX = Mix(
    ways={
        "v1": (
            Calls(component="agents", model=_SONNET, prompt_tokens=5000, completion_tokens=250, promised_usd="80–100"),
        ),
        "v2": (
            Calls(component="orchestrator", model=_HAIKU, prompt_tokens=600, completion_tokens=60, promised_usd="5"),
            Calls(component="agents", model=_SONNET, prompt_tokens=1500, completion_tokens=200, promised_usd="20"),
            Calls(component="embeddings", model="text-embedding-3-small", prompt_tokens=30, promised_usd="5"),
            Calls(component="rerank", model="rerank-multilingual-v3.0", searches=1, promised_usd="5"),
        ),
        "classic": (Calls(component="classic", model=_MINI, prompt_tokens=2200, completion_tokens=120),),
        "hybrid": (Calls(component="wording", model=_MINI, prompt_tokens=180, completion_tokens=25),),
    },
    against={"v2": "v1", "hybrid": "classic"},
)

COMPARED_MODELS = (
    "claude-3-5-sonnet",
    "anthropic/claude-3.5-sonnet",
    "gpt-4o",
    "anthropic/claude-3.5-haiku",
    "llama-3.3-70b-versatile",
    "gpt-4o-mini",
)
"""Models to compare, the baseline first: the vendor's own, through a gateway, then cheaper ones."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One component's month; `usd` is None when no list names its model."""

    way: str
    calls: Calls
    count: int
    usd: Decimal | None


def load_mix(path: Path | None) -> Mix:
    """Returns the mix of a YAML file, the assumed one without a file; raises InvalidRequest (MIX_INVALID), OSError."""
    if path is None:
        return ASSUMED_MIX
    return read_document(Mix, path.read_text(encoding="utf-8"), source_name=str(path), reason="MIX_INVALID")


def month(mix: Mix, prices: Prices) -> list[CostLine]:
    """Returns the month's lines, in the order of the mix, at the newest prices."""
    return [
        CostLine(way, calls, round(calls.per_message * mix.messages), _usd(calls, mix.messages, prices))
        for way, all_calls in mix.ways.items()
        for calls in all_calls
    ]


def totals(lines: Sequence[CostLine]) -> Mapping[str, Decimal]:
    """Returns the dollars of each way, what has no price left out."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        sums[line.way] = sums.get(line.way, Decimal(0)) + (line.usd or 0)
    return sums


def saving(new: Decimal | float, old: Decimal | float) -> str:
    """Returns in words how much cheaper `new` is than `old`: `56 % cheaper`."""
    if not old:
        return "nothing to compare with"
    share = round((1 - float(new) / float(old)) * 100)
    return f"{share} % cheaper" if share >= 0 else f"{-share} % dearer"


def _usd(calls: Calls, messages: int, prices: Prices) -> Decimal | None:
    price = prices.find(calls.model)
    if price is None:
        return None
    each = price.usd(
        prompt_tokens=calls.prompt_tokens, completion_tokens=calls.completion_tokens, searches=calls.searches
    )
    return each * Decimal(str(calls.per_message)) * messages
