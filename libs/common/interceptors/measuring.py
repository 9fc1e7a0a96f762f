"""How long the calls of one RPC take, by how they end."""

import grpc

from libs.common.measure import Measure
from libs.common.metrics import Histogram, Meter
from libs.common.spans import RecordedSpan

_OK = grpc.StatusCode.OK


class MethodCalls:
    """Counts the calls of one RPC on one side."""

    __slots__ = ("_by_code", "_measure", "_meter", "_method", "_ok", "_service")

    def __init__(self, meter: Meter, measure: Measure, path: str) -> None:
        self._meter = meter
        self._measure = measure
        self._service, _, self._method = path.lstrip("/").rpartition("/")
        self._by_code: dict[grpc.StatusCode, Histogram] = {}
        # Apart, because an enum's member takes longer to look up than all the rest.
        self._ok: Histogram | None = None

    def ended(self, code: grpc.StatusCode, seconds: float, span: RecordedSpan | None) -> None:
        """Counts a call that ended with `code` after `seconds`; its exemplar is a span that is kept."""
        calls = self._ok if code is _OK else self._by_code.get(code)
        if calls is None:
            calls = self._by_code[code] = self._meter.histogram(self._measure, self._service, self._method, code.name)
            if code is _OK:
                self._ok = calls
        calls.observe(seconds, span)


def method_calls(meter: Meter | None, measure: Measure, path: str) -> MethodCalls | None:
    """Returns what counts the calls of one RPC, or None where nobody asks."""
    return MethodCalls(meter, measure, path) if meter is not None else None
