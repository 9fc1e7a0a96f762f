"""What the service and its reading process say to each other: lengths, then bytes."""

import json
import struct
from typing import Any

from services.rag.chunking import Block
from services.rag.documents import Parsed, Refusal

LENGTH = struct.Struct(">I")


def frame(content: bytes) -> bytes:
    """Returns the bytes with their length in front."""
    return LENGTH.pack(len(content)) + content


def write_answer(answer: Parsed | Refusal) -> bytes:
    """Returns the answer as JSON."""
    if isinstance(answer, Refusal):
        said: dict[str, Any] = {"reason": answer.reason, "detail": answer.detail}
    else:
        said = {"title": answer.title, "blocks": [[*block.headings, block.text] for block in answer.blocks]}
    # Lone surrogates, which a PDF may hold, do not survive: nothing behind could store them.
    return json.dumps(said, ensure_ascii=False).encode("utf-8", errors="replace")


def read_answer(said: bytes) -> Parsed | Refusal:
    """Returns what `write_answer` wrote; raises ValueError or KeyError for anything else."""
    answer: dict[str, Any] = json.loads(said)
    if "reason" in answer:
        return Refusal(str(answer["reason"]), str(answer["detail"]), is_quarantine=True)
    blocks = tuple(Block(tuple(each[:-1]), str(each[-1])) for each in answer["blocks"])
    return Parsed(str(answer["title"]), blocks)
