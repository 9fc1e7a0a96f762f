"""The port for sentence embeddings."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity, from -1 to 1.

    `embedder_id` names the model with everything that changes its vectors: vectors of different ids must never be
    compared, and a threshold belongs to one id.
    """

    @property
    def embedder_id(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns a matrix of (len(texts), dimensions), float32, each row of length 1.

        Long texts are cut, at a length that the adapter documents. Raises Unavailable (EMBEDDER_UNAVAILABLE).
        """
        ...
