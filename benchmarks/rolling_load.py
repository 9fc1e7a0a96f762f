"""Customers who go on while replicas come and go, and what they were told: chats, streamed chats, calls, audio."""

import asyncio
import itertools
import secrets
from collections import Counter
from dataclasses import dataclass, field

import grpc
import grpc.aio

from repartee.v1 import router_pb2, router_pb2_grpc, voice_pb2, voice_pb2_grpc

# Longer than a turn takes here: a call that ends with DEADLINE_EXCEEDED was lost.
TURN_SECONDS = 20.0
_PAUSE_SECONDS = 0.15
_AGAIN_SECONDS = 0.2
_TRIES = 5
# Every so many turns the last one is sent again, as a channel does that got no answer.
_SENT_AGAIN_EVERY = 5
_TURNS_OF_A_CALL = 2
# A listener takes audio as fast as it plays, sped up.
_PCM_BYTES_A_SECOND, _SPEED = 16_000, 3
_ANNOUNCEMENT = (
    "Votre commande est prête et part ce matin de notre entrepôt de Treichville. Le livreur vous appelle avant de "
    "passer, entre dix heures et midi. Gardez votre téléphone près de vous, et préparez l'appoint si vous le pouvez."
)
_MESSAGES = ("Bonjour", "Je veux commander", "Quels sont vos horaires ?", "Livrez-vous à Cocody ?", "merci")

# Every question is another one, so that an engine answers it and not the cache.
_NUMBERS = itertools.count(2)

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that a client saw fail; `at` in seconds of the event loop's clock."""

    at: float
    what: str
    why: str


@dataclass
class Tally:
    """What one kind of client saw."""

    calls: Counter[str] = field(default_factory=Counter[str])
    failures: list[Failure] = field(default_factory=list[Failure])
    # Every text that came back for a turn, by conversation and turn.
    texts: dict[tuple[str, str], set[str]] = field(default_factory=dict[tuple[str, str], set[str]])
    unanswered: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    durable: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    rungs: Counter[str] = field(default_factory=Counter[str])
    replayed: int = 0
    cut: int = 0
    lost_streams: int = 0
    stream_seconds: list[float] = field(default_factory=list[float])

    def failed(self, what: str, error: grpc.aio.AioRpcError) -> None:
        """Notes a failed call."""
        why = f"{error.code().name}: {error.details()}"
        self.failures.append(Failure(asyncio.get_running_loop().time(), what, why))

    def answered(self, key: tuple[str, str], reply: router_pb2.ChatResponse) -> None:
        """Notes a reply."""
        self.texts.setdefault(key, set()).add(reply.text)
        self.replayed += reply.replayed
        if reply.stored == router_pb2.STORED_DURABLE:
            self.durable.add(key)
        if reply.rung != router_pb2.RUNG_ASSIGNED:
            self.rungs[f"{router_pb2.Rung.Name(reply.rung)} {' '.join(reply.reasons)}"] += 1


class Customers:
    """Customers who write. They end what they have begun once `stopping` is set."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata, tally: Tally, stopping: asyncio.Event) -> None:
        self._router: router_pb2_grpc.RouterServiceAsyncStub = router_pb2_grpc.RouterServiceStub(channel)
        self._metadata = metadata
        self.tally = tally
        self._stopping = stopping

    async def chat(self) -> None:
        """Sends turn after turn of one conversation."""
        conversation = _new_conversation("chat")
        for number in itertools.count(1):
            if self._stopping.is_set():
                return
            key = (conversation, f"t{number}")
            message = _question() if number % 2 else _MESSAGES[number // 2 % len(_MESSAGES)]
            await self._ask(key, message)
            if number % _SENT_AGAIN_EVERY == 0:
                await self._ask(key, message)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _ask(self, key: tuple[str, str], message: str) -> None:
        request = router_pb2.ChatRequest(conversation_id=key[0], turn_id=key[1], message=message)
        for _ in range(_TRIES):
            self.tally.calls["Chat"] += 1
            try:
                reply = await self._router.Chat(request, metadata=self._metadata, timeout=TURN_SECONDS)
            except grpc.aio.AioRpcError as error:
                self.tally.failed("Chat", error)
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            self.tally.answered(key, reply)
            return
        self.tally.unanswered.append(key)

    async def stream_chat(self) -> None:
        """Has every reply streamed; one that is cut is asked for again, by its turn's id."""
        conversation = _new_conversation("stream")
        loop = asyncio.get_running_loop()
        for number in itertools.count(1):
            if self._stopping.is_set():
                return
            key, begun = (conversation, f"t{number}"), loop.time()
            turn = router_pb2.ChatRequest(conversation_id=conversation, turn_id=key[1], message=_question())
            for _ in range(_TRIES):
                self.tally.calls["StreamChat"] += 1
                reply = await self._streamed(router_pb2.StreamChatRequest(turn=turn))
                if reply is not None:
                    self.tally.answered(key, reply)
                    self.tally.stream_seconds.append(loop.time() - begun)
                    break
                self.tally.cut += 1
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self.tally.lost_streams += 1
                self.tally.unanswered.append(key)

    async def _streamed(self, request: router_pb2.StreamChatRequest) -> router_pb2.ChatResponse | None:
        try:
            async for event in self._router.StreamChat(request, metadata=self._metadata, timeout=TURN_SECONDS):
                if event.HasField("completed"):
                    return event.completed.response
        except grpc.aio.AioRpcError as error:
            self.tally.failed("StreamChat", error)
        return None


