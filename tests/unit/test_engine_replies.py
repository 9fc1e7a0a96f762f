"""Canned replies: how many, how long, and never the same twice in a row."""

import itertools
import logging
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.canned_fr import MINIMAL_REPLY, SHIPPED_REPLIES, SILENT_REPLY
from services.hybrid_engine.replies import CannedReplies
from tests.fakes.engine_parts import example_bundle


def tenant(
    mode: str = "fun", replies: dict[str, tuple[str, ...]] | None = None, name: str = "serda-bot"
) -> TenantBundle:
    bundle = example_bundle("serda-bot")
    llm = bundle.llm.model_copy(update={"fallback_mode": mode})
    return bundle.model_copy(update={"id": name, "llm": llm, "replies": replies or {}})


def test_as_many_are_shipped_as_were_promised() -> None:
    assert {intent: len(replies) for intent, replies in SHIPPED_REPLIES.items()} == {
        "ask": 8,
        "chill": 19,
        "ask_timeout": 4,
        "ask_error": 3,
    }
    every = [reply for replies in SHIPPED_REPLIES.values() for reply in replies]
    assert len(set(every)) == len(every)
    for sentence in (
        "Je réfléchis… mais mon cerveau est en pause 🧠💤",
        "Salut ! 👋",
        "💀 Mes neurones bugguent, réessaie dans 2 min !",
    ):
        assert sentence in every


@pytest.mark.parametrize("reply", [reply for replies in SHIPPED_REPLIES.values() for reply in replies])
def test_a_shipped_reply_is_neither_a_sign_nor_a_speech(reply: str) -> None:
    assert 5 < len(reply) < 200


def test_the_modes_of_a_tenant_say_exactly_this() -> None:
    canned = CannedReplies(random=Random(1))
    assert canned.reply("ask", tenant("silent"), "c") == SILENT_REPLY == "Commande temporairement indisponible."
    assert canned.reply("chill", tenant("minimal"), "c") == MINIMAL_REPLY == "🤖"
    assert canned.reply("ask", tenant("fun"), "c") in SHIPPED_REPLIES["ask"]


def test_a_shop_makes_no_jokes_unless_it_says_so() -> None:
    assert CannedReplies().reply("ask", example_bundle(), "c") == SILENT_REPLY


def test_an_unknown_intent_is_an_error_reply_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert CannedReplies().reply("dance", tenant(), "c") in SHIPPED_REPLIES["ask_error"]
    assert len(caplog.records) == 1
    assert "dance" not in caplog.text


@pytest.mark.parametrize("mode", ["silent", "minimal"])
def test_a_sober_tenant_says_its_own_replies_only(mode: str) -> None:
    own = tenant(mode, {"ask": ("Notre conseiller revient à 8 h.",), "dance": ("On danse !",)})
    canned = CannedReplies()
    assert canned.reply("ask", own, "c") == "Notre conseiller revient à 8 h."
    assert canned.reply("dance", own, "c") == "On danse !"


def test_a_playful_tenant_has_its_own_replies_beside_the_shipped_ones() -> None:
    own = tenant("fun", {"ask": ("Notre conseiller revient à 8 h.",), "dance": ("On danse !",)})
    canned = CannedReplies(random=Random(3))
    drawn = {canned.reply("ask", own, "c") for _ in range(9)}
    assert drawn == {"Notre conseiller revient à 8 h.", *SHIPPED_REPLIES["ask"]}
    assert canned.reply("dance", own, "c") == "On danse !"


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(SHIPPED_REPLIES)), st.integers(1, 60))
def test_no_reply_repeats_at_once_and_a_round_has_them_all(seed: int, intent: str, draws: int) -> None:
    canned, bundle = CannedReplies(random=Random(seed)), tenant()
    drawn = [canned.reply(intent, bundle, "c") for _ in range(draws)]
    assert all(one != two for one, two in itertools.pairwise(drawn))
    size = len(SHIPPED_REPLIES[intent])
    for begin in range(0, draws - size + 1, size):
        assert len(set(drawn[begin : begin + size])) == size


def test_a_seed_gives_the_same_replies_again() -> None:
    def draw() -> list[str]:
        canned = CannedReplies(random=Random(7))
        return [canned.reply("chill", tenant(), "c") for _ in range(30)]

    assert draw() == draw()


def test_conversations_that_are_over_are_forgotten() -> None:
    canned = CannedReplies(random=Random(1), max_bags=3)
    for number in range(100):
        canned.reply("ask", tenant(), f"c{number}")
    assert len(canned._bags) == 3  # pyright: ignore[reportPrivateUsage]


def test_tenants_draw_apart_from_each_other() -> None:
    one, two = (
        tenant(name="one", mode="silent", replies={"ask": ("Ceci est un.",)}),
        tenant(name="two", mode="silent", replies={"ask": ("Deux, ici.",)}),
    )
    canned = CannedReplies()
    assert [canned.reply("ask", bundle, "c") for bundle in (one, two, one)] == [
        "Ceci est un.",
        "Deux, ici.",
        "Ceci est un.",
    ]
