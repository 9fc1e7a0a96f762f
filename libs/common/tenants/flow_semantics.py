"""What a well-formed flow must still get right: slots that can be asked for, read and checked, each in its turn."""

from collections.abc import Iterator

import phonenumbers

from libs.common.linear_pattern import linear_pattern
from libs.common.tenants.flow_parts import Flow, Slot
from libs.common.tenants.problems import Problem, twice, unknown
from libs.common.tenants.rule_parts import BUILT_IN_ACTIONS
from libs.common.tenants.rule_semantics import rule_problems
from libs.common.tenants.yaml_tree import Path
from libs.common.text_fold import fold

# Keys of a validator, by the kind of slot that they mean something for.
_VALIDATED_BY = {
    "text": frozenset({"pattern", "min_length", "max_length"}),
    "pattern": frozenset({"pattern", "min_length", "max_length"}),
    "number": frozenset({"min", "max"}),
    "phone": frozenset({"pattern"}),
}
_PICTURES = ("image", "payment_proof")
_SLOTS: Path = ("flow", "slots")


def flow_problems(flow: Flow, country: str) -> list[Problem]:
    """Returns every place where the flow contradicts itself or the world, with what was expected."""
    return [
        *_names(flow),
        *_kinds(flow),
        *_conditions(flow),
        *_payment(flow, country),
        *_zones(flow),
        *rule_problems(flow),
    ]


def _names(flow: Flow) -> Iterator[Problem]:
    yield from twice(_SLOTS, [slot.name for slot in flow.slots], key="name")
    yield from twice(_SLOTS, [slot.action for slot in flow.slots], key="action")
    taken = {*BUILT_IN_ACTIONS, *flow.says_back()}
    for index, slot in enumerate(flow.slots):
        if slot.name in {"default", "confirm"}:
            meaning = "names the emergency text for no slot" if slot.name == "default" else "is what the recap awaits"
            yield (*_SLOTS, index, "name"), f"{slot.name!r} {meaning}"
        if slot.action in taken or slot.action.startswith("invalid_"):
            yield (*_SLOTS, index, "action"), f"{slot.action!r} is an action of its own"
    needs = {"payment_proof": ("payment", flow.payment), "place": ("zones", flow.zones), "phone": ("phone", flow.phone)}
    for kind, (key, value) in needs.items():
        if not value and any(slot.kind == kind for slot in flow.slots):
            yield ("flow", key), f"is missing, and required by a slot of kind {kind!r}"


def _kinds(flow: Flow) -> Iterator[Problem]:
    for index, slot in enumerate(flow.slots):
        place: Path = (*_SLOTS, index)
        if slot.kind == "choice" and len(slot.options) < 2:
            yield (*place, "options"), "expected two options or more, which a slot of kind 'choice' chooses from"
        if slot.kind != "choice" and slot.options:
            yield (*place, "options"), f"belongs to slots of kind 'choice', and this one is of kind {slot.kind!r}"
        if slot.kind == "pattern" and slot.pattern is None:
            yield (*place, "pattern"), "is missing, and required by a slot of kind 'pattern'"
        if slot.kind != "pattern" and slot.pattern is not None:
            yield (*place, "pattern"), f"belongs to slots of kind 'pattern'; for kind {slot.kind!r} use `validator`"
        if slot.confirm and slot.kind in _PICTURES:
            yield (*place, "confirm"), "a picture cannot be said back; expected false"
        yield from _expression((*place, "pattern"), slot.pattern)
        yield from _options(place, slot)
        yield from _validator(place, slot)


def _options(place: Path, slot: Slot) -> Iterator[Problem]:
    yield from twice((*place, "options"), [option.name for option in slot.options], key="name")
    owners = {_folded(option.name.replace("_", " ")): option.name for option in slot.options}
    for at, option in enumerate(slot.options):
        for alias_at, alias in enumerate(option.aliases):
            folded = _folded(alias)
            owner = owners.setdefault(folded, option.name)
            if owner != option.name:
                yield (*place, "options", at, "aliases", alias_at), f"{alias!r} already means option {owner!r}"


def _validator(place: Path, slot: Slot) -> Iterator[Problem]:
    validator = slot.validator
    if validator is None:
        return
    path: Path = (*place, "validator")
    usable = _VALIDATED_BY.get(slot.kind, frozenset())
    for key in sorted(validator.model_fields_set - usable):
        expected = f"expected {', '.join(sorted(usable))}" if usable else "it takes no validator"
        yield (*path, key), f"means nothing for a slot of kind {slot.kind!r}; {expected}"
    for low, high in (("min", "max"), ("min_length", "max_length")):
        least, most = getattr(validator, low), getattr(validator, high)
        if least is not None and most is not None and least > most:
            yield (*path, high), f"is less than `{low}`, so no value is good; expected {least:g} or more"
    yield from _expression((*path, "pattern"), validator.pattern)


def _expression(path: Path, source: str | None) -> Iterator[Problem]:
    if source is None:
        return
    try:
        pattern = linear_pattern(source)
    except ValueError:
        yield path, "is not an expression in RE2's syntax, which has no look-around and no back-references"
        return
    if pattern.fullmatch("") is not None:
        yield path, "matches nothing at all, so it would accept an empty value; expected at least one character"


def _conditions(flow: Flow) -> Iterator[Problem]:
    for index, slot in enumerate(flow.slots):
        earlier = {before.name: before for before in flow.slots[:index]}
        for name, wanted in slot.when.items():
            path: Path = (*_SLOTS, index, "when", name)
            if name in earlier:
                yield from options_of(earlier[name], wanted, path)
            elif any(later.name == name for later in flow.slots[index:]):
                yield path, f"slot {name!r} is asked for later; expected a slot that comes before this one"
            else:
                yield path, unknown("slot", name, earlier)


def options_of(slot: Slot, wanted: tuple[str, ...], path: Path) -> Iterator[Problem]:
    """Yields a problem for every value of `wanted` that a slot of kind `choice` cannot have."""
    known = [option.name for option in slot.options]
    if slot.kind != "choice":
        yield path, f"slot {slot.name!r} is of kind {slot.kind!r}; values can be told apart only of kind 'choice'"
        return
    for value in wanted:
        if value not in known:
            yield path, unknown(f"option of {slot.name!r} called", value, known)


def _payment(flow: Flow, country: str) -> Iterator[Problem]:
    if flow.payment and not _is_phone(flow.payment.number, country):
        yield (
            ("flow", "payment", "number"),
            f"is not a phone number that exists in {country!r} or with its country code",
        )


def _zones(flow: Flow) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for index, zone in enumerate(flow.zones):
        places: list[tuple[Path, str]] = [(("flow", "zones", index, "name"), zone.name)]
        places += [(("flow", "zones", index, "aliases", at), alias) for at, alias in enumerate(zone.aliases)]
        for path, name in places:
            folded = _folded(name)
            if folded in owners:
                yield path, f"{name!r} is also a name of zone {owners[folded]!r}, once accents and case are folded"
            owners.setdefault(folded, zone.name)


def _folded(name: str) -> str:
    return " ".join(fold(name).replace("-", " ").split())


def _is_phone(number: str, country: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False
