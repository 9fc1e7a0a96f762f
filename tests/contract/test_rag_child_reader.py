"""The process that reads files: it answers, it is killed when it hangs, and it is replaced when it dies."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.rag.adapters.child_reader import ChildReader
from services.rag.documents import Parsed, Refusal, SubmittedDocument
from services.rag.media_types import CSV

ROWS = SubmittedDocument("d", b"Ville;Frais\nLyon;10", media_type=CSV)
HANG = SubmittedDocument("d", b"hang;1", media_type=CSV)
DIE = SubmittedDocument("d", b"die;1", media_type=CSV)
# A reading process that does what a file says; with others it behaves.
OBEDIENT = """
import os, signal
from services.rag.adapters.formats import child

read = child.read

def obey(media_type, content):
    if content.startswith(b"hang"):
        signal.pause()
    if content.startswith(b"die"):
        os._exit(9)
    return read("text/csv", repr(dict(os.environ)).encode() if content == b"environment" else content)

child.read = obey
child.main()
"""


@asynccontextmanager
async def reading(folder: Path, monkeypatch: pytest.MonkeyPatch, **more: float) -> AsyncIterator[ChildReader]:
    (folder / "obedient_child.py").write_text(OBEDIENT)
    monkeypatch.syspath_prepend(str(folder))
    reader = ChildReader(module="obedient_child", **more)
    yield reader
    await reader.aclose()


async def test_files_are_read_one_after_the_other_by_one_process() -> None:
    reader = ChildReader()
    first, second = await asyncio.gather(reader.read(ROWS), reader.read(ROWS))
    await reader.aclose()
    assert isinstance(first, Parsed)
    assert first == second
    assert first.blocks[0].text == "- Ville : Lyon ; Frais : 10"


async def test_a_file_that_hangs_is_set_aside_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for a new process to answer on a busy machine is what the second file needs, so it has its own reader.
    async with reading(tmp_path, monkeypatch, timeout_seconds=0.2) as reader:
        refused = await reader.read(HANG)
        assert isinstance(refused, Refusal)
        assert (refused.reason, refused.is_quarantine) == ("PARSE_TIMEOUT", True)
        reader._timeout_seconds = 60.0
        assert isinstance(await reader.read(ROWS), Parsed)


async def test_a_file_that_kills_its_reader_is_set_aside_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(tmp_path, monkeypatch) as reader:
        refused = await reader.read(DIE)
        assert isinstance(refused, Refusal)
        assert (refused.reason, refused.is_quarantine) == ("UNREADABLE", True)
        assert isinstance(await reader.read(ROWS), Parsed)


async def test_a_call_that_is_given_up_leaves_no_answer_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(tmp_path, monkeypatch) as reader:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(HANG), 0.1)
        assert isinstance(await reader.read(ROWS), Parsed)


async def test_no_secret_of_the_service_goes_to_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPARTEE_COHERE_API_KEY", "secret")
    async with reading(tmp_path, monkeypatch) as reader:
        seen = await reader.read(SubmittedDocument("d", b"environment", media_type=CSV))
    assert isinstance(seen, Parsed)
    assert "PYTHONPATH" in seen.blocks[0].text
    assert "REPARTEE" not in seen.blocks[0].text
    assert "REPARTEE_COHERE_API_KEY" in os.environ
