"""A minute in the life of a shop, with all that dashboards are there to show: orders, questions, calls, and mishaps.

Models lose requests, the vendor of voices goes away, documents cannot be read, customers ask too often, and an engine
dies, so that the guard takes hybrid back.
"""

import asyncio
import contextlib
import itertools
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc.aio

from benchmarks.busy_shop import TENANT, apply_busy_shop
from repartee.v1 import (
    rag_pb2,
    rag_pb2_grpc,
    rollout_pb2,
    rollout_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    voice_pb2,
    voice_pb2_grpc,
)
from tools.connection import Connection
from tools.fake_llm.script import Scripted
from tools.fake_speech import FakeSpeech
from tools.stack import Stack
from tools.tenants import apply_folder

_ROLLOUT = rollout_pb2.DESCRIPTOR.services_by_name["RolloutService"]
# A second tenant, with limits that a loop meets.
LIMITED_TENANT = "serda-bot"
SECONDS = 75.0
# When what happens, in seconds.
_VENDOR_LEAVES, _ENGINE_DIES, _ENGINE_COMES_BACK, _ACKNOWLEDGED = 30.0, 36.0, 46.0, 52.0
_CHATTERS, _CALLERS = 3, 2
_TURN_SECONDS, _CALL_SECONDS = 10, 30
# Each change makes the kept answers of the tenant old.
_DOCUMENTS_SECONDS = 20.0

ORDER = ("Bonjour, je veux commander des couches", "merci, je réfléchis", "je suis à Cocody", "0757123456")
ASKED = (
    "Combien coûte la livraison à Yopougon ?",
    "combien coûte la livraison à yopougon",
    "Combien coûte une livraison à Yopougon ?",
    "Combien coûte donc la livraison à Cocody ?",
    "Quels sont donc vos horaires ?",
    "Combien coûte la livraison à Cocody ?",
    "Combien coûtent 6 paquets ?",
    "Combien coûtent 12 paquets ?",
    "Livrez-vous le dimanche ?",
    "Quels sont vos horaires ?",
    "Puis-je retourner un paquet ouvert ?",
    "Puis-je retourner un paquet fermé ?",
    "Acceptez-vous Wave ?",
    "et à Abobo ?",
    "Vendez-vous des voitures ?",
)
SPOKEN = (
    "Votre colis part demain matin de l'entrepôt de Marcory.",
    "La livraison coûte deux mille francs, et le dépôt aussi.",
    "Je vous passe une collègue, restez en ligne s'il vous plaît.",
)


