"""A model that follows a script, for cascades in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from services.hybrid_engine.llm.chat import ChatPrompt
from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.model import Piece, TokenCount

# Text, seconds to wait, a piece as it is, or how it fails.
Step = str | float | Piece | Fault | TierFailure
END = Piece(finish="stop")
FOREVER = 1e6


def counted(prompt: int, completion: int) -> Piece:
    """A count as servers send it."""
    return Piece(count=TokenCount(prompt, completion))


def limited(tier: str, retry_after_seconds: float | None = None) -> TierFailure:
    """A refusal of too many requests."""
    return TierFailure(Fault.RATE_LIMITED, tier, retry_after_seconds=retry_after_seconds)


class ScriptedModel:
    """A `ChatModel` whose requests follow one script each; when none is left it says `Bien reçu.` with its name."""

    def __init__(self, name: str, *scripts: Sequence[Step], models: Sequence[str] = ("m-1",)) -> None:
        self._name = name
        self._models = models
        self.scripts = list(scripts)
        self.prompts: list[ChatPrompt] = []
        self.asked: list[str] = []
        self.left_early = 0
        # What the next probes are answered with: names, seconds of silence, or a failure; the last one stays.
        self.probes: list[Sequence[str] | float | TierFailure] = [models]
        self.probed_at: list[float] = []
        self.warmed = 0

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def models(self) -> Sequence[str]:
        """Its models."""
        return self._models

    async def stream(
        self, prompt: ChatPrompt, *, model: str, temperature: float | None = None, json: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """Follows the next script."""
        self.prompts.append(prompt)
        self.asked.append(model)
        script = self.scripts.pop(0) if self.scripts else (f"Bien reçu par {self._name}.", END, counted(7, 3))
        ended = False
        try:
            for step in script:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, str):
                    yield Piece(step)
                elif isinstance(step, Piece):
                    yield step
                else:
                    raise step if isinstance(step, TierFailure) else TierFailure(step, self._name)
            ended = True
        finally:
            self.left_early += not ended

    async def probe(self) -> Sequence[str]:
        """Answers as it is told."""
        self.probed_at.append(asyncio.get_running_loop().time())
        answer = self.probes.pop(0) if len(self.probes) > 1 else self.probes[0]
        if isinstance(answer, TierFailure):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return self._models
        return answer

    async def warm_up(self) -> None:
        """Counts."""
        self.warmed += 1
