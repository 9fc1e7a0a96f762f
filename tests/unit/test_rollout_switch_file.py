"""The file of the switch: how it is read, and that only a clear change counts."""

import logging
import os
from pathlib import Path

import pytest

from libs.common.errors import InvalidRequest
from services.router.rollout.switch_file import SwitchFile
from services.router.rollout.switch_word import read_switch_file


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("true", True),
        (" FALSE \n", False),
        ("# by ana\non\n", True),
        ("USE_HYBRID_BOTLIVE=true\n", True),
        ('export USE_HYBRID_BOTLIVE="yes"  # now\n', True),
        ("OTHER=1\nUSE_HYBRID_BOTLIVE = off # not yet\n", False),
        ("USE_HYBRID_BOTLIVE=true\nUSE_HYBRID_BOTLIVE=false", False),
        ("USE_HYBRID_BOTLIVE=", None),
        ("USE_HYBRID_BOTLIVE=''", None),
        ("OTHER=perhaps\nMY_USE_HYBRID_BOTLIVE=x\n", None),
        ("#USE_HYBRID_BOTLIVE=perhaps", None),
    ],
)
def test_forms_of_the_file(text: str, says: bool | None) -> None:
    assert read_switch_file(text, place="f") is says


@pytest.mark.parametrize(
    ("text", "line"), [("perhaps", 1), ("\nA=1\nUSE_HYBRID_BOTLIVE=ture\n", 3), ("USE_HYBRID_BOTLIVE", 1)]
)
def test_unclear_words_are_refused_with_their_place(text: str, line: int) -> None:
    with pytest.raises(InvalidRequest, match=f"in the-file, line {line}; write true or false") as refusal:
        read_switch_file(text, place="the-file")
    assert refusal.value.reason == "INVALID_SETTING"


async def test_a_change_is_seen_also_with_the_same_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("USE_HYBRID_BOTLIVE=1\n")
    file = SwitchFile(path)
    assert await file.open() is True
    times = path.stat().st_mtime_ns, path.stat().st_mtime_ns
    assert not await file.changed()
    path.write_text("USE_HYBRID_BOTLIVE=0\n")
    os.utime(path, ns=times)
    assert await file.changed()
    assert file.says is False
    path.write_text("USE_HYBRID_BOTLIVE=off\n")
    assert not await file.changed()


async def test_a_file_that_is_empty_away_or_unclear_leaves_what_it_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "switch"
    path.write_text("true")
    file = SwitchFile(path)
    await file.open()
    with caplog.at_level(logging.ERROR):
        for text in ("", "\n", "ture", "ture"):
            path.write_text(text)
            assert not await file.changed()
        assert not await file.changed()
    assert [record.getMessage().count("line 1") for record in caplog.records] == [1]
    path.unlink()
    assert not await file.changed()
    assert file.says is True
    path.write_text("false")
    assert await file.changed()


async def test_a_mounted_config_map_is_followed_through_its_swapped_link(tmp_path: Path) -> None:
    def version(name: str, word: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "USE_HYBRID_BOTLIVE").write_text(word)

    version("..1", "false")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "USE_HYBRID_BOTLIVE").symlink_to("..data/USE_HYBRID_BOTLIVE")
    file = SwitchFile(tmp_path)
    assert await file.open() is False
    version("..2", "true")
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert await file.changed()
    assert file.says is True


async def test_a_file_that_comes_later_counts_and_an_unclear_one_refuses_the_start(tmp_path: Path) -> None:
    path = tmp_path / "switch"
    file = SwitchFile(path)
    assert await file.open() is None
    path.write_text("on")
    assert await file.changed()
    path.write_text("perhaps")
    with pytest.raises(InvalidRequest):
        await SwitchFile(path).open()
