"""`repartee load` as a person runs it."""

import xml.etree.ElementTree as ET
from pathlib import Path

from tests.e2e.test_stack import repartee


async def test_a_stack_of_its_own_is_loaded_and_the_results_are_kept(tmp_path: Path) -> None:
    code, printed = await repartee(
        *("load", "--part", "streams", "--rpc", "StreamChat", "--rpc", "SayHybrid"),
        *("--concurrency", "2", "--driver", "own", "--out", str(tmp_path)),
    )
    assert code == 0, printed
    assert "first chunk p50 ms" in printed
    table = (tmp_path / "load.md").read_text(encoding="utf-8")
    assert "| router | StreamChat | 6, 2 at once | 0 |" in table
    assert "Everything held." in table
    assert ET.parse(tmp_path / "load.svg").getroot().tag.endswith("svg")
