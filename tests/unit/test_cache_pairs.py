"""The guard on labelled pairs of many trades: no look-alike passes, and light rewordings still do."""

from pathlib import Path

import pytest

from benchmarks.cache_guard import Pair, pairs_of
from services.cache import guard
from services.cache.reading import read_question

DATA = Path(__file__).parent.parent / "data"


def passes(pair: Pair) -> bool:
    a, b = (read_question(text, language=pair.language, country="CI") for text in (pair.a, pair.b))
    forth, back = guard.refuse(a, b, language=pair.language), guard.refuse(b, a, language=pair.language)
    assert (forth and forth.rule) == (back and back.rule)
    return forth is None


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_look_alike_passes(language: str) -> None:
    different = [pair for pair in pairs_of(DATA / f"cache_pairs_{language}.tsv") if pair.kind == "different"]
    assert len(different) >= 95
    assert not [pair for pair in different if passes(pair)]


@pytest.mark.parametrize(("language", "least"), [("fr", 0.8), ("en", 0.7)])
def test_light_rewordings_that_nobody_looked_at_pass(language: str, least: float) -> None:
    held_out = pairs_of(DATA / f"cache_pairs_{language}.tsv", held_out_only=True)
    near = [pair for pair in held_out if pair.label == "near"]
    assert sum(map(passes, near)) >= least * len(near)
