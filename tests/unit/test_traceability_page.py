"""docs/TRACEABILITY.md lists every demand, and names code and tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "TRACEABILITY.md").read_text(encoding="utf-8")
SPANS = [(1, 38), (40, 59), (60, 95), (100, 113), (120, 133), (140, 156), (160, 181), (190, 208), (220, 229)]
ROWS = re.findall(r"^\| R(\d{3}) [^|]+\| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_demand_has_one_row() -> None:
    numbers = [int(number) for number, *_ in ROWS]
    assert numbers == [number for first, last in SPANS for number in range(first, last + 1)]


def test_every_file_exists_and_every_row_names_both_sides() -> None:
    for number, carried, shown in ROWS:
        for side in (carried, shown):
            named = re.findall(r"`([^`]+)`", side)
            assert named, f"R{number}"
            for each in named:
                exists = each.removeprefix("make ") in TARGETS if each.startswith("make ") else (ROOT / each).exists()
                assert exists, f"R{number}: {each}"


def test_what_shows_a_demand_is_a_test_a_measurement_or_a_tool() -> None:
    rooms = ("tests/", "benchmarks/", "tools/", "make ", "docs/RECIPES.md", "scripts/lock", ".ci/run")
    strange = [(number, each) for number, _, shown in ROWS for each in re.findall(r"`([^`]+)`", shown)]
    assert [pair for pair in strange if not pair[1].startswith(rooms)] == []
