"""What a well-formed bundle must still get right: names that meet, texts for every action, numbers that exist."""

from collections.abc import Iterable, Iterator

import phonenumbers

from libs.common.tenants.bundle import (
    BUNDLE_VARIABLES,
    FLOW_ACTIONS,
    Flow,
    TenantBundle,
    template_variables,
    variables_of,
)
from libs.common.tenants.yaml_tree import Path
from libs.common.text_fold import fold

Problem = tuple[Path, str]


def find_contradictions(bundle: TenantBundle) -> list[Problem]:
    """Returns every place where the bundle contradicts itself or the world, with what was expected."""
    return [
        *_places_and_languages(bundle),
        *_agents(bundle),
        *(_flow(bundle.flow, bundle.country) if bundle.flow else ()),
        *_templates(bundle),
        *_emergency(bundle),
        *_tiers(bundle),
    ]


def _places_and_languages(bundle: TenantBundle) -> Iterator[Problem]:
    if bundle.country not in phonenumbers.SUPPORTED_REGIONS:
        yield ("country",), f"{bundle.country!r} is not a country code of ISO 3166, such as 'CI' or 'FR'"
    if bundle.locale[:2] not in bundle.languages:
        yield ("locale",), f"its language {bundle.locale[:2]!r} is not in `languages`"
    yield from _twice(("languages",), bundle.languages)


def _agents(bundle: TenantBundle) -> Iterator[Problem]:
    yield from _twice(("agents",), [agent.id for agent in bundle.agents], key="id")
    for index, agent in enumerate(bundle.agents):
        if agent.id == "shared":
            yield ("agents", index, "id"), "'shared' is the owner of documents that belong to every agent"


def _flow(flow: Flow, country: str) -> Iterator[Problem]:
    yield from _twice(("flow", "slots"), [slot.name for slot in flow.slots], key="name")
    yield from _twice(("flow", "slots"), [slot.action for slot in flow.slots], key="action")
    kinds = {slot.kind for slot in flow.slots}
    for index, slot in enumerate(flow.slots):
        if slot.name == "default":
            yield ("flow", "slots", index, "name"), "'default' names the emergency text for no slot"
        if slot.action in FLOW_ACTIONS or slot.action.startswith("invalid_"):
            yield ("flow", "slots", index, "action"), f"{slot.action!r} is an action of its own"
    needs = {"payment_proof": ("payment", flow.payment), "place": ("zones", flow.zones), "phone": ("phone", flow.phone)}
    for kind, (key, value) in needs.items():
        if kind in kinds and not value:
            yield ("flow", key), f"is missing, and required by a slot of kind {kind!r}"
    if flow.payment and not _is_phone(flow.payment.number, country):
        yield (
            ("flow", "payment", "number"),
            f"is not a phone number that exists in {country!r} or with its country code",
        )
    yield from _zones(flow)


def _zones(flow: Flow) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for index, zone in enumerate(flow.zones):
        places: list[tuple[Path, str]] = [(("flow", "zones", index, "name"), zone.name)]
        places += [(("flow", "zones", index, "aliases", at), alias) for at, alias in enumerate(zone.aliases)]
        for path, name in places:
            folded = " ".join(fold(name).replace("-", " ").split())
            if folded in owners:
                yield path, f"{name!r} is also a name of zone {owners[folded]!r}, once accents and case are folded"
            owners.setdefault(folded, zone.name)


def _templates(bundle: TenantBundle) -> Iterator[Problem]:
    flow = bundle.flow
    if flow:
        for action in (*(slot.action for slot in flow.slots), *FLOW_ACTIONS):
            if action not in bundle.templates:
                yield ("templates", action), "is missing; every action of the flow needs a template"
    for action, template in bundle.templates.items():
        known = template_variables(flow, action)
        if known is None:
            yield ("templates", action), f"there is no action {action!r}"
            continue
        yield from _variables(("templates", action), template, known)


def _emergency(bundle: TenantBundle) -> Iterator[Problem]:
    slots = [slot.name for slot in bundle.flow.slots] if bundle.flow else []
    for name in ("default", *slots):
        if name not in bundle.emergency:
            yield ("emergency", name), "is missing; every slot, and `default`, needs an emergency text"
    for name, text in bundle.emergency.items():
        if name not in {"default", *slots}:
            yield ("emergency", name), f"there is no slot {name!r}"
        yield from _variables(("emergency", name), text, BUNDLE_VARIABLES)


def _tiers(bundle: TenantBundle) -> Iterator[Problem]:
    yield from _twice(("llm", "tiers"), [tier.name for tier in bundle.llm.tiers], key="name")


def _variables(path: Path, template: str, known: frozenset[str]) -> Iterator[Problem]:
    try:
        names = variables_of(template)
    except ValueError as error:
        yield path, f"braces must hold one variable's name, as in {{amount}}: {error}"
        return
    for name in dict.fromkeys(names):
        if name not in known:
            yield path, f"unknown variable {{{name}}}; known here: {', '.join(sorted(known))}"


def _twice(path: Path, values: Iterable[str], *, key: str = "") -> Iterator[Problem]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield (*path, index, key) if key else (*path, index), f"{value!r} is there twice"
        seen.add(value)


def _is_phone(number: str, country: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False
