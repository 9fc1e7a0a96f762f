"""Chunks of a stream: order, labels, joins."""

import numpy as np

from services.voice.audio import AudioForm, Encoding
from services.voice.chunks import Chunk, ChunkAssembler, Segment


def tone(milliseconds: int, level: float = 12_000) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 440 * np.arange(8 * milliseconds) / 8_000)).astype(np.int16)


def samples_of(chunks: list[Chunk]) -> np.ndarray:
    return np.frombuffer(b"".join(chunk.samples for chunk in chunks), dtype="<i2")


def speak(*spans: tuple[Segment, str, np.ndarray], piece: int = 400, form: AudioForm | None = None) -> list[Chunk]:
    assembler = ChunkAssembler(form or AudioForm(), voice="v")
    chunks: list[Chunk] = []
    for segment, text, samples in spans:
        chunks += assembler.begin(segment, text, voice="v")
        for at in range(0, len(samples), piece):
            chunks += assembler.push(samples[at : at + piece])
    return chunks + assembler.finish()


def test_one_span_comes_out_as_it_went_in_but_for_the_fade_at_the_end() -> None:
    speech = tone(1_000)
    heard = samples_of(speak((Segment.CONTENT, "Bonjour.", speech), piece=333))
    assert len(heard) == len(speech)
    assert np.array_equal(heard[:-40], speech[:-40])
    assert abs(int(heard[-1])) < 100


def test_chunks_are_numbered_and_only_the_last_is_marked() -> None:
    chunks = speak((Segment.CONTENT, "Un.", tone(500)), (Segment.CONTENT, "Deux.", tone(500)))
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.is_last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk.text_span for chunk in chunks if chunk.text_span] == ["Un.", "Deux."]


def test_every_chunk_lasts_20_ms_to_5_s() -> None:
    chunks = speak((Segment.FILLER, "Hum.", tone(1_130)), (Segment.CONTENT, "Deux.", tone(77)))
    assert all(20 <= len(chunk.samples) / 16 <= 5_000 for chunk in chunks)


def test_a_join_makes_no_click() -> None:
    loud = np.full(4_000, 9_000, dtype=np.int16)
    heard = samples_of(speak((Segment.FILLER, "a", loud), (Segment.CONTENT, "b", -loud)))
    steps = np.abs(np.diff(heard.astype(int)))
    assert steps.max() <= 9_000 / 39 + 2, "no step is larger than that of a 5 ms ramp"


def test_the_filler_does_not_leak_into_content() -> None:
    chunks = speak((Segment.FILLER, "Hum.", tone(700)), (Segment.CONTENT, "Oui.", tone(700)))
    content = samples_of([chunk for chunk in chunks if chunk.segment is Segment.CONTENT])
    assert np.abs(content[40:280]).max() == 0, "content begins with the pause, after 5 ms of fade"


def test_mulaw_has_one_byte_a_sample() -> None:
    chunks = speak((Segment.CONTENT, "a", tone(300)), form=AudioForm(Encoding.MULAW))
    assert sum(len(chunk.samples) for chunk in chunks) == 2_400


def test_nothing_said_gives_no_chunk() -> None:
    assert speak() == []


def test_another_voice_is_named() -> None:
    assembler = ChunkAssembler(AudioForm(), voice="v")
    assembler.begin(Segment.CONTENT, "a", voice="w")
    assembler.push(tone(50))
    assert [chunk.voice for chunk in assembler.finish()] == ["w"]
