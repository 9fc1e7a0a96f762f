"""A fake embedder: hashed bags of words, the same in every process, that can fail or wait."""

import asyncio
import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from libs.common.errors import Unavailable


class HashEmbedder:
    """Texts that share words are similar; case, accents and punctuation do not count.

    `fail_times` calls fail before the next works; with `gate` set, calls wait for it. `calls` keeps what was asked.
    """

    def __init__(self, dimensions: int = 64, *, fail_times: int = 0, gate: asyncio.Event | None = None) -> None:
        self.dimensions = dimensions
        self.embedder_id = f"hash-{dimensions}"
        self.fail_times = fail_times
        self.gate = gate
        self.calls: list[tuple[str, ...]] = []

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(tuple(texts))
        if self.gate is not None:
            await self.gate.wait()
        if self.fail_times > 0:
            self.fail_times -= 1
            raise Unavailable("EMBEDDER_UNAVAILABLE", "The fake embedder was told to fail.")
        rows = [self._row(text) for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dimensions), dtype=np.float32)

    def _row(self, text: str) -> NDArray[np.float32]:
        row = np.zeros(self.dimensions, dtype=np.float32)
        plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
        for word in re.findall(r"\w+", plain) or [plain]:
            digest = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
            row[(digest >> 1) % self.dimensions] += 1.0 if digest & 1 else -1.0
        length = float(np.linalg.norm(row))
        if length == 0.0:  # words that cancelled each other
            row[0] = length = 1.0
        return row / np.float32(length)
