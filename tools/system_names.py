"""What the operators of a router call its two systems."""

from dataclasses import dataclass

from repartee.v1 import rollout_pb2

Named = rollout_pb2.RolloutState | rollout_pb2.GetMetricsResponse | rollout_pb2.ExplainAssignmentResponse


@dataclass(frozen=True, slots=True)
class SystemNames:
    """Names in sentences and tables, and the word by which classic is recommended."""

    classic: str = "classic"
    hybrid: str = "hybrid"
    recommended_classic: str = "old"


def names_in(response: Named) -> SystemNames:
    """Returns the names that a router's answer gives the systems, or those that everybody knows."""
    if not response.HasField("names"):
        return SystemNames()
    return SystemNames(response.names.classic, response.names.hybrid, response.names.classic)
