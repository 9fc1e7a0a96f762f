"""A ledger whose charges are metrics too: tokens by model, dollars by what they were spent on."""

from collections.abc import Container, Sequence

from libs.common.measures import Measures
from libs.common.metrics import OTHER, Meter
from libs.common.request_context import TenantId
from libs.common.spending.ledger import MICRO_USD, Allowance, Charge, Ledger, Reservation

# What a charge's component is in OpenTelemetry's words; any other asks a model for text.
_OPERATIONS = {"embedding": "embeddings", "rerank": "rerank", "speech": "speech"}


class MeteredLedger:
    """Counts what is settled, and leaves the rest to the ledger within. A charge that is settled twice counts twice.

    Models that are not `shown`, because only a tenant's bundle names them, are counted together; None shows all.
    """

    def __init__(self, inner: Ledger, meter: Meter, *, shown: Container[str] | None = None) -> None:
        self._inner = inner
        self._meter = meter
        self._shown = shown

    async def reserve(self, tenant: TenantId, allowance: Allowance, *, tokens: int, micro_usd: int) -> Reservation:
        """As the ledger within."""
        return await self._inner.reserve(tenant, allowance, tokens=tokens, micro_usd=micro_usd)

    async def settle(self, reservation: Reservation, charges: Sequence[Charge]) -> None:
        """As the ledger within."""
        for charge in charges:
            self._count(charge)
        await self._inner.settle(reservation, charges)

    def _count(self, charge: Charge) -> None:
        operation = _OPERATIONS.get(charge.component, "chat")
        model = charge.model if self._shown is None or charge.model in self._shown else OTHER
        for kind, tokens in (("input", charge.prompt_tokens), ("output", charge.completion_tokens)):
            if tokens:
                self._meter.histogram(Measures.TOKENS, operation, model, kind).observe(tokens)
        used = "true" if charge.used else "false"
        self._meter.counter(Measures.COST, charge.component, used).add(charge.cost_micro_usd / MICRO_USD)


def metered(ledger: Ledger, meter: Meter | None, *, shown: Container[str] | None = None) -> Ledger:
    """Returns `ledger`, counted where there is a meter; `shown` as in MeteredLedger."""
    return ledger if meter is None else MeteredLedger(ledger, meter, shown=shown)
