"""What the engines promise, measured: answered faults, facts that hold, the ledger, prompts, routing, decisions."""

from benchmarks import adversarial_wording, agent_routing, decision, prompt_cost, provider_faults
from benchmarks.figure import Figure


async def measure() -> list[Figure]:
    """Measures all of it."""
    figures = await provider_faults.measure()
    figures += adversarial_wording.figures()
    figures += await prompt_cost.measure()
    figures += agent_routing.figures()
    figures += decision.figures()
    return figures
