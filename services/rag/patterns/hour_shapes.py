"""Proposes patterns for opening hours: two hours of the day and what joins them."""

from collections.abc import Iterator, Sequence

from libs.common.linear_pattern import linear_pattern
from services.rag.patterns.proposal import Joints, Proposal
from services.rag.patterns.study import Study

_JOINT = r"( ?- ?| a | to | until | jusqu'a |/)"
_STYLES = {
    "h": r"\d{1,2} ?h(?: ?[0-5]\d)?",
    ":": r"\d{1,2}:[0-5]\d",
    "m": r"\d{1,2}(?::[0-5]\d)? ?(?:am|pm|a\.m\.|p\.m\.)",
}
# The first hour may leave its sign to the second: 8-18h, 9-6pm.
_SHORT = r"\d{1,2}"


def propose_hours(studies: Sequence[Study]) -> Iterator[Proposal]:
    """Yields one proposal for each way of writing a span of hours."""
    for style in _STYLES.values():
        for first in (style, _SHORT):
            pattern = linear_pattern(rf"\b{first}{_JOINT}{style}(?:\b|$|[^\d])")
            joints = Joints()
            for study in studies:
                for match in pattern.finditer(study.text):
                    joints.add(match.group(1), study)
            if joints.documents:
                yield Proposal("horaires", rf"\b(?P<ouverture>{first}){joints.expression()}(?P<fermeture>{style})")
