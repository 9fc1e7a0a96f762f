"""What is measured: every metric's name, unit, buckets and labels. No label ever names a tenant or a customer.

Names, units and buckets of `rpc.*` and `gen_ai.*` are those of OpenTelemetry's semantic conventions; the latter are
still in development there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """How values of a metric add up."""

    HISTOGRAM = "histogram"
    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric. `unit` is UCUM (`s`, `By`, `1`, `{turn}`); `buckets` are upper bounds, of histograms only."""

    name: str
    kind: Kind
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Labels:
    """Every label that a metric may carry. What customers, tenants or conversations are called is not among them."""

    RPC_SERVICE: Final = "rpc.service"
    RPC_METHOD: Final = "rpc.method"
    RPC_STATUS_CODE: Final = "rpc.response.status_code"
    VARIANT: Final = "repartee.variant"
    RUNG: Final = "repartee.rung"
    CACHE: Final = "repartee.cache"
    FAILED: Final = "repartee.failed"
    DEPENDENCY: Final = "repartee.dependency"
    COMPONENT: Final = "repartee.component"
    USED: Final = "repartee.used"
    OPERATION: Final = "gen_ai.operation.name"
    MODEL: Final = "gen_ai.request.model"
    TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # of language models


# The conventions begin at 5 ms; a hop inside a cluster takes half of one, and a stream up to an hour.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144)
_RPC = (Labels.RPC_SERVICE, Labels.RPC_METHOD, Labels.RPC_STATUS_CODE)


class Measures:
    """Every metric of every process."""

    SERVED: Final = Measure(
        "rpc.server.call.duration", Kind.HISTOGRAM, "s", "Calls served, to their last byte.", _RPC, _SECONDS
    )
    SENT: Final = Measure(
        "rpc.client.call.duration", Kind.HISTOGRAM, "s", "Calls to other services, to their end.", _RPC, _SECONDS
    )
    IN_FLIGHT: Final = Measure("repartee.calls.in_flight", Kind.GAUGE, "{call}", "Calls being served now.")
    DEPENDENCY_UP: Final = Measure(
        "repartee.dependency.up",
        Kind.GAUGE,
        "1",
        "1 for a dependency that is up or embedded, 0 for a degraded one.",
        (Labels.DEPENDENCY,),
    )
    TURNS: Final = Measure(
        "repartee.turns",
        Kind.COUNTER,
        "{turn}",
        "Turns, by the variant they were assigned to.",
        (Labels.VARIANT, Labels.RUNG, Labels.CACHE, Labels.FAILED),
    )
    TURN_DURATION: Final = Measure(
        "repartee.turn.duration",
        Kind.HISTOGRAM,
        "s",
        "Turns, to the last byte of the reply.",
        (Labels.VARIANT, Labels.CACHE),
        _SECONDS,
    )
    OUTBOX_WAITING: Final = Measure(
        "repartee.outbox.waiting", Kind.GAUGE, "{turn}", "Turns that wait for the store of conversations."
    )
    OUTBOX_LOST: Final = Measure(
        "repartee.outbox.lost", Kind.GAUGE, "{turn}", "Turns not kept since the process began, for want of room."
    )
    HYBRID_PERCENT: Final = Measure(
        "repartee.rollout.hybrid", Kind.GAUGE, "%", "Share of conversations that the state of all gives to hybrid."
    )
    SWITCH_WAITING: Final = Measure(
        "repartee.rollout.waiting", Kind.GAUGE, "{decision}", "Decisions that hold on this replica only."
    )
    TOKENS: Final = Measure(
        "gen_ai.client.token.usage",
        Kind.HISTOGRAM,
        "{token}",
        "Tokens of one call of a language model.",
        (Labels.OPERATION, Labels.MODEL, Labels.TOKEN_TYPE),
        _TOKENS,
    )
    COST: Final = Measure(
        "repartee.cost.usd",
        Kind.COUNTER,
        "{usd}",
        "Dollars charged by list prices, also for attempts that were thrown away.",
        (Labels.COMPONENT, Labels.USED),
    )
    CERTIFICATE: Final = Measure(
        "repartee.certificate.remaining",
        Kind.GAUGE,
        "s",
        "Time until this server's certificate expires; below 0 after.",
    )


ALL: Final[tuple[Measure, ...]] = tuple(each for each in vars(Measures).values() if isinstance(each, Measure))

_UNIT_SUFFIXES: Final[Mapping[str, str]] = {"s": "_seconds", "By": "_bytes", "%": "_percent"}


def prometheus_name(measure: Measure) -> str:
    """Returns the name in Prometheus, by OpenTelemetry's rules, without the `_total` that a counter's sample gets."""
    return measure.name.replace(".", "_") + _UNIT_SUFFIXES.get(measure.unit, "")
