"""Work after a reply: its faults are logged, without the texts that a customer may have written."""

import logging

import pytest

from libs.common.errors import Unavailable
from services.router.background import Background


async def test_faults_are_logged_without_their_texts(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(problem: Exception) -> None:
        raise problem

    background = Background()
    with caplog.at_level(logging.WARNING):
        background.start(fail(Unavailable("DOWN", "secret")), name="store-answer")
        background.start(fail(KeyError("secret")), name="store-answer")
        await background.finish(timeout_seconds=5)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


async def test_work_beyond_the_limit_is_dropped_and_counted() -> None:
    async def work() -> None:
        raise AssertionError("this should not have run")

    background = Background(limit=0)
    background.start(work(), name="store-answer")
    assert background.dropped == 1
