"""What is refused in a flow when its tenant is loaded, with the place and with what was expected there."""

import pytest

from libs.common.errors import InvalidRequest
from libs.common.tenants.validation import parse_bundle
from tests.fakes.engine_parts import example_yaml

SUPPORT = example_yaml("sav-internet")
TECHNICIAN = (
    "    - name: wants_technician\n      when: {message: handoff, phase: [greet, diagnostic, solution, verification]}"
)


def problems(text: str) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        parse_bundle(text)
    return {violation.field: violation.description for violation in refused.value.violations}


def changed(*pairs: tuple[str, str]) -> str:
    text = SUPPORT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        (
            "when: {equals: {resultat: non}}",
            "when: {equals: {resultat: oui}, message: yes}",
            "flow.phases[3].rules[1].when",
            "never decides: rule 'solved'",
        ),
        (TECHNICIAN, "    - name: wants_technician", "flow.rules[0]", "always holds"),
        ("equals: {resultat: non}", "equals: {resultat: nan}", "flow.phases[3].rules[1].when.equals.resultat", "'non'"),
        (
            "equals: {resultat: non}",
            "equals: {resulta: non}",
            "flow.phases[3].rules[1].when.equals.resulta",
            "'resultat'",
        ),
        ("equals: {resultat: non}", "filled: [resulta]", "flow.phases[3].rules[1].when.filled[0]", "did you mean"),
        (
            "equals: {resultat: non}",
            "equals: {resultat: non}, missing: resultat",
            "flow.phases[3].rules[1].when.missing",
            "never holds",
        ),
        ("equals: {resultat: non}", "message: nope", "flow.phases[3].rules[1].when.message[0]", "expected 'cancel'"),
        ("slots: [essai]", "slots: [essais]", "flow.phases[2].slots[0]", "did you mean 'essai'"),
        ("slots: [essai]", "slots: [essai, panne]", "flow.phases[2].slots[1]", "belongs to phase 'greet' already"),
        ("slots: [voyant, cable]", "slots: [voyant]", "flow.slots[2].name", "belongs to no phase"),
        ("slots: [essai]", "slots: []", "flow.phases[2].slots", "at least one slot"),
        ("goto: handed_off", "goto: handed", "flow.phases[4].goto", "did you mean 'handed_off'"),
        (
            "do: explain_power",
            "do: explain_powr",
            "templates.explain_powr",
            "every action of the flow needs a template",
        ),
        ("do: done}", "do: done, goto: greet}", "flow.phases[3].rules[0].goto", "leads to a phase of its own"),
        ("do: proceed, goto: escalation}", "do: proceed}", "flow.phases[2].rules[0].goto", "required by `do: proceed`"),
        ("name: solution\n", "name: open\n", "flow.phases[2].name", "every flow has"),
        ("name: not_solved", "name: solved", "flow.phases[3].rules[1].name", "there twice"),
        (", phase: [greet, diagnostic, solution, verification]}", "}", "flow.phases[4]", "without a word"),
        (
            "when: {panne: [coupure, lenteur]}",
            "when: {cable: [branche]}",
            "flow.slots[1].when.cable",
            "asked for later",
        ),
        ("when: {panne: [coupure, lenteur]}", "when: {panne: [coupur]}", "flow.slots[1].when.panne", "'coupure'"),
        ("kind: phone, action", "kind: pattern, pattern: '(a)\\1', action", "flow.slots[5].pattern", "RE2's syntax"),
        (
            "kind: phone, action",
            "kind: pattern, pattern: 'a*', action",
            "flow.slots[5].pattern",
            "at least one character",
        ),
        ("kind: phone, action", "kind: pattern, action", "flow.slots[5].pattern", "is missing"),
        (
            "kind: phone, action",
            "kind: number, validator: {min: 9, max: 1}, action",
            "flow.slots[5].validator.max",
            "no value is good",
        ),
        (
            "kind: phone, action",
            "kind: phone, validator: {min: 9}, action",
            "flow.slots[5].validator.min",
            "expected pattern",
        ),
        ("kind: phone, action", "kind: image, action", "flow.slots[5].confirm", "cannot be said back"),
        ("aliases: [rouges]", "aliases: [rouges, vert]", "flow.slots[1].options[0].aliases[1]", "'vert'"),
        ("{name: vert, aliases: [verte", "{name: rouge, aliases: [verte", "flow.slots[1].options[3].name", "twice"),
        ("  invalid_voyant: ", "  invalid_voyan: ", "templates.invalid_voyant", "is missing"),
        ("J'ai noté le {tel}", "J'ai noté le {telephone}", "templates.confirm_tel", "unknown variable {telephone}"),
        ("{name: tel, kind", "{name: confirm, kind", "flow.slots[5].name", "what the recap awaits"),
    ],
)
def test_a_flow_that_cannot_work_is_refused_with_its_place(old: str, new: str, path: str, expected: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_bundle(changed((old, new)))
    found = [(told.field.split(" ", 1)[1], told.description) for told in refused.value.violations]
    assert any(place == path and expected in text for place, text in found), found


def test_a_round_of_phases_without_an_end_is_refused() -> None:
    text = changed(
        ("goto: handed_off", "goto: greet"), ("- {name: solved, when: {equals: {resultat: oui}}, do: done}\n", "")
    )
    found = [place.split(" ", 1)[1] for place, text in problems(text).items() if "never leads to an end" in text]
    assert "flow.phases[0].goto" in found


def test_what_is_wrong_in_form_does_not_hide_what_contradicts() -> None:
    text = changed(
        ("country: FR\n", ""),
        ("kind: phone", "kind: phon"),
        ("digits: 10", "digits: ten"),
        ("equals: {resultat: non}", "equals: {resultat: nan}"),
        ("do: explain_power", "do: explain_powr"),
        ("service technique de Clairligne.\n    welcome", "service technique de Clairligne.\n    WELCOME"),
    )
    assert [place.split(" ")[1] for place in problems(text)] == [
        "country",
        "flow.slots[5].kind",
        "flow.phases[3].rules[1].when.equals.resultat",
        "flow.phone.digits",
        "templates.explain_powr",
        "templates.explain_power",
        "voice.phrases.WELCOME",
    ]


def test_a_guess_is_never_told_as_a_problem() -> None:
    for old, new in (
        ("name: tel,", "nam: tel,"),
        ("action: ask_panne", "action: 3"),
        ("slots: [panne]", "slot: [panne]"),
    ):
        shown = problems(changed((old, new)))
        assert all("stand-in" not in f"{place} {text}" for place, text in shown.items())
        assert len(shown) <= 2, shown


def test_lines_point_at_what_is_meant() -> None:
    text = changed(("equals: {resultat: non}", "equals: {resultat: nan}"))
    ((place, _),) = problems(text).items()
    line = int(place.split(":")[1].split(" ")[0])
    assert "resultat: nan" in text.splitlines()[line - 1]
