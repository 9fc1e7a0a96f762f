"""The tenant bundle: everything about one customer company that its conversations need, as frozen values."""

import string
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from libs.common.facts import Places
from libs.common.tenants.flow_parts import Flow, Payment, Phone, Slot, SlotKind, Zone
from libs.common.tenants.llm_parts import Llm, Tier
from libs.common.tenants.part import CannedReply, Identifier, Part, Text, Word
from libs.common.tenants.rule_parts import FLOW_ACTIONS

__all__ = [
    "Agent",
    "Budget",
    "Cache",
    "Flow",
    "Knowledge",
    "Limits",
    "Llm",
    "Payment",
    "Phone",
    "Routing",
    "Slot",
    "SlotKind",
    "TenantBundle",
    "Tier",
    "Voice",
    "Wording",
    "Zone",
    "template_variables",
    "variables_of",
]

Channel = Literal["whatsapp", "messenger", "instagram", "telegram", "sms", "twitch", "web", "voice", "plain"]

# Filled from the bundle itself, in every template.
BUNDLE_VARIABLES = frozenset({"amount", "currency", "pay_number", "business", "zones", "digits", "steps"})
_ASK_VARIABLES = BUNDLE_VARIABLES | {"step", "missing"}
_RECAP_VARIABLES = BUNDLE_VARIABLES | {"zone", "fee", "total", "tel", "missing"}


class Agent(Part):
    """Somebody who answers: one voice, one field of knowledge."""

    id: Identifier
    name: Word
    # How it talks; goes to the model.
    persona: Annotated[str, Field(min_length=1, max_length=2000)]
    # What it knows about; agents are chosen by it and by the examples.
    description: Annotated[str, Field(min_length=1, max_length=1000)]
    examples: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    # Products that its questions name.
    tools: Annotated[tuple[Word, ...], Field(max_length=100)] = ()


class Wording(Part):
    """How replies are worded."""

    # A model's reply with more words gives way to the template.
    max_words: Annotated[int, Field(ge=5, le=200)] = 20
    tone: Annotated[str, Field(max_length=500)] = ""


class Voice(Part):
    """How the tenant sounds."""

    # The speech vendor's id, or empty for the installation's default.
    voice: Annotated[str, Field(max_length=200)] = ""
    # Phrases to have ready as audio, by name.
    phrases: dict[Identifier, Text] = Field(default_factory=dict)


class Cache(Part):
    """When an earlier answer may be given again."""

    # Cosine similarity; the default belongs to the embedder that is shipped.
    threshold: Annotated[float, Field(ge=0.8, le=1)] = 0.88
    ttl_days: Annotated[int, Field(ge=1, le=30)] = 7
    # Keep an answer only when its question comes a second time: for tenants whose questions rarely repeat.
    second_ask: bool = False


class Knowledge(Part):
    """How answers from documents are given."""

    # Passages that score below are not used.
    score_floor: Annotated[float, Field(ge=0, le=1)] = 0.25
    not_found: Text


class Routing(Part):
    """What happens to a question when it is unclear which agent it is for."""

    # Strictly below, it is escalated.
    escalate_below: Annotated[float, Field(ge=0, le=1)] = 0.7
    # Ask what is meant, hand over to a person, or let the agent named `shared_agent` answer.
    escalation: Literal["clarify", "human", "shared_agent"] = "clarify"
    shared_agent: Annotated[str, Field(max_length=32)] = ""
    # Let a language model choose where one answers; the local classifier decides where none does.
    use_llm: bool = False


class Limits(Part):
    """How many turns are taken a minute; more are refused with the time to wait."""

    user_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 20
    tenant_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] = 600


class Budget(Part):
    """What models may cost in a day, by UTC; 0 means no limit. Above it, templates and canned replies serve."""

    daily_tokens: Annotated[int, Field(ge=0, le=10_000_000_000)] = 0
    daily_usd: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0


