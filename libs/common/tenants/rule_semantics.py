"""What rules and phases must get right: every one can be reached, names what exists, and leads out again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from libs.common.tenants.flow_parts import Flow
from libs.common.tenants.problems import Problem, twice, unknown
from libs.common.tenants.rule_parts import BUILT_IN_PHASES, COLLECTING, ENDS, FLOW_ACTIONS, OPEN, FlowRule, When
from libs.common.tenants.yaml_tree import Path

# Where an action leads by itself.
_LEADS_TO = {"confirm": "confirming", "done": "done", "handoff": "handed_off", "cancel": "cancelled"}


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rule, its place, and the phase that it belongs to; none for a rule of the whole flow."""

    rule: FlowRule
    path: Path
    phase: str = ""


def rule_problems(flow: Flow) -> list[Problem]:
    """Returns every place where rules or phases contradict each other, or name what does not exist."""
    placed = _placed(flow)
    return [
        *_phases(flow),
        *_slots_of_phases(flow),
        *twice(("flow", "rules"), [rule.name for rule in flow.rules], key="name"),
        *(found for each in placed for found in _rule(each, flow)),
        *_unreachable(placed),
        *_ways_out(placed, flow),
    ]


def _placed(flow: Flow) -> list[_Placed]:
    own = [
        _Placed(rule, ("flow", "phases", index, "rules", at), phase.name)
        for index, phase in enumerate(flow.phases)
        for at, rule in enumerate(phase.rules)
    ]
    return own + [_Placed(rule, ("flow", "rules", at)) for at, rule in enumerate(flow.rules)]


def _phases(flow: Flow) -> Iterator[Problem]:
    yield from twice(("flow", "phases"), [phase.name for phase in flow.phases], key="name")
    for index, phase in enumerate(flow.phases):
        place: Path = ("flow", "phases", index)
        if phase.name in {*BUILT_IN_PHASES, OPEN}:
            yield (*place, "name"), f"{phase.name!r} is a phase that every flow has"
        yield from twice((*place, "rules"), [rule.name for rule in phase.rules], key="name")
        if phase.goto and phase.goto not in _targets(flow):
            yield (*place, "goto"), unknown("phase", phase.goto, _targets(flow))
        if phase.do in {"ask", "proceed"}:
            yield (*place, "do"), "expected what is said when the phase is complete, or no `do` at all"


def _slots_of_phases(flow: Flow) -> Iterator[Problem]:
    names = [slot.name for slot in flow.slots]
    owners: dict[str, str] = {}
    for index, phase in enumerate(flow.phases):
        place: Path = ("flow", "phases", index, "slots")
        if not phase.slots:
            yield place, "expected at least one slot; a phase ends when its slots are filled"
        for at, slot in enumerate(phase.slots):
            if slot not in names:
                yield (*place, at), unknown("slot", slot, names)
            elif slot in owners:
                yield (*place, at), f"slot {slot!r} belongs to phase {owners[slot]!r} already"
            owners.setdefault(slot, phase.name)
    for index, name in enumerate(names):
        if flow.phases and name not in owners:
            yield ("flow", "slots", index, "name"), f"slot {name!r} belongs to no phase, so it is never asked for"


def _targets(flow: Flow) -> list[str]:
    return [*_declared(flow), *ENDS]


def _declared(flow: Flow) -> list[str]:
    return [phase.name for phase in flow.phases] or [COLLECTING]


def _rule(placed: _Placed, flow: Flow) -> Iterator[Problem]:
    rule, path = placed.rule, placed.path
    if rule.goto and rule.goto not in _targets(flow):
        yield (*path, "goto"), unknown("phase", rule.goto, _targets(flow))
    if rule.goto and rule.do in FLOW_ACTIONS:
        yield (*path, "goto"), f"{rule.do!r} leads to a phase of its own; expected no `goto`"
    if rule.do == "proceed" and not rule.goto:
        yield (*path, "goto"), "is missing, and required by `do: proceed`"
    for at, slot in enumerate(rule.forget):
        if slot not in {each.name for each in flow.slots}:
            yield (*path, "forget", at), unknown("slot", slot, [each.name for each in flow.slots])
    yield from _when(rule.when, (*path, "when"), placed.phase, flow)


def _when(when: When, path: Path, phase: str, flow: Flow) -> Iterator[Problem]:
    slots = {slot.name: slot for slot in flow.slots}
    if phase and when.phase:
        yield (*path, "phase"), f"the rule belongs to phase {phase!r} already; expected no `phase`"
    known = [*_declared(flow), *BUILT_IN_PHASES, OPEN]
    for at, name in enumerate(when.phase or ()):
        if name not in known:
            yield (*path, "phase", at), unknown("phase", name, known)
    for key, names in (("filled", when.filled), ("missing", when.missing)):
        for at, name in enumerate(names or ()):
            if name not in slots:
                yield (*path, key, at), unknown("slot", name, slots)
    yield from _values(when, (*path, "equals"), flow)
    has_value = {*(when.filled or ()), *when.equals}
    if both := sorted(has_value & set(when.missing or ())):
        yield (*path, "missing"), f"{both[0]!r} must have a value too, so the rule never holds"
    if when.message and when.not_message and set(when.message) <= set(when.not_message):
        yield (*path, "not_message"), "excludes every `message`, so the rule never holds"


