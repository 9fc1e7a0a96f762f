"""What a spoken turn sends next: sentences as they are made, phrases while they are not."""

from collections import deque
from collections.abc import Callable

from services.voice.audio import Samples
from services.voice.chunks import Chunk, ChunkAssembler, Segment
from services.voice.kept_phrases import KeptPhrases
from services.voice.masking import cut_at
from services.voice.narration import Ahead, Piece
from services.voice.pauses import pauses_ms
from services.voice.phrases import PhraseAudio
from services.voice.playback import Playback
from services.voice.reply_feed import ReplyFeed
from services.voice.speech_stream import source_of

# A phrase goes out in pieces of this length, and is cut between them at the latest.
_SLICE_MS = 100
# About fifteen letters a second, in French as in English.
_MS_PER_CHARACTER = 66.0


class TurnAudio:
    """The chunks of one turn in order. `first_content` is called once, when the first of the reply is there."""

    def __init__(
        self,
        *,
        feed: ReplyFeed,
        ahead: Ahead,
        phrases: KeptPhrases,
        assembler: ChunkAssembler,
        playback: Playback,
        first_content: Callable[[], None],
    ) -> None:
        self._feed = feed
        self._ahead = ahead
        self._phrases = phrases
        self._form = phrases.form
        self._assembler = assembler
        self._playback = playback
        self._first_content = first_content
        self._ready: deque[Chunk] = deque()
        self._phrase: Samples | None = None
        self._pauses: tuple[float, ...] = ()
        self._played = 0
        self._held: Piece | None = None
        self._spans: deque[tuple[str, int]] = deque()
        self._resumed: set[int] = set()
        self._is_heard = False
        self._takes_reply = True
        # Where the first audio came from, as `source_of`.
        self.first_source = ""

    def play(self, text: str, audio: PhraseAudio) -> None:
        """Puts a phrase before what comes."""
        self._phrases.played(text, audio)
        self.first_source = self.first_source or source_of(audio.voice, is_kept=True)
        self._spans.append((text, -1))
        self._ready += self._assembler.begin(Segment.FILLER, text, voice=audio.voice)
        self._phrase, self._played = audio.samples, 0
        self._pauses = pauses_ms(audio.samples, sample_rate_hz=audio.sample_rate_hz)

    def next(self) -> Chunk | None:
        """Returns the next chunk without taking it, or None while there is nothing to send."""
        while not self._ready:
            if self._phrase is not None:
                self._slice(self._phrase)
            elif not self._take():
                return None
        return self._ready[0]

    def sent(self, *, now: float) -> Chunk:
        """Takes the next chunk, which leaves now."""
        chunk = self._ready.popleft()
        if chunk.text_span:
            while self._spans:
                text, index = self._spans.popleft()
                if text == chunk.text_span:
                    self._playback.begins(text, index=index)
                    break
        self._playback.sent(chunk.audio_ms, now=now)
        return chunk

    def rest(self) -> None:
        """Adds what was kept back for a join that does not come in time."""
        self._ready += self._assembler.rest()

    def finish(self) -> None:
        """Adds the end."""
        self._ready += self._assembler.finish()

    def unsent_ms(self, *, is_made: Callable[[int], bool]) -> float:
        """Returns how much of what was begun last is not sent; `is_made` says whether a sentence is made to its end.

        Of one that is not, the rest is estimated from its letters. Takes what the voice has made.
        """
        last = self._playback.last_span
        if last is None:
            return 0.0
        unsent, per_ms = 0.0, self._form.sample_rate_hz / 1_000
        for chunk in self._ready:
            if chunk.text_span:
                return unsent
            unsent += chunk.audio_ms
        unsent += self._assembler.waiting_ms
        if last.index < 0:
            return unsent + (0.0 if self._phrase is None else (len(self._phrase) - self._played) / per_ms)
        piece = self._held or self._ahead.take()
        while piece is not None and piece.index == last.index:
            unsent += len(piece.samples) / per_ms
            piece = self._ahead.take()
        if piece is not None or is_made(last.index):
            return unsent
        return max(unsent, len(last.text) * _MS_PER_CHARACTER - (self._playback.audio_ms - last.begins_ms))

    def stop_reply(self) -> None:
        """Takes no more of the reply; what is in the middle of being sent is sent to its end."""
        self._takes_reply = False

    def stop(self) -> None:
        """Drops all that was not sent."""
        self._ready.clear()
        self._spans.clear()
        self._phrase = self._held = None
        self._assembler.discard()

    def _slice(self, phrase: Samples) -> None:
        end, per_ms = len(phrase), self._form.sample_rate_hz / 1_000
        if self.look() is not None:
            end = round(cut_at(self._pauses, position_ms=self._played / per_ms, length_ms=end / per_ms) * per_ms)
        upto = min(end, self._played + self._form.samples_in(_SLICE_MS))
        self._ready += self._assembler.push(phrase[self._played : upto])
        self._played = upto
        if upto >= end:
            self._phrase = None
            self._ready += self._assembler.flush()

    def _take(self) -> bool:
        """Adds the chunks of the next piece of the reply; returns whether there was one."""
        piece = self.look()
        if piece is None:
            return False
        if piece.begins and self._feed.begin(piece.index) and not self._is_said_again(piece):
            return True
        self._held = None
        if piece.begins:
            self._spans.append((piece.begins, piece.index))
            self._ready += self._assembler.begin(Segment.CONTENT, piece.begins, voice=piece.voice)
        self.first_source = self.first_source or source_of(piece.voice, is_kept=False)
        self._ready += self._assembler.push(piece.samples)
        return True

    def _is_said_again(self, piece: Piece) -> bool:
        """Returns False when a phrase was put before the piece, which says that what was heard is void."""
        resume = self._phrases.audio("resume")
        if resume is None or piece.index in self._resumed:
            return True
        self._resumed.add(piece.index)
        self.play(self._phrases.wording["resume"], resume)
        return False

    def look(self) -> Piece | None:
        """Returns what of the reply comes next, or None while it is not there."""
        if not self._takes_reply:
            return None
        while self._held is None or self._feed.is_dropped(self._held.index):
            self._held = self._ahead.take()
            if self._held is None:
                return None
        if not self._is_heard:
            self._is_heard = True
            self._first_content()
        return self._held
