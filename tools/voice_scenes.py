"""Three scenes of a telephone bot, played once as a plain loop would and once as this service does."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import grpc

from repartee.v1 import common_pb2, common_pb2_grpc, voice_pb2, voice_pb2_grpc

# The pause after which a second phrase follows the first: under the 400 ms that a listener takes for silence.
_CHAIN_SECONDS = 0.35
_SAMPLES_PER_MS = 8 * 2


@dataclass(frozen=True, slots=True)
class Turn:
    """What is said to the caller: `phrases` that may be kept, then `text`, known after `model_seconds`."""

    phrases: tuple[str, ...] = ()
    text: str = ""
    model_seconds: float = 0.0
    # Masks the wait for the model; says nothing of the reply.
    filler: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """A named row of turns."""

    name: str
    title: str
    turns: tuple[Turn, ...]


SCENES = (
    Scene("new_caller", "New caller: greeting and welcome", (Turn(("greet", "welcome")),)),
    Scene(
        "known_client",
        "Known client: greeting, then the ticket",
        (Turn(("greet",), "Monsieur Koné, je vois votre ticket numéro 4521."),),
    ),
    Scene(
        "diagnostic",
        "Diagnostic, then verification",
        (
            Turn(
                text="Votre modem clignote en rouge : redémarrez-le, puis attendez deux minutes.",
                model_seconds=1.9,
                filler="filler_hum",
            ),
            Turn(text="Bravo, votre connexion est rétablie !", model_seconds=0.8, filler="filler_ok"),
        ),
    ),
)
"""The scenes; a model takes what hosted small models took, the first time with a slow tail."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound from `begins_ms` on, counted from the beginning of the turn."""

    begins_ms: float
    lasts_ms: float
    is_filler: bool

    @property
    def ends_ms(self) -> float:
        """Returns when it ends."""
        return self.begins_ms + self.lasts_ms


@dataclass(slots=True)
class Heard:
    """A turn as the caller heard it."""

    stretches: list[Stretch] = field(default_factory=list[Stretch])

    def add(self, arrived_ms: float, lasts_ms: float, *, is_filler: bool) -> None:
        """Adds sound that is played when it arrives, or when what came before has ended."""
        begins = max(arrived_ms, self.ends_ms)
        last = self.stretches[-1] if self.stretches else None
        if last and last.is_filler == is_filler and begins - last.ends_ms < 1.0:
            self.stretches[-1] = Stretch(last.begins_ms, begins + lasts_ms - last.begins_ms, is_filler)
        else:
            self.stretches.append(Stretch(begins, lasts_ms, is_filler))

    @property
    def ends_ms(self) -> float:
        """Returns when all sound is over; 0 without any."""
        return self.stretches[-1].ends_ms if self.stretches else 0.0

    @property
    def first_audio_ms(self) -> float:
        """Returns when the first sound began."""
        return self.stretches[0].begins_ms if self.stretches else 0.0

    @property
    def content_ms(self) -> float:
        """Returns when the first sound began that is no filler."""
        return next((each.begins_ms for each in self.stretches if not each.is_filler), 0.0)

    @property
    def largest_gap_ms(self) -> float:
        """Returns the longest silence after the first sound."""
        pairs = zip(self.stretches, self.stretches[1:], strict=False)
        return max((after.begins_ms - before.ends_ms for before, after in pairs), default=0.0)


@dataclass(frozen=True, slots=True)
class Played:
    """A scene as it was heard, and how many texts were given to a voice for it."""

    turns: tuple[Heard, ...]
    provider_calls: int

    def worst(self, of: Callable[[Heard], float]) -> float:
        """Returns the largest of a figure over the turns."""
        return max(of(turn) for turn in self.turns)


class Stage:
    """Plays scenes on one stack. `wording` gives the text of each phrase."""

    def __init__(
        self, tenant: grpc.aio.Channel, operator: grpc.aio.Channel, *, wording: dict[str, str], locale: str = ""
    ) -> None:
        self._voice = voice_pb2_grpc.VoiceServiceStub(tenant)
        self._status = common_pb2_grpc.StatusServiceStub(operator)
        self._wording = wording
        self._locale = locale

    async def before(self, scene: Scene) -> Played:
        """Plays a scene one step after the other: the model, then each text to its end, then its sound."""
        return await self._play(scene.turns, self._sequential)

    async def after(self, scene: Scene) -> Played:
        """Plays a scene with kept phrases, a filler over the model's time, and speech that plays as it comes."""
        return await self._play(scene.turns, self._masked)

    async def _play(self, turns: Sequence[Turn], play: Callable[[Turn], Awaitable[Heard]]) -> Played:
        calls = await self._calls()
        heard = [await play(turn) for turn in turns]
        return Played(tuple(heard), await self._calls() - calls)

    async def _sequential(self, turn: Turn) -> Heard:
        heard, begun = Heard(), time.monotonic()
        await asyncio.sleep(turn.model_seconds)
        for text in (*(self._wording[key] for key in turn.phrases), turn.text):
            if text:
                # Not word for word a phrase: nothing that is kept is played.
                lengths = [ms async for ms in self._say(f"{text} .")]
                heard.add(_ms_since(begun), sum(lengths), is_filler=False)
                # Nothing is asked for while something plays.
                await asyncio.sleep(sum(lengths) / 1_000)
        return heard

    async def _masked(self, turn: Turn) -> Heard:
        heard, begun = Heard(), time.monotonic()
        model = asyncio.create_task(asyncio.sleep(turn.model_seconds))
        if turn.filler:
            await self._phrase(turn.filler, heard, begun, is_filler=True)
            silent_until = begun + heard.ends_ms / 1_000 + _CHAIN_SECONDS
            done, _ = await asyncio.wait({model}, timeout=max(0.0, silent_until - time.monotonic()))
            if not done:
                await self._phrase("filler_one_moment", heard, begun, is_filler=True)
        await model
        *first, last = turn.phrases or ("",)
        for key in first:
            await self._phrase(key, heard, begun, is_filler=False)
        stream = self._hybrid(last, turn.text) if last else self._say(turn.text)
        async for ms in stream:
            heard.add(_ms_since(begun), ms, is_filler=False)
        return heard

    async def _phrase(self, key: str, heard: Heard, begun: float, *, is_filler: bool) -> None:
        async for ms in self._hybrid(key, ""):
            heard.add(_ms_since(begun), ms, is_filler=is_filler)

    async def _say(self, text: str) -> AsyncIterator[float]:
        request = voice_pb2.SayRequest(text=text, locale=self._locale)
        async for message in self._voice.Say(request, timeout=30):
            if message.HasField("chunk"):
                yield len(message.chunk.samples) / _SAMPLES_PER_MS

    async def _hybrid(self, key: str, text: str) -> AsyncIterator[float]:
        request = voice_pb2.SayHybridRequest(cache_key=key, text=text, locale=self._locale)
        async for message in self._voice.SayHybrid(request, timeout=30):
            if message.HasField("chunk"):
                yield len(message.chunk.samples) / _SAMPLES_PER_MS

    async def _calls(self) -> int:
        """Returns how many texts the service has given to a voice, from its status."""
        status = await self._status.GetStatus(common_pb2.GetStatusRequest(), timeout=5)
        details = [each.detail for each in status.dependencies if each.name == "speech:phrases"]
        found = re.search(r"(\d+) texts spoken", details[0]) if details else None
        return int(found[1]) if found else 0


def _ms_since(begun: float) -> float:
    return (time.monotonic() - begun) * 1_000