class Callers:
    """Customers on the telephone, and listeners of an announcement. They end as `Customers` do."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata, tally: Tally, stopping: asyncio.Event) -> None:
        self._voice: voice_pb2_grpc.VoiceServiceAsyncStub = voice_pb2_grpc.VoiceServiceStub(channel)
        self._metadata = metadata
        self.tally = tally
        self._stopping = stopping

    async def converse(self) -> None:
        """Holds one call after the other, each of some turns; a call that is cut goes on in a new one."""
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            conversation, begun = _new_conversation("call"), loop.time()
            turns = [(conversation, f"t{number}") for number in range(1, _TURNS_OF_A_CALL + 1)]
            for _ in range(_TRIES):
                self.tally.calls["Converse"] += 1
                if await self._converse(turns):
                    self.tally.stream_seconds.append(loop.time() - begun)
                    break
                self.tally.cut += 1
                turns = [turn for turn in turns if turn not in self.tally.texts]
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self.tally.lost_streams += 1
                self.tally.unanswered += turns

    async def _converse(self, turns: list[tuple[str, str]]) -> bool:
        """Returns whether all turns were spoken to their end."""
        config = voice_pb2.ConverseConfig(conversation_id=turns[0][0])
        call = self._voice.Converse(metadata=self._metadata, timeout=6 * TURN_SECONDS)
        try:
            await call.write(voice_pb2.ConverseRequest(config=config))
            for key in turns:
                said = router_pb2.ChatRequest(conversation_id=key[0], turn_id=key[1], message=_question())
                await call.write(voice_pb2.ConverseRequest(turn=said))
                is_spoken = False
                while not (is_spoken and key in self.tally.texts):
                    event = await call.read()
                    if not isinstance(event, voice_pb2.ConverseResponse):
                        return False
                    if event.HasField("reply"):
                        self.tally.answered(key, event.reply)
                        if event.reply.stored == router_pb2.STORED_UNSPECIFIED:
                            # An apology of the voice service for a router that does not answer.
                            self.tally.unanswered.append(key)
                    is_spoken |= event.HasField("completed")
            await call.done_writing()
            return not isinstance(await call.read(), voice_pb2.ConverseResponse)
        except grpc.aio.AioRpcError as error:
            self.tally.failed("Converse", error)
            return False

    async def listen(self) -> None:
        """Hears one announcement after the other, as fast as a telephone plays it."""
        loop = asyncio.get_running_loop()
        request = voice_pb2.SayHybridRequest(cache_key="greet", text=_ANNOUNCEMENT)
        while not self._stopping.is_set():
            begun = loop.time()
            for _ in range(_TRIES):
                self.tally.calls["SayHybrid"] += 1
                if await self._hear(request):
                    self.tally.stream_seconds.append(loop.time() - begun)
                    break
                self.tally.cut += 1
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self.tally.lost_streams += 1

    async def _hear(self, request: voice_pb2.SayHybridRequest) -> bool:
        try:
            async for event in self._voice.SayHybrid(request, metadata=self._metadata, timeout=3 * TURN_SECONDS):
                if event.HasField("completed"):
                    return event.completed.complete
                await asyncio.sleep(len(event.chunk.samples) / _PCM_BYTES_A_SECOND / _SPEED)
        except grpc.aio.AioRpcError as error:
            self.tally.failed("SayHybrid", error)
        return False


def _new_conversation(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(4)}"


def _question() -> str:
    return f"Combien coûtent {next(_NUMBERS)} paquets de couches ?"
