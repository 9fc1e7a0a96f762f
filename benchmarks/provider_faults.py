"""What a customer sees when a language model's vendor fails: 16 faults, a tier killed under load, and every bill.

Two tiers, each a real HTTP server on loopback that does what it is told; the first one fails. The invoice of both is
held against the ledger, calls that were left in the middle included.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.figure import Figure
from libs.common.request_context import TenantId
from libs.common.spending.ledger import Allowance
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.prices import Prices
from libs.common.tenants.bundle import Tier
from services.hybrid_engine.adapters.open_tiers import TierOpener
from services.hybrid_engine.adapters.openai_chat import load_sdk
from services.hybrid_engine.llm.accounting import Settling, TenantAccount
from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.chat import ChatPrompt, ChatReply, Delta, Finished, MidStream, Restarted
from services.hybrid_engine.llm.endings import ContentFiltered
from services.hybrid_engine.settings import EngineSettings
from tools.fake_llm.script import Scripted
from tools.fake_llm.server import FakeLlm

REPLY = "Bonjour et bienvenue. Nous livrons à Yopougon pour 1500 F. À demain !"
TEMPLATE = "(gabarit du commerçant)"
PROMPT = ChatPrompt("Tu es bref.", "Livrez-vous à Yopougon ?")
_TENANT = TenantId("bench")
_WORD_SECONDS = 0.004
_LONG_WORD = "é" * 250
_ABORTED = 200
_LOAD_SECONDS, _CALLERS = 3.0, 16

FAULTS: dict[str, Sequence[Scripted]] = {
    "429 with Retry-After": [Scripted(status=429, headers={"Retry-After": "1"})],
    "429 without": [Scripted(status=429)] * 2,
    "500 once": [Scripted(status=500)],
    "503 always": [Scripted(status=503)] * 9,
    "reset before headers": [Scripted(reset=True)] * 2,
    "no response": [Scripted(gate=asyncio.Event())],
    "no first token": [Scripted(hold_after=0)],
    "stall": [Scripted(hold_after=7)],
    "cut mid-stream": [Scripted(cut_after=7)],
    "malformed chunk": [Scripted(malformed_after=4)],
    "no [DONE]": [Scripted(no_done=True)],
    "clean end, no finish_reason": [Scripted(no_finish=True)],
    "context length": [Scripted(status=400, code="context_length_exceeded")],
    "content filter": [Scripted(status=400, code="content_filter")],
    "401": [Scripted(status=401)],
    "200 with an error body": [Scripted(body={"error": {"message": "overloaded", "code": 503}})] * 2,
    "endless": [Scripted(reply=_LONG_WORD, endless=True)],
}
# The last two are one kind of fault, an answer that is none, in two forms; both must be answered to count.
_ONE_KIND = ("200 with an error body", "endless")


@dataclass
class World:
    """Two tiers and their bills."""

    first: FakeLlm
    second: FakeLlm
    ledger: MemoryLedger
    settling: Settling
    stack: AsyncExitStack
    settings: EngineSettings = field(
        default_factory=lambda: EngineSettings(
            llm_first_token_seconds=0.5, llm_gap_seconds=0.4, llm_mode="auto", llm_max_concurrent=64
        )
    )

    def cascade(self) -> Cascade:
        """Returns a cascade of both that knows nothing of them yet."""
        tiers = [
            self._open("first", self.first, context_tokens=8192),
            self._open("second", self.second, context_tokens=32_768),
        ]
        account = TenantAccount(_TENANT, Allowance(), self.ledger, Prices(), self.settling)
        return Cascade(tiers, account=account, whole_seconds=8.0)

    def _open(self, name: str, double: FakeLlm, *, context_tokens: int):
        tier = Tier(
            name=name,
            base_url=double.base_url,
            model="double-small",
            context_tokens=context_tokens,
            continuous_usage=True,
        )
        opened = TierOpener(self.settings, environment={}).open(tier)
        self.stack.push_async_callback(opened.aclose)
        return opened.guarded

    async def charged(self) -> int:
        """Returns the tokens that the ledger holds, once everything is settled."""
        await self.settling.finish()
        return sum(charge.tokens for charge in await self.ledger.recent(_TENANT, limit=1_000_000))


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Runs two doubles within the block."""
    async with AsyncExitStack() as stack:
        doubles = [FakeLlm(responder=lambda _: REPLY, word_seconds=_WORD_SECONDS) for _ in range(2)]
        for double in doubles:
            await stack.enter_async_context(double)
        yield World(doubles[0], doubles[1], MemoryLedger(), Settling(), stack)


