"""What a stopped router left on the disk: frames of every format, looked at by a migration and never changed."""

import json
import logging
from pathlib import Path
from zlib import crc32

import pytest

from libs.common.seal import seal, unseal
from services.router.adapters.file_outbox import FileOutbox
from services.router.adapters.outbox_frames import read_frames, write_frame
from services.router.migrations.left_turns import inspect_outbox
from tests.unit.test_router_outbox import waiting

TENANT = waiting().ref.principal.require_tenant()


def with_header(frame: bytes, **changes: int | None) -> bytes:
    """Returns the frame with other fields in its header; None takes one out."""
    start = 8 + 1 + len(TENANT)
    body = unseal(TENANT, "outbox", frame[start:]) or b""
    end = 4 + int.from_bytes(body[:4])
    header = {**json.loads(body[4:end]), **changes}
    part = json.dumps({name: value for name, value in header.items() if value is not None}).encode()
    payload = frame[8:start] + seal(TENANT, "outbox", len(part).to_bytes(4) + part + body[end:])
    length = len(payload).to_bytes(4)
    return length + crc32(length).to_bytes(4) + payload


def test_frames_from_before_they_had_a_format_are_read() -> None:
    assert read_frames(with_header(write_frame(waiting()), format=None)).turns == [waiting()]


def test_a_frame_of_newer_code_is_named_and_what_is_before_it_is_read() -> None:
    found = read_frames(write_frame(waiting()) + with_header(write_frame(waiting()), format=2))
    assert found.turns == [waiting()]
    assert found.damage.endswith("has format 2, of newer code")


def test_an_outbox_is_looked_at_file_by_file_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "0.journal").write_bytes(write_frame(waiting()) * 2)
    (tmp_path / "1.journal").write_bytes(b"")
    (tmp_path / "2.journal").write_bytes(with_header(write_frame(waiting()), format=9))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    fact, warning = inspect_outbox(tmp_path)
    assert (fact.kind, fact.text) == ("fact", f"{tmp_path}/0.journal: 2 turns wait for the store")
    assert warning.kind == "warning"
    assert "format 9, of newer code; 0 turns before it are read" in warning.text
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert inspect_outbox(tmp_path / "nowhere") == []


async def test_a_router_sets_turns_of_newer_code_aside_and_loses_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = with_header(write_frame(waiting()), format=2)
    (tmp_path / "0.journal").write_bytes(content)
    with caplog.at_level(logging.ERROR):
        outbox, left = FileOutbox.open(tmp_path, clock=lambda: 5.0)
    await outbox.aclose()
    assert left == []
    assert (tmp_path / "0.damaged-5").read_bytes() == content
    assert "of newer code" in caplog.text
