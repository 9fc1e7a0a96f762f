"""What an OpenAI-compatible server's refusal means, whichever vendor words it."""

import datetime
import email.utils
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from services.hybrid_engine.llm.faults import Fault, TierFailure

# Vendors agree on statuses and differ in words; these are looked for in `code`, `type` and `message`, in lower case.
_CONTEXT_WORDS = ("context_length", "context length", "context window", "context size", "n_ctx", "too many tokens")
_FILTER_WORDS = ("content_filter", "content_policy", "content management policy", "responsibleai", "moderation")
_GONE_WORDS = ("model_not_found", "model_decommissioned", "model_terms_required", "no endpoints found")
_QUOTA_WORDS = ("insufficient_quota", "quota exceeded")
# Nothing says when a spent quota is filled again; a minute is what it costs to ask too seldom.
_QUOTA_REST_SECONDS = 60.0

_BY_STATUS = {
    401: Fault.REFUSED,
    402: Fault.REFUSED,
    403: Fault.REFUSED,
    404: Fault.MODEL_GONE,
    408: Fault.TIMEOUT,
    413: Fault.CONTEXT_LENGTH,
    429: Fault.RATE_LIMITED,
}


def failure_of(
    tier: str, status: int, body: object, headers: Mapping[str, str], *, now: Callable[[], float] = time.time
) -> TierFailure:
    """Returns what an error answer means; `now` is seconds since 1970, for a Retry-After that is a date."""
    said = _words(body)
    retry_after = _retry_after(headers, now())
    if any(word in said for word in _QUOTA_WORDS):
        return TierFailure(Fault.RATE_LIMITED, tier, retry_after_seconds=retry_after or _QUOTA_REST_SECONDS)
    if status in (400, 403, 404, 413, 422):
        if any(word in said for word in _FILTER_WORDS):
            return TierFailure(Fault.CONTENT_FILTERED, tier)
        if any(word in said for word in _CONTEXT_WORDS):
            return TierFailure(Fault.CONTEXT_LENGTH, tier)
        if any(word in said for word in _GONE_WORDS):
            return TierFailure(Fault.MODEL_GONE, tier)
    if status >= 500:
        return TierFailure(Fault.SERVER_ERROR, tier, retry_after_seconds=retry_after)
    return TierFailure(_BY_STATUS.get(status, Fault.BAD_REQUEST), tier, retry_after_seconds=retry_after)


def failure_in_body(tier: str, error: object) -> TierFailure:
    """Returns what an `error` object means that came with status 200, as gateways send it."""
    fields = cast("Mapping[str, Any]", error) if isinstance(error, Mapping) else cast("Mapping[str, Any]", {})
    named = fields.get("code", fields.get("status"))
    code = named if type(named) is int else 500
    if code < 500 and code not in _BY_STATUS and code not in (400, 422):
        code = 500
    if any(word in _words(fields) for word in _CONTEXT_WORDS + _FILTER_WORDS + _GONE_WORDS):
        code = 400
    return failure_of(tier, code, fields, {})


def _words(body: object) -> str:
    try:
        return json.dumps(body, ensure_ascii=False).lower()[:4000]
    except (TypeError, ValueError):
        return ""


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Returns seconds, from `retry-after-ms`, or `retry-after` as seconds or as a date; None without a good one."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return max(0.0, date.timestamp() - now)
