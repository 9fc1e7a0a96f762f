"""What `repartee demo` plays: the messages of two companies' customers, and what each reply must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from repartee.v1 import router_pb2

ORDER, SCHOOL = "rue-du-gros", "escopines"
PRICE_QUESTION = "Combien coûtent 6 paquets ?"
HOURS_QUESTION = "Quels sont vos horaires ?"

Check = Callable[[router_pb2.ChatResponse], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the script and what its reply must be; `expected` says it for people."""

    tenant: str
    conversation: str
    message: str
    expected: str
    check: Check
    images: Sequence[str] = ()
    title: str = ""


def script() -> list[Step]:
    """Returns the scripted conversations."""
    return [
        Step(
            ORDER,
            "awa",
            "Bonjour, voici la photo du colis à livrer",
            "the photo is taken and the payment asked for, from the tenant's template",
            lambda r: r.action == "ask_payment" and "2000F" in r.text and "+225 0787360757" in r.text,
            images=["colis.jpg"],
            title="Awa orders a delivery from Rue du Gros",
        ),
        Step(
            ORDER,
            "awa",
            "",
            "the screenshot fills the payment, the zone is asked for",
            lambda r: r.action == "ask_zone" and "paiement" in r.state.slots,
            images=["capture-paiement.png"],
        ),
        Step(
            ORDER,
            "awa",
            PRICE_QUESTION,
            "a question in the middle is answered from the documents, then the zone is asked for again",
            lambda r: "25.000" in r.text and r.state.awaiting_slot == "zone" and len(r.sources) > 0,
        ),
        Step(
            ORDER,
            "awa",
            "À Yopougon",
            "the zone is known, the phone is asked for",
            lambda r: r.action == "ask_phone" and r.state.slots["zone"].value == "Yopougon",
        ),
        Step(
            ORDER,
            "awa",
            "C'est le +225 07 07 12 34 56",
            "the prefix is stripped, ten digits remain, the order is read back",
            lambda r: r.action == "confirm" and r.state.slots["tel"].value == "0707123456",
        ),
        Step(
            ORDER,
            "awa",
            "Oui",
            "the order is done and has a number",
            lambda r: r.action == "done" and bool(r.state.order_id) and r.state.order_id in r.text,
        ),
        Step(
            ORDER,
            "koffi",
            PRICE_QUESTION,
            "the same question from another customer comes from the cache, word for word",
            lambda r: r.cache.hit and r.cache.type == "exact" and "25.000" in r.text,
            title="Koffi asks what Awa asked",
        ),
        Step(
            ORDER,
            "koffi",
            "Combien coûtent les 6 paquets ?",
            "asked a little differently, it is recognised by meaning and verified",
            lambda r: r.cache.hit and r.cache.type == "semantic_scalable" and "25.000" in r.text,
        ),
        Step(
            ORDER,
            "koffi",
            "Combien coûtent 12 paquets ?",
            "a look-alike is another question: no hit, another price",
            lambda r: not r.cache.hit and "48.000" in r.text and "25.000" not in r.text,
        ),
        Step(
            ORDER,
            "koffi",
            HOURS_QUESTION,
            "the warehouse's hours, from its own document",
            lambda r: "8h" in r.text and "samedi" in r.text,
        ),
        Step(
            SCHOOL,
            "lea",
            PRICE_QUESTION,
            "another company never sees that answer",
            lambda r: not r.cache.hit and "25.000" not in r.text,
            title="Léa writes to Escopines, another company",
        ),
        Step(
            SCHOOL,
            "lea",
            HOURS_QUESTION,
            "the same question as Koffi's gets this company's own answer",
            lambda r: not r.cache.hit and "9h30" in r.text and "entrepôt" not in r.text,
        ),
        Step(
            SCHOOL,
            "lea",
            "Comment automatiser mes emails ?",
            "automation is for Audrey",
            lambda r: r.agent == "audrey" and r.confidence >= 0.7,
        ),
        Step(
            SCHOOL,
            "lea",
            "Aide-moi à créer un reel Instagram",
            "creation is for Carole",
            lambda r: r.agent == "carole" and r.confidence >= 0.7,
        ),
    ]
