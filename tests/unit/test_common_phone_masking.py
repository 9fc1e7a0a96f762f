"""Telephone numbers leave no log; what merely has digits stays."""

import logging

import pytest

from libs.common.logs import HumanFormatter, JsonFormatter
from libs.common.phone_masking import without_phones


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("whatsapp:+22507879988", "whatsapp:*********88"),
        ("0787998871", "********71"),
        ("call 07 87 99 88 71 now", "call ********71 now"),
        ("+225 07 87 99 88 71", "***********71"),
        ("+33 (0)6 12 34 56 78!", "**********78!"),
        ("wa-22507879988-call", "wa-*********88-call"),
    ],
)
def test_a_number_keeps_its_last_two_digits(text: str, shown: str) -> None:
    assert without_phones(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "12:34:56 INFO served in 0.123456789 s",
        "2026-11-21T10:47:44.123Z",
        "metrics on port 9464",
        "0af7651916cd43dd8448eb211c80319c",
        "[ROUTER] Routage vers système HYBRIDE",
    ],
)
def test_anything_else_stays_as_it_is(text: str) -> None:
    assert without_phones(text) == text


def test_no_form_of_log_line_holds_one() -> None:
    record = logging.makeLogRecord({"msg": "turn of %s", "args": ("+22507879988",), "conversation": "0787998871"})
    for formatter in (HumanFormatter(), JsonFormatter()):
        line = formatter.format(record)
        assert "07879988" not in line
        assert "0787998871" not in line
