"""Written and spoken turns on a real stack, every word of theirs that is a customer's or a document's to be told apart.

Each turn is a trace that the client begins. The marks occur nowhere else, so that whoever finds one in a trace, a
metric or a log line has found what must not be there.
"""

import asyncio
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from repartee.v1 import router_pb2, router_pb2_grpc, voice_pb2, voice_pb2_grpc
from tests.fakes.traced_stack import TracedStack
from tools.connection import Connection
from tools.tenants import apply_folder

TENANT = "rue-du-gros"
_EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "tenants" / TENANT

_IN_DOCUMENT, _OF_MESSAGE, _NAME, _PHONE = "quiblortin", "zinfrelade", "Yvrakolou", "0787998871"
MARKS = (_IN_DOCUMENT, _OF_MESSAGE, _NAME, _PHONE, "22507879988")
"""Of a document, a message, a customer's name, a telephone number in a message, and one that is a caller's id."""

_DOCUMENT = (
    f"# Remises\n\nLa remise {_IN_DOCUMENT} retire 5 % du prix des couches en gros.\n\n"
    f"La carte {_IN_DOCUMENT} est valable un an dans toutes les boutiques.\n"
)
_QUESTIONS = {
    "written": f"Bonjour, c'est {_NAME} {_OF_MESSAGE} : que retire la remise {_IN_DOCUMENT} ?",
    "streamed": f"La carte {_IN_DOCUMENT} de {_NAME} est valable combien de temps ?",
    "spoken": f"Dites-moi {_OF_MESSAGE}, la remise {_IN_DOCUMENT} retire quoi du prix des couches ?",
    "left": f"Et la carte {_IN_DOCUMENT}, où est-elle valable pour {_NAME} ?",
}
_TURN_SECONDS = 20.0


@dataclass(slots=True)
class Played:
    """`traces` is the id of each trace by what was done in it; `roots` the client's own span in each."""

    traces: dict[str, str] = field(default_factory=dict[str, str])
    roots: dict[str, str] = field(default_factory=dict[str, str])
    replies: dict[str, router_pb2.ChatResponse] = field(default_factory=dict[str, router_pb2.ChatResponse])


