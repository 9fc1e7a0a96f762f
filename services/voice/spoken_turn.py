"""One turn of a spoken conversation: the reply is spoken as it comes, its waits masked, the caller may interrupt."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from libs.common.errors import ErrorKind, ReparteeError
from libs.common.stages import TracedStep
from services.voice.chunks import Chunk, ChunkAssembler, Segment
from services.voice.inbox import Inbox, Interruption
from services.voice.kept_phrases import KeptPhrases
from services.voice.masked_wait import TAIL_SECONDS
from services.voice.masking import FALLBACK, Forecast, Mask, Step, StepKind
from services.voice.narration import Ahead, Narration, narrate
from services.voice.playback import Playback, Span
from services.voice.reply_feed import Replied, ReplyFeed, SpokenTurn
from services.voice.speech_stream import Finished
from services.voice.turn_audio import TurnAudio
from services.voice.voices import Voices

# Errors of the caller's, which end the conversation; all others are spoken of.
_CALLERS = frozenset({ErrorKind.INVALID, ErrorKind.UNAUTHENTICATED, ErrorKind.DENIED, ErrorKind.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The router gave no reply; `text` is what the caller was told in its place."""

    text: str
    turn_id: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a turn's wait before it begins, and whom to tell how long it was, in milliseconds.

    `forecast` is None for a turn that gets no filler.
    """

    forecast: Forecast | None
    phase: str
    last_filler: str
    observe: Callable[[float], None]


TurnEvent = Chunk | Replied | Unanswered | Finished


class SpokenTurnRun:
    """Speaks one turn. Its attributes say how it ended, also when its events are closed early."""

    def __init__(
        self,
        turn: SpokenTurn,
        *,
        phrases: KeptPhrases,
        voices: Voices,
        assembler: ChunkAssembler,
        inbox: Inbox,
        outlook: Outlook,
        step: TracedStep,
        now: Callable[[], float],
    ) -> None:
        self.turn = turn
        self.feed = ReplyFeed(on_change=inbox.wake.set, now=now)
        self.last_filler = outlook.last_filler
        # What was heard of the reply, a beginning of it; None while it is not known, or all of it was.
        self.heard_reply: str | None = None
        # True when another text was spoken because the reply did not come.
        self.gave_up = False
        self.told_reply = False
        self._phrases = phrases
        self._inbox = inbox
        self._step = step
        self._now = now
        self._begun = now()
        self._narration = Narration(list(phrases.plan.reasons))
        sentences = narrate(
            self.feed.sentences(),
            plan=phrases.plan,
            voices=voices,
            sample_rate_hz=phrases.form.sample_rate_hz,
            narration=self._narration,
        )
        self._ahead = Ahead(sentences, on_change=inbox.wake.set)
        self._playback = Playback(begun=self._begun)
        self._mask = Mask(
            forecast=outlook.forecast, phase=outlook.phase, lengths=phrases.lengths(), last_filler=outlook.last_filler
        )
        self._audio = TurnAudio(
            feed=self.feed,
            ahead=self._ahead,
            phrases=phrases,
            assembler=assembler,
            playback=self._playback,
            first_content=lambda: outlook.observe((now() - self._begun) * 1_000),
        )
        self._all_sent = self._excused = False
        self._unanswered: Unanswered | None = None

    async def events(self, reading: "asyncio.Task[None]") -> AsyncGenerator[TurnEvent, None]:
        """Yields the turn's events, `Finished` last. `reading` fills the feed; whoever started it ends it."""
        with self._step.within():
            speaking = asyncio.create_task(self._ahead.produce(), name="spoken-turn")
        speaking.add_done_callback(self._ahead.close)
        try:
            async with aclosing(self._chunks(reading, speaking)) as chunks:
                async for chunk in chunks:
                    for replied in self._tell():
                        yield replied
                    yield chunk
            await _stop(speaking)
            for replied in self._tell():
                yield replied
            if self._unanswered is not None:
                yield self._unanswered
            yield self._finish()
        finally:
            await _stop(speaking)
            # Closed early, the caller hung up: what their clock says was heard.
            if not self._all_sent and self.heard_reply is None:
                self._cut(self._playback.played_ms(self._now()))

    async def _chunks(
        self, reading: "asyncio.Task[None]", speaking: "asyncio.Task[None]"
    ) -> AsyncGenerator[Chunk, None]:
        """Yields audio at a listener's pace until all is heard, or the caller speaks."""
        audio, playback = self._audio, self._playback
        is_finished = False
        while self._inbox.peek() is None:
            audio.look()
            chunk = audio.next()
            if chunk is not None:
                due = playback.due(chunk.audio_ms)
                if due > self._now():
                    await self._inbox.wait_until(due)
                    continue
                chunk = audio.sent(now=self._now())
                if chunk.segment is Segment.CONTENT:
                    self._mask.answered(playback.ends_ms)
                yield chunk
            elif not is_finished and await self._has_all(reading, speaking):
                is_finished = audio.next() is None
                if is_finished:
                    audio.finish()
            elif is_finished:
                self._all_sent = True
                if playback.ends_at is None or self._now() >= playback.ends_at:
                    return
                await self._inbox.wait_until(playback.ends_at)
            else:
                await self._mask_wait(speaking)

    async def _has_all(self, reading: "asyncio.Task[None]", speaking: "asyncio.Task[None]") -> bool:
        """Returns whether nothing more comes. What failed is apologised for; raises what is the caller's fault."""
        if self.gave_up:
            return True
        if not reading.done():
            return False
        if (error := reading.exception()) is not None:
            if not isinstance(error, ReparteeError) or error.kind in _CALLERS:
                raise error
            await self._give_up(error.reason)
            return True
        if not speaking.done() or self._audio.look() is not None:
            return False
        speaking.result()
        if not self._narration.complete and not self._narration.spoken and not self._excused:
            self._excused = True
            self._play_text("apology")
        return True

    async def _mask_wait(self, speaking: "asyncio.Task[None]") -> None:
        """Waits for the reply until something must be played in its place, and puts that in."""
        playback = self._playback
        if playback.ends_at is not None and self._now() < playback.ends_at - TAIL_SECONDS:
            await self._inbox.wait_until(playback.ends_at - TAIL_SECONDS)
            return
        self._audio.rest()
        if self._audio.next() is not None:
            return
        step = self._mask.first() if playback.ends_at is None else self._mask.next(silent_since_ms=playback.ends_ms)
        due = self._begun + step.at_ms / 1_000
        if self._now() < due:
            await self._inbox.wait_until(due)
        elif step.kind is StepKind.FALLBACK:
            await _stop(speaking)
            await self._give_up("ANSWER_TOO_LATE")
        else:
            self._play(step)

    def _play(self, step: Step) -> None:
        self._mask.played(step)
        self.last_filler = self._mask.last_filler
        self._play_text(step.key)

    def _play_text(self, key: str) -> None:
        audio = self._phrases.audio(key)
        if audio is not None:
            self._audio.play(self._phrases.wording[key], audio)

    async def _give_up(self, reason: str) -> None:
        """Ends the turn with the text that stands for an answer."""
        text = self._phrases.wording[FALLBACK]
        self.gave_up = True
        self._unanswered = Unanswered(text, self.turn.turn_id, (reason,))
        self._narration.complete = False
        self._narration.reasons.append(reason)
        self._audio.stop_reply()
        audio = self._phrases.audio(FALLBACK) or await self._phrases.make(FALLBACK, self._narration)
        if audio is not None:
            self._audio.play(text, audio)

    def _finish(self) -> Finished:
        interruption, sent_ms = self._inbox.peek(), self._playback.audio_ms
        heard_ms = sent_ms
        if isinstance(interruption, Interruption):
            self._inbox.take()
            heard_ms = min(interruption.heard_ms or sent_ms, sent_ms)
        is_cut = not self._all_sent or heard_ms < sent_ms
        heard = self._cut(heard_ms) if is_cut else self._playback.heard(heard_ms)
        return Finished(
            complete=self._narration.complete and not self.feed.contradicted and not is_cut,
            spoken_text=" ".join(text for _, text in heard),
            audio_ms=round(sent_ms),
            billed_characters=self._narration.billed_characters,
            reasons=tuple(self._narration.reasons),
            first_audio_ms=self._playback.first_audio_ms,
            largest_gap_ms=self._playback.largest_gap_ms,
            turn_id=self.turn.turn_id,
            interrupted=is_cut,
            first_source=self._audio.first_source if self._playback.ends_at is not None else "",
        )

    def cut_late(self, heard_ms: float) -> None:
        """Notes that the caller spoke over it after all, as far as the server knew, had been heard."""
        if 0 < heard_ms < self._playback.audio_ms and self.heard_reply is None and not self.gave_up:
            self._cut(heard_ms)

    def _cut(self, heard_ms: float) -> list[tuple[Span, str]]:
        """Notes what was heard of the reply, and returns all that was."""
        unsent_ms = self._audio.unsent_ms(
            is_made=lambda index: self.feed.is_followed(index) or len(self._narration.spoken) > index
        )
        self._audio.stop()
        heard = self._playback.heard(heard_ms, unsent_ms=unsent_ms)
        of_reply = [(span, text) for span, text in heard if span.index >= 0]
        self.heard_reply = self.feed.heard_until(of_reply[-1][0].index, of_reply[-1][1]) if of_reply else ""
        return heard

    def _tell(self) -> list[Replied]:
        """Returns the reply the first time that it is there."""
        if self.told_reply or self.gave_up or self.feed.replied is None:
            return []
        self.told_reply = True
        return [self.feed.replied]


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait((task,))
