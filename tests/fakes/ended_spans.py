"""Spans of calls, which end a moment after their callers know how the call went."""

import asyncio

from libs.common.spans import RecordedSpan, RecordingTracer


class EndedSpans:
    """A sink that can be waited on."""

    def __init__(self) -> None:
        self.kept: list[RecordedSpan] = []
        self.tracer = RecordingTracer(self._add)
        self._changed = asyncio.Event()

    def _add(self, span: RecordedSpan) -> None:
        self.kept.append(span)
        self._changed.set()

    async def ended(self, count: int) -> list[RecordedSpan]:
        """Returns the spans once `count` of them have ended."""
        async with asyncio.timeout(5):
            while len(self.kept) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.kept
