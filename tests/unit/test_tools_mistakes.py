"""What the command says when it is used wrongly: a sentence and an exit code, never a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes.engine_parts import example_yaml
from tools.chat import read_line
from tools.cli import app


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "tenant.yaml").write_bytes(b"\xff\xfe")
    code, output = said("tenants", "check", str(tmp_path))
    assert code == 1
    assert "BUNDLE_INVALID" in output
    assert "save it as UTF-8" in output


def test_the_file_itself_is_checked_as_its_folder_is(tmp_path: Path) -> None:
    path = tmp_path / "tenant.yaml"
    path.write_text(example_yaml("escopines"), encoding="utf-8")
    assert said("tenants", "check", str(path))[0] == 0


@pytest.mark.parametrize("port", ["0", "-5", "65533", "70000"])
def test_a_port_beyond_the_last_is_refused(port: str) -> None:
    code, output = said("chat", "bonjour", "--port-base", port)
    assert code == 2
    assert "than or equal to" in output


def test_without_a_stack_one_sentence_says_what_to_do() -> None:
    code, output = said("chat", "bonjour", "--port-base", "1")
    assert code == 1
    assert "No stack answers there. Start it with repartee up" in output


def test_a_line_attaches_several_pictures() -> None:
    text, pictures = read_line("/image a.jpg b.jpg\n")
    assert (text, [picture.uri for picture in pictures]) == ("", ["a.jpg", "b.jpg"])
    assert read_line(" bonjour \n") == ("bonjour", [])
