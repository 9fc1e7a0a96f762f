"""Log lines of a process: one stream, for people or as JSON, each with the request and the span it belongs to."""

import json
import logging
import sys
import time
from types import TracebackType
from typing import Literal

from libs.common.interceptors.guard import stack_without_text
from libs.common.phone_masking import without_phones
from libs.common.request_context import current_or_none
from libs.common.telemetry import current_span_id, current_trace_id

# Vendors' clients: a line a call at INFO, and at DEBUG whole requests, with what customers wrote and with keys.
_TOO_TALKATIVE = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "cohere", "elevenlabs")
# Says at every try that a collector is away; `libs.common.otlp_sink` says so once.
_REPEATS_ITSELF = "opentelemetry.exporter"


def set_up_logging(level: str, form: Literal["human", "json"]) -> None:
    """Sends every log record of the process to stdout; those of vendors' clients only from WARNING on."""
    for name in _TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_REPEATS_ITSELF).setLevel(logging.CRITICAL)
    # Looked up for every record otherwise, and in no line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if form == "json" else HumanFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Discreet(logging.Formatter):
    """Shows of an exception its stack and types: its text may quote a customer, whoever logs it."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802  # the library's name
        """Returns the stack without texts."""
        return stack_without_text(ei[1]).rstrip() if ei[1] is not None else ""


class HumanFormatter(_Discreet):
    """`12:34:56 INFO libs.common.server message`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, without telephone numbers."""
        return without_phones(super().format(record))


# What every record has; anything else on it was given as `extra`.
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(_Discreet):
    """One JSON object a line; `time` in UTC, and what a record was given as `extra` by its own name."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": without_phones(record.getMessage()),
        }
        context = current_or_none()
        if context is not None:
            fields["request_id"] = without_phones(context.request_id)
            fields["tenant"] = context.principal.tenant or ""
        if trace_id := current_trace_id():
            fields["trace_id"] = trace_id
            fields["span_id"] = current_span_id()
        for name, value in vars(record).items():
            if name not in _OWN_FIELDS:
                fields.setdefault(name, value if isinstance(value, int | float) else without_phones(str(value)))
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
