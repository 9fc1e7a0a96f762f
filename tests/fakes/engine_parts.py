"""What the engine's tests stand on: the example tenants, passages and models that do as they are told."""

from collections.abc import AsyncGenerator, Sequence
from functools import cache
from pathlib import Path

from libs.common.errors import ReparteeError
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.state import Attached, Event, FlowState
from services.hybrid_engine.llm.chat import ChatPrompt
from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.model import Piece, TokenCount
from services.hybrid_engine.turn import Found, Passage, Turn, Vector

_TENANTS = Path(__file__).parents[2] / "examples" / "tenants"


def example_yaml(tenant: str) -> str:
    """The text of an example tenant's bundle."""
    return (_TENANTS / tenant / "tenant.yaml").read_text(encoding="utf-8")


@cache
def example_bundle(tenant: str = "rue-du-gros") -> TenantBundle:
    """An example tenant's bundle."""
    return parse_bundle(example_yaml(tenant))


@cache
def example_rules(tenant: str = "rue-du-gros") -> FlowRules:
    """An example tenant's flow."""
    return rules_of(example_bundle(tenant))


def says(text: str = "", *, image: str = "", caption: str = "", turn: str = "t", conversation: str = "c") -> Event:
    """A message; `image` is the first character of a picture's digest."""
    attachments = (Attached("image", f"media://{image}", image * 64, caption),) if image else ()
    return Event(turn, conversation, text, attachments)


def turn_of(event: Event, state: FlowState | None = None, **more: object) -> Turn:
    """A turn of that event."""
    return Turn(event, state or FlowState(), **more)  # type: ignore[arg-type]


class FakePassages:
    """A `PassageFinder` that finds what it is given, or fails."""

    def __init__(self, *texts: str, failure: ReparteeError | None = None, epoch: int = 7) -> None:
        self.passages = tuple(Passage(f"doc-{at}", 0, "", text, 0.9 - at / 10) for at, text in enumerate(texts))
        self.failure = failure
        self.epoch = epoch
        self.asked: list[tuple[str, str]] = []

    async def find(self, question: str, *, agent: str, embedding: Vector | None) -> Found:
        """Finds every passage."""
        self.asked.append((question, agent))
        if self.failure is not None:
            raise self.failure
        return Found(self.passages, "\n\n".join(each.text for each in self.passages), self.epoch, embedding)


class FakeModel:
    """A `ChatModel` that says its replies one after the other, and fails when they are used up."""

    def __init__(self, *replies: str, name: str = "fake") -> None:
        self._replies = list(replies)
        self._name = name
        self.prompts: list[ChatPrompt] = []

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def models(self) -> Sequence[str]:
        """Its models."""
        return ("fake-1",)

    async def stream(
        self, prompt: ChatPrompt, *, model: str, temperature: float | None = None, json: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """Says the next reply."""
        self.prompts.append(prompt)
        if not self._replies:
            raise TierFailure(Fault.BAD_REQUEST, self._name)
        yield Piece(self._replies.pop(0), "stop", TokenCount(10, 5))

    async def probe(self) -> Sequence[str]:
        """Lists its models."""
        return self.models

    async def warm_up(self) -> None:
        """Is warm."""