def _values(when: When, path: Path, flow: Flow) -> Iterator[Problem]:
    slots = {slot.name: slot for slot in flow.slots}
    for name, wanted in when.equals.items():
        place: Path = (*path, name)
        if name not in slots:
            yield place, unknown("slot", name, slots)
            continue
        options = [option.name for option in slots[name].options]
        for value in wanted:
            if options and value not in options:
                yield place, unknown(f"option of {name!r} called", value, options)
        if not options:
            yield place, f"slot {name!r} is of kind {slots[name].kind!r}; values are told apart only of kind 'choice'"


def _unreachable(placed: list[_Placed]) -> Iterator[Problem]:
    """Yields every rule that an earlier one decides for, and every rule that leaves nothing to decide after it."""
    for at, each in enumerate(placed):
        for before in placed[:at]:
            if _comes_first(before, each) and _covers(before.rule.when, each.rule.when):
                yield (
                    (*each.path, "when"),
                    f"never decides: rule {before.rule.name!r}, which is tried first, holds whenever this one does",
                )
                break
        else:
            if each.rule.when.always or each.rule.when.model_dump(exclude_defaults=True) == {"phase": (OPEN,)}:
                yield (
                    each.path,
                    f"rule {each.rule.name!r} always holds, so nothing would ever be asked for; expected a `when`",
                )


def _comes_first(before: _Placed, after: _Placed) -> bool:
    """Whether a rule is tried before another wherever the other is."""
    if not before.phase or before.phase == after.phase:
        return True
    reach = set(after.rule.when.phase or ())
    return not after.phase and reach == {before.phase}


def _covers(wide: When, narrow: When) -> bool:
    """Whether `wide` is true of every situation that `narrow` is true of; False where that cannot be told."""

    def among(outer: tuple[str, ...] | None, inner: tuple[str, ...] | None) -> bool:
        return outer is None or (inner is not None and set(inner) <= set(outer))

    has_value = {*(narrow.filled or ()), *narrow.equals}
    return (
        (among(wide.phase, narrow.phase))
        and among(wide.message, narrow.message)
        and set(wide.not_message or ()) <= set(narrow.not_message or ())
        and set(wide.filled or ()) <= has_value
        and set(wide.missing or ()) <= set(narrow.missing or ())
        and all(name in narrow.equals and set(narrow.equals[name]) <= set(given) for name, given in wide.equals.items())
        and wide.complete in (None, narrow.complete)
        and wide.asked_out in (None, narrow.asked_out)
    )


def _ways_out(placed: list[_Placed], flow: Flow) -> Iterator[Problem]:
    """Yields phases that are never reached or never left, and rounds that would be run without a word."""
    loud, silent = _edges(placed, flow)
    first = _declared(flow)[0]
    reached, leaving = _closure(first, loud), {name for name in loud if _closure(name, loud) & set(ENDS)}
    for index, phase in enumerate(flow.phases):
        path: Path = ("flow", "phases", index)
        if phase.name not in reached:
            yield (*path, "name"), f"no rule and no phase leads to {phase.name!r}"
        if phase.name not in leaving:
            yield (
                (*path, "goto"),
                f"phase {phase.name!r} never leads to an end; expected a way to {', '.join(ENDS[:-1])} or {ENDS[-1]}",
            )
        if any(phase.name in _closure(name, silent) for name in silent[phase.name]):
            yield (
                path,
                f"phase {phase.name!r} leads back to itself without a word or a new answer; expected a `do` on the way",
            )


def _edges(placed: list[_Placed], flow: Flow) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Returns where each phase leads to, and where it leads to without a word."""
    names = _declared(flow)
    loud: dict[str, set[str]] = {name: set() for name in names}
    silent: dict[str, set[str]] = {name: set() for name in names}
    following: Mapping[str, str] = dict(zip(names, [*names[1:], ENDS[0]], strict=True))
    for phase in flow.phases:
        goto = phase.goto or following[phase.name]
        loud[phase.name].add(goto)
        if not phase.do:
            silent[phase.name].add(goto)
    for each in placed:
        phases = set(each.rule.when.phase or (OPEN,))
        reach = {each.phase} if each.phase else set(names) if OPEN in phases else phases & set(names)
        goto = each.rule.goto or _LEADS_TO.get(each.rule.do, "")
        for name in reach if goto else ():
            loud[name].add(goto)
            if each.rule.do == "proceed" and not each.rule.forget:
                silent[name].add(goto)
    # A name that does not exist is told elsewhere; it counts as a way out.
    known = set(_targets(flow))
    return {name: goto if goto <= known else goto | {ENDS[1]} for name, goto in loud.items()}, silent


def _closure(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    """Returns `start` and everything that it leads to."""
    found, rest = {start}, [start]
    while rest:
        for name in edges.get(rest.pop(), set[str]()) - found:
            found.add(name)
            rest.append(name)
    return found
