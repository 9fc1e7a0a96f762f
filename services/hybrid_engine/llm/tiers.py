"""The cascade's names in one place, for the engines."""

from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.chat import (
    Attempt,
    ChatPrompt,
    ChatReply,
    Delta,
    Finished,
    MidStream,
    Purpose,
    Restarted,
    Streamed,
)
from services.hybrid_engine.llm.endings import ContentFiltered, NoTier, no_tier
from services.hybrid_engine.llm.mode import LlmMode
from services.hybrid_engine.llm.model import ChatModel

__all__ = [
    "Attempt",
    "Cascade",
    "ChatModel",
    "ChatPrompt",
    "ChatReply",
    "ContentFiltered",
    "Delta",
    "Finished",
    "LlmMode",
    "MidStream",
    "NoTier",
    "Purpose",
    "Restarted",
    "Streamed",
    "no_tier",
]
