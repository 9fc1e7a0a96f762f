"""What a well-formed bundle must still get right: names that meet, texts for every action, numbers that exist."""

from collections.abc import Iterator

import phonenumbers

from libs.common.tenants.bundle import (
    BUNDLE_VARIABLES,
    Flow,
    TenantBundle,
    template_variables,
    variables_of,
)
from libs.common.tenants.flow_semantics import flow_problems
from libs.common.tenants.llm_parts import tier_contradictions
from libs.common.tenants.problems import Problem, twice, unknown
from libs.common.tenants.rule_parts import FLOW_ACTIONS
from libs.common.tenants.yaml_tree import Path

# Kinds of slots for which the engine has no words of its own when a value is not good.
_EXPLAINED = frozenset({"choice", "number", "pattern"})


def find_contradictions(bundle: TenantBundle) -> list[Problem]:
    """Returns every place where the bundle contradicts itself or the world, with what was expected."""
    return [
        *_places_and_languages(bundle),
        *_agents(bundle),
        *_routing(bundle),
        *(flow_problems(bundle.flow, bundle.country) if bundle.flow else ()),
        *_templates(bundle),
        *_translations(bundle),
        *_emergency(bundle),
        *_tiers(bundle),
    ]


def _places_and_languages(bundle: TenantBundle) -> Iterator[Problem]:
    if bundle.country not in phonenumbers.SUPPORTED_REGIONS:
        yield ("country",), f"{bundle.country!r} is not a country code of ISO 3166, such as 'CI' or 'FR'"
    if bundle.locale[:2] not in bundle.languages:
        yield ("locale",), f"its language {bundle.locale[:2]!r} is not in `languages`"
    yield from twice(("languages",), bundle.languages)


def _agents(bundle: TenantBundle) -> Iterator[Problem]:
    yield from twice(("agents",), [agent.id for agent in bundle.agents], key="id")
    for index, agent in enumerate(bundle.agents):
        if agent.id == "shared":
            yield ("agents", index, "id"), "'shared' is the owner of documents that belong to every agent"


def _routing(bundle: TenantBundle) -> Iterator[Problem]:
    routing = bundle.routing
    if routing.escalation == "shared_agent" and not routing.shared_agent:
        yield ("routing", "shared_agent"), "is missing, and required by the escalation 'shared_agent'"
    elif routing.shared_agent and bundle.agent(routing.shared_agent) is None:
        yield ("routing", "shared_agent"), f"there is no agent {routing.shared_agent!r}"


def _translations(bundle: TenantBundle) -> Iterator[Problem]:
    for language, texts in bundle.translations.items():
        if language not in bundle.languages:
            yield ("translations", language), f"{language!r} is not in `languages`"
        elif language == bundle.locale[:2]:
            yield ("translations", language), "is the tenant's own language, whose texts are `templates`"
        for action, text in texts.items():
            known = template_variables(bundle.flow, action)
            if known is None or action not in bundle.templates:
                yield ("translations", language, action), f"there is no template {action!r} to translate"
            else:
                yield from _variables(("translations", language, action), text, known)


def _templates(bundle: TenantBundle) -> Iterator[Problem]:
    flow = bundle.flow
    if flow:
        for action in _actions(flow):
            if action not in bundle.templates:
                yield ("templates", action), "is missing; every action of the flow needs a template"
    known_actions = _actions(flow) if flow else ("handoff",)
    for action, template in bundle.templates.items():
        known = template_variables(flow, action)
        if known is None:
            yield ("templates", action), unknown("action", action, known_actions)
            continue
        yield from _variables(("templates", action), template, known)


def _actions(flow: Flow) -> tuple[str, ...]:
    """Every action that is said, in order; what a slot of a described kind refuses has to be explained as well."""
    asks = (slot.action for slot in flow.slots)
    invalid = (f"invalid_{slot.name}" for slot in flow.slots if slot.kind in _EXPLAINED)
    return tuple(dict.fromkeys((*asks, *flow.says_back(), *invalid, *flow.own_actions(), *FLOW_ACTIONS)))


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
    yield from twice(("llm", "tiers"), [tier.name for tier in bundle.llm.tiers], key="name")
    for index, tier in enumerate(bundle.llm.tiers):
        yield from ((("llm", "tiers", index, *path), problem) for path, problem in tier_contradictions(tier))


def _variables(path: Path, template: str, known: frozenset[str]) -> Iterator[Problem]:
    try:
        names = variables_of(template)
    except ValueError as error:
        yield path, f"braces must hold one variable's name, as in {{amount}}: {error}"
        return
    for name in dict.fromkeys(names):
        if name not in known:
            yield path, f"unknown variable {{{name}}}; known here: {', '.join(sorted(known))}"
