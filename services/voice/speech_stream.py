"""The events of one stream of speech: what opens it, its chunks, what closes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.voice.audio import AudioForm
from services.voice.chunks import Chunk, ChunkAssembler, Segment
from services.voice.narration import Narration, Piece
from services.voice.phrases import PhraseAudio
from services.voice.playback import Playback

# A phrase goes out in one to five messages.
_PHRASE_CHUNK_MS = 1_000
_PHRASE_CHUNKS = 5
_CACHE = "cache"


def source_of(voice: str, *, is_kept: bool) -> str:
    """Returns where audio in `voice` (`provider:voice`) comes from: `cache`, or the provider's name."""
    return _CACHE if is_kept else voice.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Started:
    """First event of every stream."""

    form: AudioForm
    voice: str
    turn_id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Last event of every stream; `spoken_text` holds the sentences whose audio was sent to its end."""

    complete: bool
    spoken_text: str
    audio_ms: int
    billed_characters: int
    reasons: tuple[str, ...]
    first_audio_ms: float
    largest_gap_ms: float = 0.0
    turn_id: str = ""
    interrupted: bool = False
    # Where the first audio came from, as `source_of`; empty when there was none.
    first_source: str = ""


SpeechEvent = Started | Chunk | Finished


class SpeechStream:
    """The chunks of one stream, and when the first of them went out."""

    def __init__(self, assembler: ChunkAssembler, *, begun: float, now: Callable[[], float]) -> None:
        self.playback = Playback(begun=begun)
        self._assembler = assembler
        self._now = now
        self._first_source = ""

    @property
    def sent_any(self) -> bool:
        """True once a chunk was handed out."""
        return self.playback.ends_at is not None

    def phrase(self, audio: PhraseAudio | None, segment: Segment, text: str, *, is_kept: bool = True) -> list[Chunk]:
        """Returns the chunks of a phrase, which `is_kept` or was made just now; none when there is no audio of it."""
        if audio is None:
            return []
        self._first_source = self._first_source or source_of(audio.voice, is_kept=is_kept)
        chunks = self._assembler.begin(segment, text, voice=audio.voice)
        size_ms = max(_PHRASE_CHUNK_MS, audio.audio_ms // (_PHRASE_CHUNKS - 1))
        chunks += self._assembler.push(audio.samples, chunk_ms=size_ms)
        return self._noted(chunks + self._assembler.flush())

    def piece(self, piece: Piece) -> list[Chunk]:
        """Returns the chunks that a piece of speech completes."""
        chunks = self._assembler.begin(Segment.CONTENT, piece.begins, voice=piece.voice) if piece.begins else []
        self._first_source = self._first_source or source_of(piece.voice, is_kept=piece.is_kept)
        return self._noted(chunks + self._assembler.push(piece.samples))

    def rest(self) -> list[Chunk]:
        """Returns what was kept back for a join that does not come in time."""
        return self._noted(self._assembler.rest())

    def end(self) -> list[Chunk]:
        """Returns the last chunk."""
        return self._noted(self._assembler.finish())

    def finished(self, narration: Narration, spoken: Sequence[str], *, turn_id: str = "") -> Finished:
        """Returns the closing event."""
        return Finished(
            complete=narration.complete,
            spoken_text=" ".join(spoken),
            audio_ms=self._assembler.audio_ms,
            billed_characters=narration.billed_characters,
            reasons=tuple(narration.reasons),
            first_audio_ms=self.playback.first_audio_ms,
            largest_gap_ms=self.playback.largest_gap_ms,
            turn_id=turn_id,
            first_source=self._first_source if self.sent_any else "",
        )

    def _noted(self, chunks: list[Chunk]) -> list[Chunk]:
        for chunk in chunks:
            self.playback.sent(chunk.audio_ms, now=self._now())
        return chunks
