"""A router's use cases wired with fakes: everything that a test of a turn needs."""

import asyncio
from dataclasses import dataclass, field

from libs.common.request_context import Budget, Principal, RequestContext, TenantId
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from services.router.adapters.memory_limits import MemoryLimits
from services.router.background import Background
from services.router.chat import Answered, Chat
from services.router.conversations import Conversations
from services.router.counting import Counting
from services.router.earlier_answers import EarlierAnswers
from services.router.ladder import Ladder
from services.router.rollout import Rollout
from services.router.steady_conversations import SteadyConversations
from services.router.turn import Turn, Variant
from services.router.turn_limits import TurnLimits
from services.router.turn_record import TurnRecord
from services.router.variant_names import KNOWN_NAMES, VariantNames
from tests.fakes.engines import FakeAnswers, FakeEngine, FragileConversations

TENANT = TenantId("shop")
BUNDLE_YAML = """
id: shop
name: La Boutique
locale: fr-CI
country: CI
languages: [fr]
channel: whatsapp
agents:
  - {id: vente, name: La Boutique, persona: Vendeuse directe., description: Commandes et prix.}
flow:
  id: commande
  trigger_words: [commander]
  slots:
    - {name: photo, kind: image, action: ask_photo}
    - {name: paiement, kind: payment_proof, action: ask_payment}
    - {name: zone, kind: place, action: ask_zone}
    - {name: tel, kind: phone, action: ask_phone}
  payment: {amount: 2000, currency_label: F, number: "+225 0787360757"}
  phone: {digits: 10, country_prefix: "225"}
  zones:
    - {name: Cocody, fee: 1500}
templates:
  ask_photo: Envoyez une photo du paquet.
  ask_payment: Envoyez {amount}F sur {pay_number}, puis capture.
  ask_zone: Dans quelle commune ?
  ask_phone: Votre numéro ?
  invalid_zone: "Nous livrons à : {zones}."
  invalid_tel: Il me faut {digits} chiffres.
  confirm: "Livraison à {zone}, contact {tel}. Je confirme ?"
  done: "Commande {order_id} notée."
  cancel: La commande est annulée.
  handoff: Une personne prend la suite.
emergency:
  default: Envoyez photo du paquet 📦
  photo: Envoyez photo du paquet 📦
  paiement: Envoyez {amount}F sur {pay_number}, puis capture.
  zone: Dites-nous la commune.
  tel: Votre numéro ?
knowledge:
  not_found: Je n'ai pas cette information.
limits: {user_per_minute: 10000, tenant_per_minute: 100000}
"""


def bundle() -> TenantBundle:
    """The shop's bundle."""
    return parse_bundle(BUNDLE_YAML)


def call(*, seconds: float = 8.0, tenant: str = "shop", is_operator: bool = False) -> RequestContext:
    """The context of a call by a channel of `tenant` with `seconds` of the running loop's time left."""
    principal = Principal(f"dev:{tenant}", TenantId(tenant), is_operator)
    return RequestContext(
        principal, "request-1", Budget.of(seconds, now=asyncio.get_running_loop().time), f"Bearer dev:{tenant}"
    )


@dataclass
class FixedTenants:
    """A directory of one tenant; `error` is raised in its place."""

    bundle: TenantBundle = field(default_factory=bundle)
    error: Exception | None = None

    async def get(self, tenant: TenantId) -> TenantBundle:
        if self.error is not None:
            raise self.error
        return self.bundle


class Records(list[TurnRecord]):
    """A `TurnRecorder` that keeps everything."""

    def record(self, turn: TurnRecord) -> None:
        self.append(turn)


class RouterWorld:
    """The use cases, and every fake behind them."""

    def __init__(self, *, percent: float = 100.0, conversations: Conversations | None = None) -> None:
        self.hybrid, self.classic = FakeEngine(), FakeEngine()
        self.answers = FakeAnswers()
        self.tenants = FixedTenants()
        self.store = FragileConversations()
        self.steady = SteadyConversations(self.store, is_back=self.store.is_back, timeout_seconds=0.03)
        self.conversations: Conversations = conversations or self.steady
        self.records = Records()
        self.limits = TurnLimits(None, MemoryLimits())
        self.background = Background()
        self.ids = iter(range(1_000_000))
        self.chat = self.make_chat(percent)

    def make_chat(self, percent: float = 100.0, names: VariantNames = KNOWN_NAMES) -> Chat:
        """Another replica's use case on the same store."""
        engines = {Variant.HYBRID: self.hybrid, Variant.CLASSIC: self.classic}
        return Chat(
            tenants=self.tenants,
            conversations=self.conversations,
            earlier=EarlierAnswers(self.answers, engines=engines, background=self.background),
            ladder=Ladder(engines, names=names),
            rollout=Rollout(percent, "environment"),
            counting=Counting([self.records]),
            limits=self.limits,
            new_id=lambda: f"made-{next(self.ids)}",
            trace_id=lambda: "",
        )

    async def say(self, message: str, *, seconds: float = 8.0, conversation: str = "c1", **fields: object) -> Answered:
        """One turn."""
        turn = Turn(conversation_id=conversation, message=message, **fields)
        return await self.chat.reply(turn, call(seconds=seconds))
