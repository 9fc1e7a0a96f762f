"""What services count for dashboards: every measure is counted somewhere, and no label says whose it was."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from libs.common.errors import Exhausted, Unavailable
from libs.common.measure import Measure
from libs.common.measures import ALL, Measures
from libs.common.metrics import OTHER, Distribution, Meter, Point
from libs.common.request_context import Principal, TenantId
from libs.common.spending.ledger import Allowance, Charge
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.metered_ledger import metered
from libs.common.tenants.bundle import Limits, Tier
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.cache_metrics import CacheMetrics
from services.cache.canary import CANARY_TENANTS
from services.cache.counters import CANARY_LEAKS, EXACT_HITS, HITS, Counters
from services.cache.tenant_index import TenantIndexes
from services.hybrid_engine.engine_metrics import EngineMetrics
from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.llm.chat import ChatPrompt
from services.hybrid_engine.llm.choosing import Cascades, OpenTier
from services.hybrid_engine.llm.endings import NoTier
from services.hybrid_engine.llm.faults import Fault
from services.hybrid_engine.llm.guarded_tier import GuardedTier
from services.hybrid_engine.turn import Answer, Wording
from services.router.adapters.memory_limits import MemoryLimits
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.adapters.open_rollout import OpenRollout
from services.router.afterwards.sequel import Sequel, SequelKind
from services.router.judging.guarding import CAUSES, Outcome
from services.router.router_metrics import show_rollout
from services.router.turn import Variant
from services.router.turn_limits import TurnLimits
from services.router.turn_metrics import MetricsOfTurns
from services.voice.speech_figures import SpeechFigures
from services.voice.speech_stream import Finished
from services.voice.stream_metrics import StreamMetrics
from services.voice.watched_speech import Take
from tests.fakes.cache_world import principal
from tests.fakes.engine_parts import example_bundle
from tests.fakes.metrics_world import SHOP, World, turn
from tests.fakes.scripted_model import ScriptedModel
from tests.fakes.scripted_router import ScriptedRouter, streamed
from tests.fakes.virtual_time import run_in_virtual_time
from tests.fakes.voice_world import VoiceWorld, says

PROMPT = ChatPrompt("Tu es bref.", "Bonjour")
ROOT = Path(__file__).parent.parent.parent


def points(meter: Meter, measure: Measure) -> dict[tuple[str, ...], float]:
    """Returns values by labels; of a histogram how many there were."""
    found: Sequence[Point | Distribution] = next((each.points for each in meter.read() if each.measure is measure), ())
    return {each.labels: each.value if isinstance(each, Point) else sum(each.counts) for each in found}


def test_every_measure_is_counted_somewhere() -> None:
    modules = [path for folder in ("libs", "services") for path in (ROOT / folder).rglob("*.py")]
    counted = {name for path in modules for name in re.findall(r"\bMeasures\.([A-Z_]+)\b", path.read_text())}
    assert {name for name, each in vars(Measures).items() if each in ALL} == counted


async def test_the_cache_adds_up_companies_and_leaves_out_its_canary() -> None:
    metrics, meter, indexes = CacheMetrics(), Meter(), TenantIndexes(max_bytes=1 << 20)
    metrics.show(meter, indexes)
    counters = Counters(MemoryAnswers(capacity=1, capacity_bytes=1 << 20), note=metrics.counted)
    for tenant in ("acme", "globex", *CANARY_TENANTS):
        owner = principal(tenant)
        counters.hit(owner)
        counters.hit(owner)
        counters.add(owner, EXACT_HITS)
        counters.miss(owner, "GUARD_NUMBER")
        counters.add(owner, "refused:PERSONAL", 3)
        counters.add(owner, CANARY_LEAKS)
    assert points(meter, Measures.CACHE_LOOKUPS) == {("exact",): 2, ("semantic",): 2, ("GUARD_NUMBER",): 2}
    assert points(meter, Measures.CACHE_NOT_KEPT) == {("PERSONAL",): 6}
    assert points(meter, Measures.CACHE_CROSSED) == {("seal",): 0, ("canary",): 4}
    assert points(meter, Measures.CACHE_RECHECKS) == {("right",): 0, ("false",): 0}
    assert points(meter, Measures.CACHE_ENTRIES) == {(): 0}


async def test_counts_that_wait_for_the_store_are_told_once() -> None:
    told: list[tuple[str, int]] = []

    class StoreThatIsAwayAtFirst(MemoryAnswers):
        writes = 0

        async def add(self, increments: Mapping[Principal, Mapping[str, int]]) -> None:
            self.writes += 1
            if self.writes == 1:
                raise Unavailable("STORE_UNAVAILABLE", "Away.")
            await super().add(increments)

    store = StoreThatIsAwayAtFirst(capacity=1, capacity_bytes=1 << 20)
    counters = Counters(store, note=lambda _tenant, name, count: told.append((name, count)))
    counters.hit(principal("acme"))
    await counters.flush()
    await counters.flush()
    assert told == [(HITS, 1)]
    assert (await store.totals(principal("acme")))[HITS] == 1


def test_a_tier_that_only_a_tenant_names_is_not_named() -> None:
    async def play() -> None:
        meter, house, own = Meter(), tier("house", "m-1"), tier("acme-gpt", "ft:acme")
        models = {
            "house": ScriptedModel("house", [Fault.SERVER_ERROR], [Fault.SERVER_ERROR]),
            "acme-gpt": ScriptedModel("acme-gpt", models=("ft:acme",)),
        }
        metrics = EngineMetrics(meter)
        cascades = Cascades(
            [house], open_tier=lambda each: OpenTier(GuardedTier(models[each.name]), closed), tell=metrics.tried
        )
        metrics.show_tiers(cascades)
        bundle = example_bundle()
        with pytest.raises(NoTier):
            await cascades.of(bundle).complete(PROMPT)
        mine = bundle.model_copy(update={"llm": bundle.llm.model_copy(update={"tiers": (own,)})})
        await cascades.of(mine).complete(PROMPT)
        assert points(meter, Measures.MODEL_ATTEMPTS) == {("house", "LLM_SERVER_ERROR"): 2, (OTHER, "served"): 1}
        assert points(meter, Measures.MODEL_DURATION) == {("chat", "m-1"): 2, ("chat", OTHER): 1}
        assert points(meter, Measures.FIRST_CHUNK) == {("chat", OTHER): 1}
        states = points(meter, Measures.TIER_STATE)
        assert {labels for labels, value in states.items() if value} == {("house", "degraded")}
        assert {labels[0] for labels in states} == {"house"}

    run_in_virtual_time(play())


async def test_models_that_only_a_tenant_names_are_counted_together() -> None:
    meter = Meter()
    ledger = metered(MemoryLedger(), meter, shown={"small-1"})
    for model in ("small-1", "ft:acme"):
        reservation = await ledger.reserve(TenantId("acme"), Allowance(), tokens=9, micro_usd=9)
        await ledger.settle(reservation, [charge(model)])
    assert {labels[1] for labels in points(meter, Measures.TOKENS)} == {"small-1", OTHER}


def test_answers_are_counted_by_who_worded_them_and_why() -> None:
    meter = Meter()
    metrics = EngineMetrics(meter)
    metrics.answered(Answer("Bonjour", "greet", FlowState(), Wording.MODEL))
    metrics.answered(Answer("Oui", "x", FlowState(), Wording.TEMPLATE, reasons=("LLM_TIMEOUT", "LLM_NEGATION")))
    assert points(meter, Measures.ANSWERS) == {("model", ""): 1, ("template", "LLM_TIMEOUT"): 1}


async def test_turns_above_a_limit_are_counted_by_whose_limit_it_is() -> None:
    meter = Meter()
    limits = TurnLimits(None, MemoryLimits(clock=lambda: 0.0), refused=MetricsOfTurns(meter).refused)
    told = Limits(user_per_minute=1, tenant_per_minute=2)
    for user in ("awa", "awa", "ben", "cora"):
        with contextlib.suppress(Exhausted):
            await limits.admit(principal("acme"), user, told)
    assert points(meter, Measures.TURNS_REFUSED) == {("customer",): 1, ("tenant",): 1}


def test_signs_are_counted_for_the_variant_of_the_turn() -> None:
    meter = Meter()
    metrics = MetricsOfTurns(meter)
    metrics.record(turn("c1", template=True, asked_again=True))
    metrics.record(turn("c2", Variant.CLASSIC))
    metrics.record_sequel(Sequel(SHOP, SequelKind.BAD, Variant.CLASSIC, at=0.0))
    assert points(meter, Measures.SIGNALS) == {
        ("hybrid", "template"): 1,
        ("hybrid", "asked_again"): 1,
        ("classic", "bad"): 1,
    }


async def test_a_rollback_and_the_evidence_before_it_can_be_seen() -> None:
    world, meter = World(MemoryMetrics()), Meter()
    guard, recorder = world.guard(), world.recorder()
    rollout = SimpleNamespace(state=lambda: world.standing(""), waiting=0)
    show_rollout(meter, cast("OpenRollout", SimpleNamespace(rollout=rollout, guard=guard)))
    assert set(points(meter, Measures.ROLLBACKS)) == {(cause, scope) for cause in CAUSES for scope in ("all", "tenant")}
    assert points(meter, Measures.EVIDENCE) == {("error",): 1, ("slow",): 1, ("soft",): 1}
    for number in range(4):
        recorder.record(turn(f"c{number}", failed=True))
    for number in range(4):
        recorder.record(turn(f"d{number}", Variant.CLASSIC))
    await recorder.flush()
    assert await guard.check("") is Outcome.CLEAR
    evidence, limits = points(meter, Measures.EVIDENCE), points(meter, Measures.EVIDENCE_LIMIT)
    assert 1 < evidence["error",] < limits["error",] == pytest.approx(200)
    recorder.record(turn("c9", failed=True))
    await recorder.flush()
    assert await guard.check(SHOP) is Outcome.ROLLED_BACK
    seen = {labels: value for labels, value in points(meter, Measures.ROLLBACKS).items() if value}
    assert seen == {("consecutive_failures", "tenant"): 1}
    assert points(meter, Measures.UNACKNOWLEDGED) == {(): 0}


def test_speech_is_counted_by_voice_and_by_who_pays() -> None:
    meter = Meter()
    figures = SpeechFigures(meter=meter)
    figures.took(Take("elevenlabs", "m", 10, 10, was_heard=True, first_audio_ms=300.0, reason=""))
    figures.took(Take("elevenlabs", "m", 10, 0, was_heard=False, first_audio_ms=0.0, reason="ELEVENLABS_REFUSED"))
    figures.took(Take("pico", "p", 7, 0, was_heard=False, first_audio_ms=30.0, reason=""))
    figures.played(from_memory=True, provider="elevenlabs", is_paid=True, model="m", characters=20)
    figures.played(from_memory=False, provider="pico", is_paid=False, model="p", characters=20)
    assert points(meter, Measures.SPEECH) == {
        ("elevenlabs", "spoken"): 1,
        ("elevenlabs", "ELEVENLABS_REFUSED"): 1,
        ("pico", "left"): 1,
    }
    assert points(meter, Measures.CHARACTERS) == {
        ("elevenlabs", "billed"): 10,
        ("elevenlabs", "saved"): 20,
        ("pico", "free"): 7,
    }
    assert points(meter, Measures.PHRASES) == {("hit",): 1, ("miss",): 1}
    assert points(meter, Measures.SPEECH_FIRST_AUDIO) == {("elevenlabs",): 1, ("pico",): 1}


def test_what_a_listener_heard_is_counted_by_where_it_came_from() -> None:
    async def play() -> None:
        meter = Meter()
        router = ScriptedRouter(streamed("Oui."), streamed("Oui, bien sûr.", after=0.9))
        world = VoiceWorld(router, note=StreamMetrics(meter).heard)
        await world.call((0.0, says("Où ?")))
        await world.call((0.0, says("Quand ?")))
        assert points(meter, Measures.VOICE_STREAMS) == {("complete",): 2}
        assert points(meter, Measures.FIRST_AUDIO) == {("scripted",): 1, ("cache",): 1}
        assert points(meter, Measures.GAP) == {(): 2}

    run_in_virtual_time(play())


def test_a_text_that_nothing_was_heard_of_has_no_first_audio() -> None:
    meter = Meter()
    silent = Finished(False, "", 0, 0, ("NO_VOICE",), 0.0)
    StreamMetrics(meter).heard(silent)
    StreamMetrics(meter).heard(replace(silent, interrupted=True, first_source="cache", first_audio_ms=2.0))
    assert points(meter, Measures.VOICE_STREAMS) == {("incomplete",): 1, ("interrupted",): 1}
    assert points(meter, Measures.FIRST_AUDIO) == {("cache",): 1}


async def closed() -> None:
    pass


def tier(name: str, model: str) -> Tier:
    return Tier(name=name, base_url="http://localhost:9/v1", model=model)


def charge(model: str) -> Charge:
    return Charge(
        tenant=TenantId("acme"),
        variant="hybrid",
        component="wording",
        agent="",
        tier="cloud",
        model=model,
        prompt_tokens=8,
        completion_tokens=2,
        cost_micro_usd=1,
        used=True,
        at=1.0,
        conversation_id="",
        turn_id="",
        attempt=1,
    )
