"""Bundles: what is accepted, and how every problem is named with its place."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from libs.common.errors import InvalidRequest
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle

EXAMPLES = Path(__file__).parents[2] / "examples" / "tenants"
ORDER_BOT = (EXAMPLES / "rue-du-gros" / "tenant.yaml").read_text(encoding="utf-8")

MINIMAL = """\
id: my-shop
name: My Shop
locale: en-US
country: US
languages: [en]
channel: web
agents:
  - {id: helper, name: Helper, persona: Kind., description: Everything.}
emergency:
  default: One moment please.
knowledge:
  not_found: I do not know.
"""


def problems(text: str) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        parse_bundle(text)
    assert refused.value.reason == "BUNDLE_INVALID"
    return {violation.field: violation.description for violation in refused.value.violations}


def changed(old: str, new: str, text: str = ORDER_BOT) -> str:
    assert old in text
    return text.replace(old, new, 1)


def line_of(part: str, text: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("tenant", ["rue-du-gros", "escopines", "sav-internet", "serda-bot"])
def test_an_example_is_valid_and_named_like_its_folder(tenant: str) -> None:
    bundle = parse_bundle((EXAMPLES / tenant / "tenant.yaml").read_text(encoding="utf-8"))
    assert bundle.id == tenant


def test_the_order_bot_says_the_agreed_sentences() -> None:
    bundle = parse_bundle(ORDER_BOT)
    assert bundle.emergency_text("photo") == "Envoyez photo du paquet 📦"
    assert bundle.emergency_text() == "Envoyez photo du paquet 📦"
    assert bundle.emergency_text("paiement") == "Envoyez 2000F sur +225 0787360757, puis capture."
    assert bundle.emergency_text("paiement") == "Envoyez 2000F sur +225 0787360757, puis capture."
    assert bundle.render("ask_payment") == "Envoyez 2000F sur +225 0787360757, puis capture."
    assert "Yopougon" in bundle.render("confirm", zone="Yopougon", fee=2000, tel="0102030405")


def test_zones_are_found_by_alias_without_accents() -> None:
    bundle = parse_bundle(ORDER_BOT)
    assert [name for name, _, _ in bundle.places().find("de ADJAME à yop")] == ["Adjamé", "Yopougon"]
    zone = bundle.zone("Yopougon")
    assert zone is not None
    assert zone.fee == 2000
    assert bundle.places() is bundle.places()


def test_a_bundle_without_flow_needs_little() -> None:
    bundle = parse_bundle(MINIMAL)
    assert bundle.flow is None
    assert bundle.wording.max_words == 20
    assert bundle.cache.threshold == 0.88
    assert bundle.cache.ttl_days == 7
    assert bundle.places().find("anywhere") == ()
    assert bundle.emergency_text("photo") == "One moment please."


def test_a_bundle_is_frozen() -> None:
    bundle = parse_bundle(MINIMAL)
    with pytest.raises(ValidationError):
        bundle.name = "Other"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_value_reaches_a_template_as_text_only() -> None:
    """A customer's words with braces are not a template, and a template reaches no attribute."""
    bundle = parse_bundle(ORDER_BOT)
    assert "{pay_number}" in bundle.render("confirm", zone="{pay_number}", fee=1, tel="x")
    assert "invalid" not in bundle.render("confirm")


