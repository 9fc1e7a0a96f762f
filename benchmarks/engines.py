"""What the engines promise, measured: answered faults, facts that hold, the ledger, prompts, routing, decisions."""

from benchmarks import adversarial_wording, agent_routing, decision, prompt_cost, provider_faults, without_models
from benchmarks.figure import Figure


async def measure() -> list[Figure]:
    """Measures all of it."""
    figures = await provider_faults.measure()
    figures += await adversarial_wording.measure()
    figures += await prompt_cost.measure()
    figures += await agent_routing.measure()
    figures += await decision.measure()
    figures += await without_models.measure()
    return figures
