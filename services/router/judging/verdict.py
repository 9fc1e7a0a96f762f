"""Which system a comparison recommends, and the one sentence that says why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from services.router.judging.counts import GUARDS, Counts
from services.router.judging.evidence import BETTER_GRID, HARM_GRID, e_value, log_products_of_counts
from services.router.judging.ratios import risk_ratio_upper, sample_ratio_p
from services.router.judging.wording import error_rate
from services.router.turn import Variant
from services.router.variant_names import KNOWN_NAMES, VariantNames

MIN_TURNS = 100
# 1/20 is the risk of recommending the worse system, at any one look and over all of them.
ENOUGH_EVIDENCE = 20.0
# Conversations dealt by the share fall below this once in a thousand comparisons.
MIN_SAMPLE_RATIO_P = 0.001
# Hybrid's failures over classic's, up to which hybrid may be recommended for its speed.
MAX_RISK_RATIO_UPPER = 1.25

_HARMS = {"error": "fails more", "slow": "is slow more often", "soft": "more often makes do, hands over or asks again"}


class Recommendation(Enum):
    """What to do; the value is the word that operators read, unless their systems have names of their own."""

    INSUFFICIENT_DATA = "insufficient_data"
    INVALID_SRM = "invalid_srm"
    OLD = "old"
    HYBRID = "hybrid"
    EQUIVALENT = "equivalent"

    def word(self, names: VariantNames) -> str:
        """Returns the word that operators read: a system's own name where it is the one to choose."""
        chosen = _CHOSEN.get(self)
        return names[chosen].recommended if chosen else self.value


_CHOSEN = {Recommendation.OLD: Variant.CLASSIC, Recommendation.HYBRID: Variant.HYBRID}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a recommendation rests on: e-values by guard, p-value of the deal, upper bound of the risk ratio.

    `is_dealt` is False when no conversation in the window was dealt by a share: one system came after the other.
    """

    harm: Mapping[str, float]
    better: float
    faster: float
    sample_ratio_p: float
    risk_ratio_upper: float
    is_dealt: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A recommendation, why, and what it rests on."""

    recommendation: Recommendation
    explanation: str
    evidence: Evidence


def evidence_of(counts: Counts) -> Evidence:
    """Returns what the counts prove.

    Without a deal, errors are compared at the share of turns that each system had: no proof against another time of
    day, but the best that can be said of classic before a switch and hybrid after it.
    """
    old, hybrid = counts.old, counts.hybrid
    is_dealt = counts.dealt_variance > 0.0
    harm = {guard: e_value(counts.events[guard].harm) for guard in GUARDS}
    better = e_value(counts.events["error"].better)
    if not is_dealt and old.count and hybrid.count:
        share = hybrid.count / (old.count + hybrid.count)

        def of_counts(grid: tuple[float, ...]) -> float:
            return e_value(
                log_products_of_counts(grid, share=share, old_events=old.errors, hybrid_events=hybrid.errors)
            )

        harm["error"], better = of_counts(HARM_GRID), of_counts(BETTER_GRID)
    return Evidence(
        harm=harm,
        better=better,
        faster=e_value(counts.events["slow"].better),
        sample_ratio_p=sample_ratio_p(
            hybrid=counts.dealt_hybrid, expected=counts.dealt_expected, variance=counts.dealt_variance
        ),
        risk_ratio_upper=risk_ratio_upper(
            old_events=old.errors, old_count=old.count, hybrid_events=hybrid.errors, hybrid_count=hybrid.count
        ),
        is_dealt=is_dealt,
    )


def judge(counts: Counts, names: VariantNames = KNOWN_NAMES) -> Verdict:
    """Returns the first that holds: too little data, a broken deal, harm, an improvement, no difference shown."""
    evidence = evidence_of(counts)
    recommendation, explanation = _decide(
        counts, evidence, classic=names[Variant.CLASSIC].spoken, hybrid=names[Variant.HYBRID].spoken
    )
    if not evidence.is_dealt and recommendation in (Recommendation.OLD, Recommendation.HYBRID):
        explanation += "; they did not share traffic in this window, so that something else may be the cause"
    return Verdict(recommendation, f"{explanation}.", evidence)


def _decide(counts: Counts, evidence: Evidence, *, classic: str, hybrid: str) -> tuple[Recommendation, str]:
    counted, subject = (counts.old.count, counts.hybrid.count), hybrid.capitalize()
    if min(counted) < MIN_TURNS:
        return (
            Recommendation.INSUFFICIENT_DATA,
            f"Each system needs {MIN_TURNS} turns; {classic} has {counted[0]}, {hybrid} {counted[1]}",
        )
    if evidence.sample_ratio_p < MIN_SAMPLE_RATIO_P:
        dealt = counts.dealt_old + counts.dealt_hybrid
        return (
            Recommendation.INVALID_SRM,
            f"{subject} got {counts.dealt_hybrid} of {dealt} conversations where the share says "
            f"{counts.dealt_expected:.0f}: traffic is not dealt as it should be, and the figures compare nothing",
        )
    rates = _rates(counts, classic=classic, hybrid=hybrid)
    guard, harm = max(evidence.harm.items(), key=lambda pair: pair[1])
    if harm >= ENOUGH_EVIDENCE:
        return Recommendation.OLD, f"{subject} {_HARMS[guard]} ({_proof(harm)}); {rates}"
    if evidence.better >= ENOUGH_EVIDENCE:
        return Recommendation.HYBRID, f"{subject} fails less ({_proof(evidence.better)}); {rates}"
    if evidence.faster >= ENOUGH_EVIDENCE and evidence.risk_ratio_upper <= MAX_RISK_RATIO_UPPER:
        return (
            Recommendation.HYBRID,
            f"{subject} is slow less often ({_proof(evidence.faster)}) and fails at most "
            f"{evidence.risk_ratio_upper:.2f} times as often; {rates}",
        )
    return Recommendation.EQUIVALENT, f"Neither system is shown to be better; {rates}"


def _proof(e: float) -> str:
    return f"evidence {e:.3g}, where {ENOUGH_EVIDENCE:.0f} is enough"


def _rates(counts: Counts, *, classic: str, hybrid: str) -> str:
    old, new = counts.old, counts.hybrid
    return (
        f"{hybrid} fails in {error_rate(errors=new.errors, count=new.count)} of {new.count} turns, "
        f"{classic} in {error_rate(errors=old.errors, count=old.count)} of {old.count}"
    )
