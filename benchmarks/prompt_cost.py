"""What the two engines ask of a model on the same conversations: prompt tokens, and money by the price list.

The model is the double, asked over HTTP and paid through the ledger at the price of a real one. Tokens
are words, by which both engines' prompts are counted alike.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.fixed_conversations import CONVERSATIONS, Conversation
from libs.common.request_context import TenantId
from libs.common.spending.ledger import Allowance
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.prices import Prices
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from libs.common.text_fold import stems
from services.hybrid_engine.adapters.openai_chat import OpenAIChat
from services.hybrid_engine.classic.answering import ClassicAnswering
from services.hybrid_engine.flow.state import Attached, Event, FlowState
from services.hybrid_engine.hybrid.answering import HybridAnswering
from services.hybrid_engine.llm.accounting import Settling, TenantAccount
from services.hybrid_engine.llm.cascade import Cascade
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.turn import Answer, Answering, Found, Passage, Said, Turn, Vector
from tools.fake_llm.server import FakeLlm
from tools.fake_llm.wording import plausible

MODEL = "gpt-4o-mini"
_EXAMPLES = Path(__file__).parent.parent / "examples" / "tenants"
_PASSAGES = 3
# Who owns the documents that every agent answers from.
_SHARED = "shared"


@dataclass(frozen=True)
class Served:
    """One turn, answered by both engines."""

    text: str
    hybrid: Answer
    classic: Answer

    @property
    def words_a_decision(self) -> bool:
        """Whether the hybrid asked the model to word what code had decided."""
        return self.hybrid.action != "answer_question" and _prompt(self.hybrid) > 0


@cache
def bundle_of(tenant: str) -> TenantBundle:
    """An example's bundle."""
    return parse_bundle((_EXAMPLES / tenant / "tenant.yaml").read_text(encoding="utf-8"))


class FolderPassages:
    """Finds passages of an example's documents by shared stems: three sections, as the search service gives them."""

    def __init__(self, tenant: str) -> None:
        self._sections: list[tuple[str, Passage]] = []
        for path in sorted((_EXAMPLES / tenant / "documents").rglob("*.md")):
            for at, section in enumerate(_sections(path.read_text(encoding="utf-8"))):
                self._sections.append((path.parent.name, Passage(path.stem, at, "", section, 0.5)))

    async def find(self, question: str, *, agent: str, embedding: Vector | None) -> Found:
        """Returns the sections that share most stems with the question."""
        del embedding
        asked = set(stems(question, "fr"))
        scored = [
            (len(asked & set(stems(passage.text, "fr"))), passage)
            for owner, passage in self._sections
            if owner in (_SHARED, agent)
        ]
        best = sorted((each for each in scored if each[0]), key=lambda each: -each[0])[:_PASSAGES]
        passages = tuple(passage for _, passage in best)
        context = "\n\n".join(f"[{at}] {passage.text}" for at, passage in enumerate(passages, 1))
        return Found(passages, context, 1)


def _sections(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n## ", "\x00## ").split("\x00") if part.strip()]


async def serve(conversation: Conversation, hybrid: Answering, classic: Answering) -> list[Served]:
    """Answers every turn with both engines, on the same history and state: those that the hybrid's answers make."""
    served: list[Served] = []
    history: tuple[Said, ...] = ()
    state = FlowState()
    for at, message in enumerate(conversation.messages):
        picture = message.startswith("[image")
        images = (Attached("image", digest=message[7] * 64),) if picture else ()
        event = Event(f"t{at}", "c", "" if picture else message, images)
        turn = Turn(event, state, history)
        answer = await hybrid.answer(turn)
        served.append(Served(message, answer, await classic.answer(turn)))
        history = (*history, Said("customer", event.text or "(pièce jointe)"), Said("bot", answer.text))
        state = answer.state
    return served


async def serve_all() -> list[Served]:
    """Answers every conversation over HTTP with the double."""
    served: list[Served] = []
    async with AsyncExitStack() as stack:
        double = await stack.enter_async_context(FakeLlm(responder=plausible))
        settling = await stack.enter_async_context(Settling().running())
        model = OpenAIChat(name="cloud", base_url=double.base_url, api_key="double", models=(MODEL,))
        stack.push_async_callback(model.aclose)
        tier = GuardedTier(model)
        for conversation in CONVERSATIONS:
            bundle = bundle_of(conversation.tenant)
            account = TenantAccount(TenantId(bundle.id), Allowance(0, 0), MemoryLedger(), Prices(), settling)
            cascade = Cascade([tier], account=account)
            hybrid, classic = _engines(bundle, cascade)
            served += await serve(conversation, hybrid, classic)
    return served


def _engines(bundle: TenantBundle, cascade: Cascade) -> tuple[HybridAnswering, ClassicAnswering]:
    async def bundles() -> TenantBundle:
        return bundle

    passages = FolderPassages(bundle.id)
    return (
        HybridAnswering(bundles=bundles, passages=passages, cascade_of=lambda _: cascade),
        ClassicAnswering(bundles=bundles, passages=passages, cascade_of=lambda _: cascade),
    )


def _prompt(answer: Answer) -> int:
    """Prompt tokens; those of a thrown-away text are counted with its completion, which is a little more."""
    return answer.tokens.prompt + answer.tokens.wasted


def _share(turns: Sequence[Served], name: str) -> tuple[float, float]:
    hybrid, classic = sum(_prompt(turn.hybrid) for turn in turns), sum(_prompt(turn.classic) for turn in turns)
    paid = sum(turn.hybrid.tokens.cost_micro_usd for turn in turns)
    paid_classic = sum(turn.classic.tokens.cost_micro_usd for turn in turns)
    print(
        f"  {name}: {len(turns)} turns, prompt tokens {hybrid} of {classic} ({hybrid / classic:.3f}), "
        f"cost {paid} of {paid_classic} micro-dollars ({paid / paid_classic:.3f})"
    )
    return hybrid / classic, paid / paid_classic


async def measure() -> list[Figure]:
    """Serves every conversation and returns the figures."""
    turns = await serve_all()
    worded = [turn for turn in turns if turn.words_a_decision]
    questions = [turn for turn in turns if turn.hybrid.action == "answer_question"]
    free = [turn for turn in turns if not _prompt(turn.hybrid)]
    prompt_share, _ = _share(worded, "decisions worded by the model")
    _share(questions, "questions answered from documents")
    _share(free, "turns that need no model")
    all_prompts, all_cost = _share(turns, "all turns")
    kept = sum(turn.hybrid.wording.value == "model" for turn in worded)
    print(f"  {kept} of {len(worded)} wordings of the model passed the checks; {len(CONVERSATIONS)} conversations")
    return [
        Figure("hybrid_prompt_share", prompt_share, "ratio", ("<=", 0.1)),
        Figure("hybrid_prompt_share_all_turns", all_prompts, "ratio", ("<=", 0.1)),
        Figure("hybrid_cost_share", all_cost, "ratio", ("<=", 0.4)),
    ]


def main() -> None:
    """Prints every figure."""
    for figure in asyncio.run(measure()):
        print(figure)


if __name__ == "__main__":
    main()
