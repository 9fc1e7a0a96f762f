"""What the clients of services behind the router have in common."""

from typing import Protocol

from repartee.v1 import common_pb2
from services.router.turn import Embedding

# A call ends this much before its asker gives up, so that it is known to have hung.
MARGIN_SECONDS = 0.01


class Upstream(Protocol):
    """Something whose last call is remembered, for GetStatus."""

    is_failing: bool


def read_embedding(embedding: common_pb2.Embedding) -> Embedding:
    # The message's own list: a turn hands it on unread.
    return Embedding(embedding.embedder_id, embedding.values)


def write_embedding(embedding: Embedding | None) -> common_pb2.Embedding | None:
    if embedding is None:
        return None
    return common_pb2.Embedding(embedder_id=embedding.embedder_id, values=embedding.values)
