"""A deleted conversation leaves nothing: every key and value of the store, and every file of the outbox, is read."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from redis import Redis

from libs.common.redis_store import RedisStore
from services.router.adapters.file_outbox import FileOutbox
from services.router.adapters.memory_shadow import MemoryShadowCounts
from services.router.adapters.redis_conversations import RedisConversations
from services.router.keeping import Keeping
from services.router.steady_conversations import SteadyConversations
from services.router.turn import Stored
from tests.fakes.router_world import RouterWorld, call

USER, STAYING_USER = "user-awa-4471", "user-koffi"
SECRETS = ("conversation-9981", "conversation-9982", USER, "0707360757", "photo-du-colis.jpg")


def dump(redis_url: str, folder: Path) -> Mapping[str, bytes]:
    """Every key with all it holds, and every file."""
    found: dict[str, bytes] = {}
    with Redis.from_url(redis_url) as client:
        for key in client.scan_iter(count=1000):
            kind = client.type(key)
            value = {
                b"string": client.get,
                b"hash": client.hgetall,
                b"list": lambda key: client.lrange(key, 0, -1),
                b"set": client.smembers,
                b"stream": client.xrange,
            }[kind](key)
            found[key.decode()] = repr(value).encode() + (value if isinstance(value, bytes) else b"")
        assert len(found) == client.dbsize()
    return found | {path.name: path.read_bytes() for path in folder.iterdir()}


def traces(redis_url: str, folder: Path) -> list[str]:
    """The secrets that are still somewhere."""
    everything = dump(redis_url, folder)
    return [
        secret
        for secret in SECRETS
        if any(secret in name or secret.encode() in value for name, value in everything.items())
    ]


class Shop:
    """A router on a real store, with its outbox on a disk."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.redis_url, self.folder = redis_url, folder
        self.redis = RedisStore.connect(redis_url, timeout_seconds=2.0)
        self.is_up = True
        self.outbox, _ = FileOutbox.open(folder)
        self.steady = SteadyConversations(
            RedisConversations(self.redis),
            is_back=self._is_back,
            outbox=self.outbox,
            timeout_seconds=2.0,
            outbox_timeout_seconds=10.0,
        )
        self.world = RouterWorld(conversations=self.steady)
        self.keeping = Keeping(self.steady, unseen=MemoryShadowCounts())

    async def _is_back(self) -> bool:
        return self.is_up

    async def talk(self, conversation: str, user_id: str) -> None:
        for number, text in enumerate(("mon numéro est 0707360757", "voici photo-du-colis.jpg", "merci")):
            answered = await self.world.say(
                text, conversation=conversation, user_id=user_id, turn_id=f"{conversation}-{number}"
            )
            assert answered.stored is (Stored.DURABLE if self.is_up else Stored.PENDING)

    async def go_down(self) -> None:
        self.is_up, self.steady.is_down = False, True

    async def come_back(self) -> None:
        self.is_up = True
        assert await self.steady.replay()


@pytest.fixture
async def shop(redis_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(redis_url, tmp_path)
    yield shop
    await shop.outbox.aclose()
    await shop.redis.aclose()


async def test_conversation_that_is_deleted_leaves_nothing(shop: Shop) -> None:
    await shop.talk("conversation-9981", USER)
    await shop.world.say("bonjour", conversation="staying", user_id=STAYING_USER, turn_id="staying-1")
    assert len(traces(shop.redis_url, shop.folder)) == len(SECRETS) - 1
    principal = call().principal
    assert await shop.keeping.delete(principal, conversation_id="conversation-9981", user_id="") == 1
    assert traces(shop.redis_url, shop.folder) == []
    # What belongs to somebody else is where it was.
    assert list(await shop.steady.conversations_of(principal, STAYING_USER)) == ["staying"]
    assert (await shop.world.say("bonjour", conversation="staying", turn_id="staying-1")).replayed


async def test_customer_who_is_deleted_leaves_nothing_also_after_an_outage(shop: Shop) -> None:
    await shop.talk("conversation-9981", USER)
    await shop.go_down()
    await shop.talk("conversation-9982", USER)
    assert "conversation-9982" in traces(shop.redis_url, shop.folder)
    await shop.come_back()
    assert await shop.keeping.delete(call().principal, conversation_id="", user_id=USER) == 2
    assert traces(shop.redis_url, shop.folder) == []
    # Nor does this process remember it when the store goes away again.
    await shop.go_down()
    away = await shop.world.say("bonjour", conversation="conversation-9982")
    assert away.reply.state.event_count == 1
