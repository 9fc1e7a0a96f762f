"""What is set beside a bundle: templates and canned replies, validated as the bundle's own are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import InvalidRequest
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.overrides import MAX_REPLIES, Overrides, Stamp, long_replies, with_overrides
from libs.common.tenants.validation import parse_bundle
from tests.fakes.router_world import BUNDLE_YAML

NONE = Overrides()
BUNDLE = parse_bundle(
    BUNDLE_YAML.replace("languages: [fr]", "languages: [fr, en]") + "replies:\n  greetings: [Bonjour à vous !]\n"
)


def overridden(overrides: Overrides, bundle: TenantBundle = BUNDLE) -> TenantBundle:
    result, problems = with_overrides(bundle, Overrides.from_json(overrides.to_json()))
    assert problems == []
    return result


def places(error: pytest.ExceptionInfo[InvalidRequest]) -> list[str]:
    return [violation.field for violation in error.value.violations]


def test_template_takes_the_place_of_the_bundles_until_it_is_reset() -> None:
    first = NONE.with_template(BUNDLE, action="ask_zone", text="Quelle commune ? ({step}/{steps})")
    assert overridden(first).templates["ask_zone"] == "Quelle commune ? ({step}/{steps})"
    assert overridden(first).render("ask_zone", step=3) == "Quelle commune ? (3/4)"
    assert BUNDLE.templates["ask_zone"] == "Dans quelle commune ?"
    assert first.with_template(BUNDLE, action="ask_zone", text="") == NONE
    assert NONE.to_json() == ""


def test_each_part_knows_who_set_it_last_and_forgets_with_it() -> None:
    ana, bea = (Stamp(actor=name, at=1.0, version=2, reason="why") for name in ("ana", "bea"))
    first = NONE.with_template(BUNDLE, action="ask_zone", text="Où ça ?").stamped(NONE, ana)
    second = first.with_replies(BUNDLE, intent="thanks", replies=["Avec plaisir."]).stamped(first, bea)
    assert dict(second.stamps) == {"template  ask_zone": ana, "replies thanks": bea}
    assert Overrides.from_json(second.to_json()) == second
    again = second.with_template(BUNDLE, action="ask_zone", text="Où ça ?").stamped(second, bea)
    assert again.to_json() == second.to_json()
    reset = again.with_template(BUNDLE, action="ask_zone", text="").stamped(again, bea)
    assert dict(reset.stamps) == {"replies thanks": bea}


def test_template_of_another_language_is_a_translation() -> None:
    both = NONE.with_template(BUNDLE, action="ask_zone", text="Which town?", locale="en").with_template(
        BUNDLE, action="ask_zone", text="Où ça ?", locale="fr"
    )
    bundle = overridden(both)
    assert (bundle.translations["en"]["ask_zone"], bundle.templates["ask_zone"]) == ("Which town?", "Où ça ?")
    assert "fr" not in bundle.translations


@pytest.mark.parametrize(
    ("action", "text", "locale", "place"),
    [
        ("ask_size", "Taille ?", "", "action"),
        ("ask_zone", "Zone {amont} ?", "", "text"),
        ("ask_zone", "Zone {amount.__class__} ?", "", "text"),
        ("ask_zone", "Zone { ?", "", "text"),
        ("ask_zone", "x" * 501, "", "text"),
        ("ask_zone", "Zona ?", "es", "locale"),
    ],
)
def test_template_that_does_not_fit_is_refused(action: str, text: str, locale: str, place: str) -> None:
    with pytest.raises(InvalidRequest, match="BUNDLE_INVALID") as refused:
        NONE.with_template(BUNDLE, action=action, text=text, locale=locale)
    assert places(refused) == [place]


def test_replies_are_added_to_the_bundles_or_take_their_place() -> None:
    added = NONE.with_replies(BUNDLE, intent="greetings", replies=["Salut à vous !", "Bonjour à vous !"])
    assert overridden(added).replies["greetings"] == ("Bonjour à vous !", "Salut à vous !")
    alone = added.with_replies(BUNDLE, intent="greetings", replies=["Bonsoir !"], replaces=True)
    assert overridden(alone).replies["greetings"] == ("Bonsoir !",)
    more = alone.with_replies(BUNDLE, intent="greetings", replies=["Bonsoir !", "Bienvenue !"])
    assert overridden(more).replies["greetings"] == ("Bonsoir !", "Bienvenue !")
    # An intent that the bundle never heard of.
    assert overridden(NONE.with_replies(BUNDLE, intent="merci", replies=["De rien !"])).replies["merci"] == (
        "De rien !",
    )


def test_replies_that_are_there_already_change_nothing() -> None:
    assert NONE.with_replies(BUNDLE, intent="greetings", replies=["Bonjour à vous !"]) == NONE


@given(st.text(max_size=600))
def test_reply_has_6_to_499_characters(reply: str) -> None:
    if len(reply.strip()) >= 6 and len(reply) <= 499:
        added = NONE.with_replies(BUNDLE, intent="merci", replies=[reply])
        assert overridden(added).replies["merci"] == (reply,)
        return
    with pytest.raises(InvalidRequest, match="REPLY_LENGTH"):
        NONE.with_replies(BUNDLE, intent="merci", replies=[reply])


def test_long_replies_are_warned_about() -> None:
    assert long_replies(["x" * 199]) == []
    assert "replies[1] has 200 characters" in long_replies(["court !", "x" * 200])[0]


def test_intent_has_a_name_and_at_most_a_hundred_replies() -> None:
    with pytest.raises(InvalidRequest, match="INVALID_FIELD") as refused:
        NONE.with_replies(BUNDLE, intent="Merci à vous", replies=["De rien !"])
    assert places(refused) == ["intent"]
    full = NONE.with_replies(BUNDLE, intent="greetings", replies=[f"Bonjour {n} !" for n in range(MAX_REPLIES - 1)])
    with pytest.raises(InvalidRequest, match="INVALID_FIELD") as refused:
        full.with_replies(BUNDLE, intent="greetings", replies=["Encore un bonjour !"])
    assert places(refused) == ["replies"]


def test_what_is_kept_beside_a_bundle_is_bounded() -> None:
    replies = [f"{at:03}" + "x" * 490 for at in range(MAX_REPLIES)]
    overrides = NONE
    for number in range(5):
        overrides = overrides.with_replies(BUNDLE, intent=f"intent{number}", replies=replies)
    with pytest.raises(InvalidRequest, match="at most 262144 bytes"):
        overrides.with_replies(BUNDLE, intent="intent5", replies=replies)


def test_what_no_longer_fits_a_new_bundle_is_left_out_and_named() -> None:
    overrides = NONE.with_template(BUNDLE, action="ask_zone", text="Where?", locale="en").with_template(
        BUNDLE, action="ask_payment", text="Payez {amount} !"
    )
    without_english = parse_bundle(BUNDLE_YAML)
    bundle, problems = with_overrides(without_english, overrides)
    assert [problem.field for problem in problems] == ["overrides.templates.en.ask_zone"]
    assert (bundle.translations, bundle.templates["ask_payment"]) == ({}, "Payez {amount} !")


@pytest.mark.parametrize("text", ["[]", "{", '{"templates": {"": {"a": 1}}}', '{"unknown": 1}'])
def test_json_of_another_shape_is_no_overrides(text: str) -> None:
    with pytest.raises(ValueError, match="another shape"):
        Overrides.from_json(text)