def test_numbers_that_people_write_stay_text() -> None:
    """No octal numbers, no `NO` for false: a phone number without quotes and Norway survive."""
    text = changed("country: US", "country: NO", MINIMAL).replace("name: My Shop", "name: 0757360757")
    bundle = parse_bundle(text)
    assert (bundle.country, bundle.name) == ("NO", "0757360757")


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ("kind: image", "kind: imgae", "flow.slots[0].kind", "did you mean 'image'"),
        ("trigger_words:", "triger_words:", "flow.triger_words", "did you mean 'trigger_words'"),
        ("  ask_zone: Dans", "  ask_zon: Dans", "templates.ask_zon", "no action 'ask_zon'"),
        (
            "{amount}F sur {pay_number}, puis capture.\n  ask_zone",
            "{amont}F.\n  ask_zone",
            "templates.ask_payment",
            "{amont}",
        ),
        ("  ask_photo: Envoyez", "  ask_photo: '{0.real} {'\n  x: Envoyez", "templates.ask_photo", "braces"),
        ("fee: 2500", "fee: beaucoup", "flow.zones[10].fee", "expected a"),
        ("fee: 2500", "fee: -1", "flow.zones[10].fee", "greater than or equal to 0"),
        ("aliases: [treich]", "aliases: [PLATEAU]", "flow.zones[1].aliases[0]", "zone 'Plateau'"),
        ("+225 0787360757", "+225 07873607", "flow.payment.number", "phone number"),
        ("name: zone, kind", "name: tel, kind", "flow.slots[3].name", "there twice"),
        ("threshold: 0.88", "threshold: 0.5", "cache.threshold", "greater than or equal to 0.8"),
        ("ttl_days: 7", "ttl_days: 0", "cache.ttl_days", "greater than or equal to 1"),
        ("country: CI", "country: XX", "country", "ISO 3166"),
        ("locale: fr-CI", "locale: en-CI", "locale", "not in `languages`"),
        ("  - id: vente", "  - id: shared", "agents[0].id", "'shared'"),
        ("  zone: Dites-nous", "  quartier: Dites-nous", "emergency.quartier", "no slot 'quartier'"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_path(old: str, new: str, path: str, expected: str) -> None:
    text = changed(old, new)
    found = {place: description for place, description in problems(text).items() if place.endswith(f" {path}")}
    assert found, problems(text)
    ((place, description),) = found.items()
    assert expected in description
    assert re.match(r"tenant\.yaml:\d+ ", place)
    line = text.splitlines()[int(place.split(":")[1].split(" ")[0]) - 1]
    key = path.rsplit(".", maxsplit=1)[-1].split("[", maxsplit=1)[0]
    assert key in line or new.split("\n", maxsplit=1)[0].strip() in line


def test_a_missing_template_points_at_the_templates() -> None:
    text = re.sub(r"  ask_phone: .*\n", "", ORDER_BOT)
    assert problems(text) == {
        f"tenant.yaml:{line_of('templates:', text)} templates.ask_phone": (
            "is missing; every action of the flow needs a template"
        )
    }


def test_a_flow_must_have_what_its_slots_need() -> None:
    text = re.sub(r"  payment:\n(    .*\n)+", "", ORDER_BOT)
    assert any("flow.payment" in place for place in problems(text))


def test_all_problems_are_told_at_once_in_the_order_of_the_document() -> None:
    text = changed("country: CI", "country: XX")
    text = changed("threshold: 0.88", "threshold: 2", text)
    text = changed("kind: phone", "kind: fone", text)
    text = changed("channel: whatsapp", "chanel: whatsapp", text)
    places = list(problems(text))
    assert [place.split(" ")[1] for place in places] == [
        "channel",
        "country",
        "chanel",
        "flow.slots[3].kind",
        "cache.threshold",
    ]
    lines = [int(place.split(":")[1].split(" ")[0]) for place in places]
    assert lines == sorted(lines)


def test_a_wrong_value_does_not_hide_contradictions_elsewhere() -> None:
    text = changed("kind: image", "kind: imgae", changed("ask_zone: Dans", "ask_zone: '{zon}' #", ORDER_BOT))
    text = changed("fee: 1000", "fee: -5", text)
    shown = [place.split(" ")[1] for place in problems(text)]
    assert shown == ["flow.slots[0].kind", "flow.zones[0].fee", "templates.ask_zone"]


def test_a_wrong_key_does_not_hide_contradictions_elsewhere() -> None:
    text = changed("max_words: 20", "max_word: 20", changed("country: CI", "country: XX"))
    assert [place.split(" ")[1] for place in problems(text)] == ["country", "wording.max_word"]


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("id: [a\nname: b", "tenant.yaml:2:5", "not YAML"),
        ("id: a\nid: b", "tenant.yaml:2:1 id", "first is on line 1"),
        ("a: &x [1]\nb: *x", "tenant.yaml:1:4", "anchors"),
        ("a: *x", "tenant.yaml:1:4", "aliases"),
        ("a: !!python/object:os.system x", "tenant.yaml:1:4", "tags"),
        ("a: 1\n---\nb: 2", "tenant.yaml:2:1", "second document"),
        ("a: " + "[" * 40, "tenant.yaml:1:20", "nested deeper"),
        ("a: " + "[" * 100_000, "tenant.yaml:1:20", "nested deeper"),
        ("- a\n- b", "tenant.yaml:1", "expected keys and values"),
        ("", "tenant.yaml:1", "expected keys and values"),
        ("? [a]\n: b", "tenant.yaml:1:3", "a key must be a word"),
        ("a: \x07", "tenant.yaml:1", "not YAML"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_line_and_column(text: str, place: str, expected: str) -> None:
    ((found, description),) = problems(text).items()
    assert found.startswith(place)
    assert expected in description


def test_too_many_values_are_refused_without_reading_them_all() -> None:
    ((_, description),) = problems("a: [" + "1," * 100_000 + "]").items()
    assert "more than 20000 values" in description


def test_too_large_a_bundle_is_refused() -> None:
    ((_, description),) = problems("#" * (256 * 1024 + 1)).items()
    assert "at most 262144 bytes" in description


def test_a_long_list_of_mistakes_is_cut() -> None:
    text = MINIMAL + "".join(f"extra{number}: 1\n" for number in range(300))
    assert len(problems(text)) == 100


def test_a_value_is_not_repeated_in_the_message() -> None:
    """Somebody may have pasted a key where its variable's name belongs."""
    text = MINIMAL + (
        "llm:\n  tiers:\n    - {name: local, base_url: 'http://x', model: m, api_key_env: sk-live-123456}\n"
    )
    found = problems(text)
    assert [place.split(" ")[1] for place in found] == ["llm.tiers[0].api_key_env"]
    assert "sk-live" not in str(found)


def test_the_source_s_name_is_part_of_the_place() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_bundle("id: [", source_name="shops/a.yaml")
    assert refused.value.violations[0].field.startswith("shops/a.yaml:")


def test_the_same_bundle_is_read_by_any_yaml_tool() -> None:
    """The examples use nothing that our own reading gives another meaning to."""
    for tenant in ("rue-du-gros", "escopines"):
        text = (EXAMPLES / tenant / "tenant.yaml").read_text(encoding="utf-8")
        TenantBundle.model_validate(yaml.safe_load(text), strict=False)
