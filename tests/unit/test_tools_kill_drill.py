"""`repartee drill kill` counts what customers see."""

import asyncio
import io
from collections import Counter
from typing import Any

import grpc
import grpc.aio
import pytest
from rich.console import Console

import tools.kill_drill as drill
from repartee.v1 import router_pb2


class DyingRouter:
    """Refuses the first calls of each turn, then answers; `codes` are what it refuses with."""

    def __init__(self, over: asyncio.Event, *codes: grpc.StatusCode) -> None:
        self._over = over
        self._codes = codes
        self.turns: Counter[str] = Counter()

    async def Chat(self, request: Any, **options: float) -> router_pb2.ChatResponse:  # noqa: N802  # gRPC's name
        assert options["timeout"] > 0
        self.turns[request.turn_id] += 1
        if self.turns[request.turn_id] <= len(self._codes):
            code = self._codes[self.turns[request.turn_id] - 1]
            if code is not grpc.StatusCode.UNAVAILABLE:
                self._over.set()
            raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())
        if len(self.turns) == 3:
            self._over.set()
        return router_pb2.ChatResponse(text="Bonjour", rung=router_pb2.RUNG_OTHER_ENGINE)


async def talk(monkeypatch: pytest.MonkeyPatch, *codes: grpc.StatusCode) -> tuple[DyingRouter, drill.Seen]:
    monkeypatch.setattr(drill, "_AGAIN_SECONDS", 0)
    over, seen = asyncio.Event(), drill.Seen("router")
    router = DyingRouter(over, *codes)
    await drill._talk(router, seen, over)
    return router, seen


async def test_a_call_that_finds_nobody_is_sent_again_with_its_turn_id(monkeypatch: pytest.MonkeyPatch) -> None:
    router, seen = await talk(monkeypatch, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE)
    assert router.turns == {"t1": 3, "t2": 3, "t3": 3}
    assert (seen.sent_again, seen.unanswered, seen.rungs) == (6, 0, {"RUNG_OTHER_ENGINE": 3})


async def test_a_turn_that_fails_is_a_customer_without_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    _, seen = await talk(monkeypatch, grpc.StatusCode.INTERNAL)
    assert (seen.sent_again, seen.unanswered) == (0, 1)


def test_the_table_has_a_row_a_death_and_a_column_a_rung_that_served() -> None:
    printed = io.StringIO()
    console = Console(width=120, file=printed)
    seen = drill.Seen("rag", rungs=Counter({"RUNG_ASSIGNED": 41}), unanswered=2, sent_again=5, slowest_seconds=1.5)
    console.print(drill.table([seen]))
    lines = printed.getvalue().splitlines()
    assert lines[0].split() == ["killed", "assigned", "no", "reply", "sent", "again", "longest", "wait"]
    assert lines[1].split() == ["rag", "41", "2", "5", "1.50", "s"]