class Caller:
    """A customer of the shop, whose channel names conversations and customers by their telephone."""

    def __init__(self, stack: TracedStack) -> None:
        self._stack = stack
        self._connection = Connection.for_tenant(TENANT, port_base=stack.stack.options.port_base)
        self.played = Played()

    async def prepare(self) -> None:
        """Puts the shop in force, with one document more."""
        folder = self._stack.stack.options.state / "shop" / TENANT
        await asyncio.to_thread(shutil.copytree, _EXAMPLE, folder)
        (folder / "documents" / "shared" / "remises.md").write_text(_DOCUMENT, encoding="utf-8")
        operator = Connection.for_operator(port_base=self._stack.stack.options.port_base)
        await apply_folder(operator, folder, with_documents=True, reason="traces")

    async def play(self) -> Played:
        """Plays everything and returns its traces."""
        async with (
            grpc.aio.insecure_channel(self._connection.target("router")) as router_channel,
            grpc.aio.insecure_channel(self._connection.target("voice")) as voice_channel,
        ):
            router = router_pb2_grpc.RouterServiceStub(router_channel)
            voice = voice_pb2_grpc.VoiceServiceStub(voice_channel)
            await self._chat(router, "written", _QUESTIONS["written"])
            await self._until_kept(router)
            await self._chat(router, "order", "Je veux commander des couches")
            await self._chat(router, "phone", f"Mon numéro est {_PHONE}, au nom de {_NAME}")
            await self._chat(router, "not kept", f"Où est {_NAME} {_OF_MESSAGE} ?", flags="00")
            await self._stream(router, "streamed")
            await self._leave(router)
            await self._converse(voice)
        return self.played

    async def _until_kept(self, router: "router_pb2_grpc.RouterServiceAsyncStub") -> None:
        """Asks again until the cache answers: the answer is kept after its reply."""
        for number in range(100):
            await self._chat(router, "repeated", _QUESTIONS["written"], conversation=f"repeated-{number}")
            if self.played.replies["repeated"].cache.type == "exact":
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("the answer was never kept")

    async def _chat(
        self,
        router: "router_pb2_grpc.RouterServiceAsyncStub",
        name: str,
        message: str,
        *,
        flags: str = "01",
        conversation: str = "",
    ) -> None:
        request = _turn(message, conversation or f"+{MARKS[-1]}72")
        self.played.replies[name] = await router.Chat(
            request, metadata=self._metadata(name, flags), timeout=_TURN_SECONDS
        )

    async def _stream(self, router: "router_pb2_grpc.RouterServiceAsyncStub", name: str) -> None:
        request = router_pb2.StreamChatRequest(turn=_turn(_QUESTIONS[name], "streamed"))
        async for event in router.StreamChat(request, metadata=self._metadata(name), timeout=_TURN_SECONDS):
            if event.HasField("completed"):
                self.played.replies[name] = event.completed.response

    async def _leave(self, router: "router_pb2_grpc.RouterServiceAsyncStub") -> None:
        """Leaves a stream once a model is being asked."""
        double = self._stack.stack.fake_llm
        assert double is not None
        double.arrived.clear()
        request = router_pb2.StreamChatRequest(turn=_turn(_QUESTIONS["left"], "left"))
        call = router.StreamChat(request, metadata=self._metadata("left"), timeout=_TURN_SECONDS)
        await call.read()
        async with asyncio.timeout(_TURN_SECONDS):
            await double.arrived.wait()
        call.cancel()

    async def _converse(self, voice: "voice_pb2_grpc.VoiceServiceAsyncStub") -> None:
        """Hears one reply to its end, and speaks over the next."""
        call = voice.Converse(metadata=self._metadata("spoken"), timeout=3 * _TURN_SECONDS)
        config = voice_pb2.ConverseConfig(conversation_id="+22507879988-call", user_id=f"+{MARKS[-1]}73")
        await call.write(voice_pb2.ConverseRequest(config=config))
        await call.write(voice_pb2.ConverseRequest(turn=_turn(_QUESTIONS["spoken"], config.conversation_id)))
        await _hear(call, "completed")
        await call.write(voice_pb2.ConverseRequest(turn=_turn("Quels sont vos horaires ?", config.conversation_id)))
        await _hear(call, "chunk")
        await call.write(voice_pb2.ConverseRequest(barge_in=voice_pb2.BargeIn(heard_ms=1)))
        await _hear(call, "completed")
        await call.done_writing()
        while await call.read():
            pass

    def _metadata(self, name: str, flags: str = "01") -> tuple[tuple[str, str], ...]:
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        self.played.traces[name], self.played.roots[name] = trace_id, span_id
        return (
            ("authorization", self._connection.authorization),
            ("traceparent", f"00-{trace_id}-{span_id}-{flags}"),
            # A channel that names its requests after the customer.
            ("x-request-id", f"+{MARKS[-1]}74"),
        )


async def _hear(call: Any, kind: str) -> None:
    """Reads until an event of that kind; raises EOFError where the stream ends before it."""
    while event := await call.read():
        if event.HasField(kind):
            return
    raise EOFError(f"the stream ended before its {kind}")


def _turn(message: str, conversation: str) -> router_pb2.ChatRequest:
    return router_pb2.ChatRequest(
        conversation_id=conversation,
        turn_id=secrets.token_hex(8),
        user_id=f"+{MARKS[-1]}75",
        message=message,
    )


def found_in(text: str) -> Mapping[str, int]:
    """Returns how often each mark occurs in `text`, of those that do."""
    counts = {mark: text.lower().count(mark.lower()) for mark in MARKS}
    return {mark: count for mark, count in counts.items() if count}
