"""The rating of a reply as protobuf says it."""

from libs.common.errors import FieldViolation, InvalidRequest
from repartee.v1 import router_pb2
from services.router.afterwards.rating import REASONS

_RATINGS = {router_pb2.RATING_GOOD: True, router_pb2.RATING_BAD: False}
_REASONS = {
    router_pb2.RATING_REASON_UNSPECIFIED: "",
    **{router_pb2.RatingReason.Value(f"RATING_REASON_{code.upper()}"): code for code in REASONS},
}


def read_rating(request: router_pb2.RateReplyRequest) -> tuple[bool, str]:
    """Returns whether the reply is good, and the code of the reason; raises InvalidRequest for unknown numbers."""
    is_good, reason = _RATINGS.get(request.rating), _REASONS.get(request.reason)
    if is_good is not None and reason is not None:
        return is_good, reason
    field = "rating" if is_good is None else "reason"
    raise InvalidRequest(
        "INVALID_FIELD",
        f"There is no such {field}.",
        violations=[FieldViolation(field, "expected one of the names in the contract")],
    )
