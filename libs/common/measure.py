"""What a metric is: its kind, its unit, the labels that it may carry, its name in Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

_UNIT_SUFFIXES: Final[Mapping[str, str]] = {"s": "_seconds", "By": "_bytes", "%": "_percent"}


class Kind(Enum):
    """How values of a metric add up."""

    HISTOGRAM = "histogram"
    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """One metric. `unit` is UCUM (`s`, `By`, `1`, `{turn}`); `buckets` are upper bounds, of histograms only.

    Each equals itself alone, so that looking one up for every value costs nothing.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Labels:
    """Every label that a metric may carry. What customers, tenants or conversations are called is not among them.

    Values are names that this code or the installation's own settings give; what a tenant calls its parts is `other`.
    """

    RPC_SERVICE: Final = "rpc.service"
    RPC_METHOD: Final = "rpc.method"
    RPC_STATUS_CODE: Final = "rpc.response.status_code"
    OPERATION: Final = "gen_ai.operation.name"
    MODEL: Final = "gen_ai.request.model"
    TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # of language models
    VARIANT: Final = "repartee.variant"
    RUNG: Final = "repartee.rung"
    CACHE: Final = "repartee.cache"
    FAILED: Final = "repartee.failed"
    DEPENDENCY: Final = "repartee.dependency"
    COMPONENT: Final = "repartee.component"
    USED: Final = "repartee.used"
    STAGE: Final = "repartee.stage"
    OUTCOME: Final = "repartee.outcome"
    REASON: Final = "repartee.reason"
    # What a limit or a rollback holds for, never whom: `customer`, `tenant` or `all`.
    SCOPE: Final = "repartee.scope"
    SIGNAL: Final = "repartee.signal"
    GUARD: Final = "repartee.guard"
    SOURCE: Final = "repartee.source"
    PROVIDER: Final = "repartee.provider"
    BILLING: Final = "repartee.billing"
    TIER: Final = "repartee.tier"
    STATE: Final = "repartee.state"
    WORDING: Final = "repartee.wording"


def prometheus_name(measure: Measure) -> str:
    """Returns the name in Prometheus, by OpenTelemetry's rules, without the `_total` that a counter's sample gets."""
    return measure.name.replace(".", "_") + _UNIT_SUFFIXES.get(measure.unit, "")
