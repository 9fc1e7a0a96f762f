"""What a model is asked and what comes back: values that cross from the cascade to the engines."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """What a model is asked: a system text, what was said before as (role, text), and the last message."""

    system: str
    user: str
    history: tuple[tuple[str, str], ...] = ()
    max_output_tokens: int = 256


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a reply is for: how it is asked for, and on which row of the ledger it goes.

    `component` is one of `libs.common.spending.ledger.Charge`. `temperature` replaces the tier's own where it is not
    None. `json` asks for a JSON object, which is never continued by another tier. `language` is that of the
    conversation; a reply that has to be closed is closed in it. `variant` is the one that the turn was assigned to.
    """

    component: str = "answer"
    temperature: float | None = None
    json: bool = False
    language: str = "fr"
    variant: str = ""
    agent: str = ""
    conversation_id: str = ""
    turn_id: str = ""


class MidStream(Enum):
    """What happens to a stream whose tier dies.

    HOLD_BACK: nothing is sent before all of it is there, so that a death is never seen. RESTART: the first sentence is
    held back; a later death voids what was sent, and the next tier begins anew. CONTINUE_SENTENCE: whole sentences are
    sent, and the next tier is asked for what is missing after the last of them; what was spoken cannot be unsaid.
    FAIL: a death after the first piece ends the stream there.
    """

    HOLD_BACK = "hold_back"
    RESTART = "restart"
    CONTINUE_SENTENCE = "continue_sentence"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one tier. `reason` is UPPER_SNAKE, and empty for the try that served.

    `model` is empty where the tier was passed over without being asked.
    """

    tier: str
    model: str
    reason: str
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What models wrote, and what it took.

    `complete` is false for a text that was cut and closed with a canned phrase; `finish_reason` then says why
    (`stall`, `length`, `content_filter`). Tokens are those of the text; `wasted_tokens` those of tries that died.
    `cost_micro_usd` counts both. `tier_index` is the place of `tier` in the cascade, from 0.
    """

    text: str
    tier: str
    finish_reason: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    tier_index: int = 0
    complete: bool = True
    wasted_tokens: int = 0
    cost_micro_usd: int = 0
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the reply, to append."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """Everything sent so far is void; another tier begins anew. `reason` is UPPER_SNAKE."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a stream; `reply.text` is all that was said and not made void."""

    reply: ChatReply


Streamed = Delta | Restarted | Finished