class TenantBundle(Part):
    """One tenant. `libs.common.tenants.validation.parse_bundle` makes it; nothing in it changes afterwards."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{1,62}$")]
    name: Word
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    languages: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z]{2}$")], ...], Field(min_length=1, max_length=8)]
    channel: Channel
    agents: Annotated[tuple[Agent, ...], Field(min_length=1, max_length=20)]
    flow: Flow | None = None
    templates: dict[Identifier, Text] = Field(default_factory=dict)
    # By slot name, and `default`; compiled when the tenant is loaded, said when everything else failed.
    emergency: dict[Identifier, Text]
    wording: Wording = Wording()
    llm: Llm = Llm()
    voice: Voice = Voice()
    cache: Cache = Cache()
    knowledge: Knowledge
    routing: Routing = Routing()
    limits: Limits = Limits()
    budget: Budget = Budget()
    # Days a conversation is kept after its last turn; the installation's when missing.
    retention_days: Annotated[int | None, Field(ge=1, le=3650)] = None
    # Templates in other languages than `templates`: language, then action.
    translations: dict[Annotated[str, Field(pattern=r"^[a-z]{2}$")], dict[Identifier, Text]] = Field(
        default_factory=dict
    )
    # Canned replies by intent.
    replies: dict[Identifier, Annotated[tuple[CannedReply, ...], Field(min_length=1, max_length=100)]] = Field(
        default_factory=dict
    )

    @cached_property
    def _places(self) -> Places:
        return Places({zone.name: zone.aliases for zone in self.flow.zones} if self.flow else {})

    @cached_property
    def _constants(self) -> dict[str, str]:
        flow = self.flow
        payment, phone = (flow.payment, flow.phone) if flow else (None, None)
        return {
            "amount": str(payment.amount) if payment else "",
            "currency": payment.currency_label if payment else "",
            "pay_number": payment.number if payment else "",
            "business": self.name,
            "zones": ", ".join(zone.name for zone in flow.zones) if flow else "",
            "digits": str(phone.digits) if phone else "",
            "steps": str(len(flow.slots)) if flow else "0",
        }

    def places(self) -> Places:
        """Returns the gazetteer of the delivery zones; empty without a flow."""
        return self._places

    def zone(self, name: str) -> Zone | None:
        """Returns the zone of that official name."""
        return next((zone for zone in self.flow.zones if zone.name == name), None) if self.flow else None

    def agent(self, agent_id: str) -> Agent | None:
        """Returns the agent of that id."""
        return next((agent for agent in self.agents if agent.id == agent_id), None)

    def render(self, action: str, **values: object) -> str:
        """Returns the action's template with its variables filled.

        What the bundle knows (`BUNDLE_VARIABLES`) needs no value; a variable that nobody gave becomes empty. Raises
        KeyError for an action without a template, which a validated bundle has only outside of its own flow.
        """
        return _fill(self.templates[action], {**self._constants, **values})

    def render_in(self, language: str, action: str, /, **values: object) -> str:
        """Returns the action's template in `language`, as `render`; the tenant's own where it is not translated."""
        template = self.translations.get(language, {}).get(action) or self.templates[action]
        return _fill(template, {**self._constants, **values})

    def emergency_text(self, slot: str = "") -> str:
        """Returns the text that is left when everything failed, for the next missing slot; the default without one."""
        return _fill(self.emergency.get(slot) or self.emergency["default"], self._constants)


def template_variables(bundle_flow: Flow | None, action: str) -> frozenset[str] | None:
    """Returns the variables that a template of `action` may use, or None when there is no such action."""
    slots = bundle_flow.slots if bundle_flow else ()
    names = frozenset(slot.name for slot in slots)
    if action in {slot.action for slot in slots} or action in {f"invalid_{name}" for name in names}:
        return _ASK_VARIABLES
    if action == "confirm":
        return _RECAP_VARIABLES | names
    if action == "done" or (bundle_flow and action in {*bundle_flow.own_actions(), *bundle_flow.says_back()}):
        return _RECAP_VARIABLES | names | {"order_id"}
    if action in FLOW_ACTIONS:
        return BUNDLE_VARIABLES | {"order_id"}
    return None


def variables_of(template: str) -> list[str]:
    """Returns the names in braces; raises ValueError for braces that do not pair or hold more than a name."""
    names: list[str] = []
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError("a brace holds more than a variable's name")
        names.append(name)
    return names


def _fill(template: str, values: dict[str, Any]) -> str:
    # Not str.format: `{amount.__class__}` must never be reached, whatever wrote the template.
    parts = ((literal, name) for literal, name, _, _ in string.Formatter().parse(template))
    return "".join(literal + ("" if name is None else str(values.get(name, ""))) for literal, name in parts)