async def seen(cascade: Cascade) -> tuple[str, ChatReply | None, Sequence[str], int]:
    """Returns what a listener has at the end, the reply, the tries as `tier:reason`, and how often text was voided."""
    text, reply, voided = "", None, 0
    try:
        async with aclosing(cascade.stream(PROMPT, policy=MidStream.RESTART)) as events:
            async for event in events:
                if isinstance(event, Restarted):
                    text, voided = "", voided + 1
                elif isinstance(event, Delta):
                    text += event.text
                elif isinstance(event, Finished):
                    reply = event.reply
    except ContentFiltered as refusal:
        return TEMPLATE, None, [f"{each.tier}:{each.reason}" for each in refusal.attempts], voided
    tries = [f"{each.tier}:{each.reason or 'served'}" for each in reply.attempts] if reply else []
    return text, reply, tries, voided


async def answered(bench: World) -> int:
    """Plays every fault once, prints what was seen, and returns how many kinds of fault were answered honestly."""
    print(f"{'fault':<28} {'seconds':>7} {'complete':<9} {'seen':<30} tries")
    good: set[str] = set()
    for name, steps in FAULTS.items():
        bench.first.forget_script()
        bench.first.script(*steps)
        started = time.perf_counter()
        text, reply, tries, voided = await seen(bench.cascade())
        seconds = time.perf_counter() - started
        whole = reply is not None and reply.complete
        # Honest: what is called whole is whole, and only a filter leaves the customer with the shop's own template.
        if text == (TEMPLATE if name == "content filter" else REPLY) and whole == (name != "content filter"):
            good.add(name)
        shown = text if len(text) <= 28 else f"{text[:27]}…"
        flags = f"{'yes' if whole else 'no':<9}"
        print(f"{name:<28} {seconds:>7.2f} {flags} {shown:<30} {' '.join(tries)}{' (voided once)' if voided else ''}")
    bench.first.forget_script()
    kinds = {name for name in good if name not in _ONE_KIND}
    return len(kinds) + (good >= set(_ONE_KIND))


async def leave_in_the_middle(bench: World) -> None:
    """Callers leave after a few words; the server writes no more until it has seen them go."""
    cascade = bench.cascade()
    for at in range(_ABORTED):
        words = 1 + at % 9
        bench.first.script(Scripted(hold_after=words))
        heard = 0
        async with aclosing(cascade.stream(PROMPT, policy=MidStream.FAIL)) as events:
            async for _ in events:
                heard += 1
                if heard == words:
                    break


async def kill_under_load(bench: World) -> tuple[int, int, float, float]:
    """Kills the first tier under load and brings it back.

    Returns requests, failed ones, the median overhead in ms once it is known to be down, and the seconds until it
    serves again after it is back.
    """
    cascade = bench.cascade()
    only_second = Cascade(cascade.tiers[1:], account=cascade.account, whole_seconds=8.0)
    served: list[tuple[float, str, float]] = []
    failed = 0
    stop = asyncio.Event()

    async def caller() -> None:
        nonlocal failed
        while not stop.is_set():
            started = time.perf_counter()
            text, reply, _, _ = await seen(cascade)
            failed += text != REPLY
            served.append((started, reply.tier if reply else "", time.perf_counter() - started))

    port = int(bench.first.base_url.rsplit(":", 1)[1].removesuffix("/v1"))
    async with asyncio.TaskGroup() as group:
        for _ in range(_CALLERS):
            group.create_task(caller())
        await asyncio.sleep(_LOAD_SECONDS)
        await bench.first.stop()
        killed = time.perf_counter()
        await asyncio.sleep(_LOAD_SECONDS)
        direct: list[float] = []
        for _ in range(20):
            started = time.perf_counter()
            await seen(only_second)
            direct.append(time.perf_counter() - started)
        known_down = time.perf_counter()
        await bench.first.start(port)
        back = 0.0
        while not back and time.perf_counter() - known_down < 60.0:
            await asyncio.sleep(0.1)
            back = next((at for at, tier, _ in served if tier == "first" and at > known_down), 0.0)
        stop.set()
    after = sorted(took for at, _, took in served if killed + 1.0 < at < known_down)
    overhead = 1000 * (after[len(after) // 2] - sorted(direct)[len(direct) // 2])
    return len(served), failed, overhead, (back - known_down) if back else float("inf")


async def measure() -> list[Figure]:
    """Returns the figures; prints what was seen."""
    await load_sdk()
    async with world() as bench:
        count = await answered(bench)
        await leave_in_the_middle(bench)
        requests, failed, overhead, back = await kill_under_load(bench)
        charged = await bench.charged()
        invoiced = bench.first.tokens + bench.second.tokens
        print(f"ledger {charged} tokens, invoices {invoiced} tokens; {requests} requests under load")
    return [
        Figure("faults_answered", count, "faults", (">=", 16)),
        Figure("ledger_minus_invoice_tokens", charged - invoiced, "tokens", ("==", 0)),
        Figure("tier_kill_failed_requests", failed, "requests", ("==", 0)),
        Figure("tier_kill_overhead_p50", overhead, "ms", ("<=", 50)),
        Figure("return_to_first_tier", back, "s", ("<=", 30)),
    ]


if __name__ == "__main__":
    for each in asyncio.run(measure()):
        print(each)