class Shop:
    """The traffic of one stack; `live` plays all of it."""

    def __init__(
        self, stack: Stack, vendor: FakeSpeech, *, restarted: Callable[[], None] = lambda: None, seed: int = 11
    ) -> None:
        """`vendor` is stopped on the way; `restarted` is called when a process was started anew."""
        self._stack = stack
        self._restarted = restarted
        self._operator = Connection.for_operator(port_base=stack.options.port_base)
        self._vendor = vendor
        # Repeats the same choices, guards nothing.
        self._random = random.Random(seed)
        self._numbers = itertools.count(1)
        self._begun = 0.0
        self.turns = 0
        self.calls = 0

    async def open(self) -> None:
        """Puts the tenants in force with their documents, and gives hybrid half of the conversations."""
        await apply_busy_shop(self._stack)
        folder = self._stack.options.state / "shop" / LIMITED_TENANT
        shutil.copytree(f"examples/tenants/{LIMITED_TENANT}", folder)
        await apply_folder(self._operator, folder, with_documents=True, reason="benchmark")
        async with self._operator.open("router", _ROLLOUT) as channel:
            await rollout_pb2_grpc.RolloutServiceStub(channel).SetRollout(
                rollout_pb2.SetRolloutRequest(percent=50.0, reason="both arms"), timeout=5
            )

    async def live(self) -> None:
        """Plays the minute; what fails in it is meant to."""
        self._begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(_CHATTERS):
                group.create_task(self._until_closed(self._converse))
            for _ in range(_CALLERS):
                group.create_task(self._until_closed(self._telephone))
            group.create_task(self._until_closed(self._ask_all_at_once))
            group.create_task(self._until_closed(self._loop_too_fast))
            group.create_task(self._until_closed(self._hand_in_documents))
            group.create_task(self._until_closed(self._lose_requests))
            group.create_task(self._mishaps())

    async def _until_closed(self, work: Callable[[], Awaitable[None]]) -> None:
        while time.monotonic() - self._begun < SECONDS:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await work()

    async def _converse(self) -> None:
        conversation = f"talk-{next(self._numbers)}"
        texts = ORDER if self._random.random() < 0.3 else self._random.sample(ASKED, 4)
        for text in texts:
            await self._chat(TENANT, conversation, text)
            await asyncio.sleep(self._random.uniform(0.05, 0.3))

    async def _chat(self, tenant: str, conversation: str, text: str, user: str = "") -> router_pb2.ChatResponse:
        caller = Connection.for_tenant(tenant, port_base=self._stack.options.port_base)
        async with caller.open("router", router_pb2.DESCRIPTOR.services_by_name["RouterService"]) as channel:
            self.turns += 1
            return await router_pb2_grpc.RouterServiceStub(channel).Chat(
                router_pb2.ChatRequest(conversation_id=conversation, user_id=user, message=text), timeout=_TURN_SECONDS
            )

    async def _ask_all_at_once(self) -> None:
        text = f"{self._random.choice(ASKED[:8])} (commande {next(self._numbers)})"
        await asyncio.gather(*(self._chat(TENANT, f"crowd-{next(self._numbers)}", text) for _ in range(5)))
        await asyncio.sleep(2.0)

    async def _loop_too_fast(self) -> None:
        await asyncio.sleep(0.2)
        await self._chat(LIMITED_TENANT, "loop", "Bonjour", user="looping-customer")

    async def _telephone(self) -> None:
        caller = Connection.for_tenant(TENANT, port_base=self._stack.options.port_base)
        async with caller.open("voice", voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]) as channel:
            stub = voice_pb2_grpc.VoiceServiceStub(channel)
            self.calls += 1
            async for _ in stub.SayHybrid(
                voice_pb2.SayHybridRequest(cache_key="greet", text=self._random.choice(SPOKEN)), timeout=_CALL_SECONDS
            ):
                pass
            async for _ in stub.Say(voice_pb2.SayRequest(text=self._random.choice(SPOKEN)), timeout=_CALL_SECONDS):
                pass
            await self._talk(stub)

    async def _talk(self, stub: "voice_pb2_grpc.VoiceServiceAsyncStub") -> None:
        """Holds a spoken conversation of two turns, and speaks over the first."""
        conversation, heard = f"call-{next(self._numbers)}", asyncio.Event()

        async def said() -> AsyncIterator[voice_pb2.ConverseRequest]:
            yield voice_pb2.ConverseRequest(config=voice_pb2.ConverseConfig(conversation_id=conversation))
            for text in self._random.sample(ASKED, 2):
                heard.clear()
                yield voice_pb2.ConverseRequest(
                    turn=router_pb2.ChatRequest(conversation_id=conversation, message=text, channel="voice")
                )
                await asyncio.wait_for(heard.wait(), _TURN_SECONDS)
                # Sooner than the reply is spoken to its end, now and then.
                await asyncio.sleep(self._random.uniform(0.5, 6.0))

        async for event in stub.Converse(said(), timeout=_CALL_SECONDS):
            if event.HasField("chunk"):
                heard.set()

    async def _hand_in_documents(self) -> None:
        caller = Connection.for_tenant(TENANT, port_base=self._stack.options.port_base)
        number = next(self._numbers)
        documents = [
            rag_pb2.Document(
                document_id=f"note-{number % 5}", content=f"# Note {number}\n\nLe stand {number} ouvre à 9 h.".encode()
            ),
            rag_pb2.Document(document_id="scan", content=b"%PDF-1.4 torn", media_type="application/pdf"),
        ]
        async with caller.open("rag", rag_pb2.DESCRIPTOR.services_by_name["RagService"]) as channel:
            stub = rag_pb2_grpc.RagServiceStub(channel)
            await stub.UpsertDocuments(rag_pb2.UpsertDocumentsRequest(documents=documents), timeout=30)
            if number % 3 == 0:
                await stub.DeleteDocuments(rag_pb2.DeleteDocumentsRequest(document_ids=["note-0"]), timeout=30)
        await asyncio.sleep(_DOCUMENTS_SECONDS)

    async def _lose_requests(self) -> None:
        if self._stack.fake_llm is not None:
            self._stack.fake_llm.script(Scripted(status=503), Scripted(cut_after=3))
        await asyncio.sleep(5.0)

    async def _mishaps(self) -> None:
        await self._at(_VENDOR_LEAVES)
        await self._vendor.__aexit__()
        await self._at(_ENGINE_DIES)
        await self._stack.kill("hybrid-engine")
        await self._at(_ENGINE_COMES_BACK)
        await self._stack.restart("hybrid-engine")
        self._restarted()
        await self._at(_ACKNOWLEDGED)
        await self._acknowledge()

    async def _acknowledge(self) -> None:
        async with self._operator.open("router", _ROLLOUT) as channel:
            stub = rollout_pb2_grpc.RolloutServiceStub(channel)
            for scope in ("", TENANT):
                request = rollout_pb2.EnableHybridRequest(tenant_id=scope, acknowledge=True, reason="it is back")
                await stub.EnableHybrid(request, timeout=5)

    async def _at(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, self._begun + seconds - time.monotonic()))
