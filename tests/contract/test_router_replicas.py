"""Two replicas of the router on one real store: turns of a conversation at once are neither lost nor applied twice."""

import asyncio
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.errors import Conflict
from libs.common.redis_store import RedisStore
from services.router.adapters.redis_conversations import RedisConversations
from services.router.conversations import ConversationRef
from services.router.steady_conversations import SteadyConversations
from services.router.turn import Reply, Turn
from tests.fakes.router_world import RouterWorld, call

# A turn by its number, and the replica it is sent to; a number that comes again is a retry.
Sent = tuple[int, int]


def replica(redis: RedisStore) -> RouterWorld:
    """A router with an engine and a memory of its own."""
    steady = SteadyConversations(RedisConversations(redis), is_back=redis.ping, timeout_seconds=5.0)
    return RouterWorld(conversations=steady)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=12))
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_turn_has_one_effect_wherever_and_however_often_it_is_sent(redis_url: str, sent: list[Sent]) -> None:
    numbers = {number for number, _ in sent}
    conversation = f"c-{abs(hash(tuple(sent)))}-{len(sent)}"

    async def everything() -> None:
        redis = RedisStore.connect(redis_url, timeout_seconds=5.0)
        try:
            replicas = [replica(redis), replica(redis)]

            async def send(number: int, to: int) -> tuple[int, Reply]:
                turn = Turn(conversation, f"message {number}", turn_id=f"t{number}")
                while True:
                    try:
                        return number, (await replicas[to].chat.reply(turn, call())).reply
                    except Conflict:
                        # Others held it for five tries: the caller is told to send it again.
                        await asyncio.sleep(0)

            replies = await asyncio.gather(*(send(number, to) for number, to in sent))
            ref = ConversationRef(call().principal, conversation)
            page = await RedisConversations(redis).page(ref, size=200, token="")
            assert page is not None
            # Every turn once, in one order, and its state is the fold over exactly these.
            customer = [message.text for message in page.messages if message.author == "customer"]
            assert Counter(customer) == Counter(f"message {number}" for number in numbers)
            assert page.state.event_count == len(numbers)
            assert [page.state.slots[f"turn{at + 1}"].value for at in range(len(numbers))] == customer
            # Every call of one turn got one and the same reply.
            assert len({(number, reply.text, reply.state.event_count) for number, reply in replies}) == len(numbers)
        finally:
            await redis.aclose()

    asyncio.run(everything())
