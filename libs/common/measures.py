"""What is measured: every metric's name, unit, buckets and labels. No label ever names a tenant or a customer.

Names and units of `rpc.*`, `gen_ai.*` and `process.*` are those of OpenTelemetry's semantic conventions; all but the
first are still in development there.
"""

from typing import Final

from libs.common.measure import Kind, Labels, Measure

# The conventions begin at 5 ms; a hop inside a cluster takes half of one, and a stream up to an hour.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
# A text that is spoken has begun after 1 ms from memory, and after 2 s at the worst from a vendor.
_SPEECH_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
# Listeners take a silence of 0.2 s for a breath, and one of 2 s for a lost line.
_GAP_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
_LOOP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
# Those of the conventions for operations of generative models.
_MODEL_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144)


def _seconds(name: str, description: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Measure:
    return Measure(name, Kind.HISTOGRAM, "s", description, labels, buckets)


def _counter(name: str, unit: str, description: str, *labels: str) -> Measure:
    return Measure(name, Kind.COUNTER, unit, description, labels)


def _gauge(name: str, unit: str, description: str, *labels: str) -> Measure:
    return Measure(name, Kind.GAUGE, unit, description, labels)


_RPC = (Labels.RPC_SERVICE, Labels.RPC_METHOD, Labels.RPC_STATUS_CODE)


class Measures:
    """Every metric of every process."""

    SERVED: Final = _seconds("rpc.server.call.duration", "Calls served, to their last byte.", *_RPC)
    SENT: Final = _seconds("rpc.client.call.duration", "Calls to other services, to their end.", *_RPC)
    IN_FLIGHT: Final = _gauge("repartee.calls.in_flight", "{call}", "Calls being served now.")
    STAGE: Final = _seconds(
        "repartee.stage.duration",
        "Stages of a call, such as `search`; the same ones are spans of its trace.",
        Labels.STAGE,
    )
    LOOP_DELAY: Final = _seconds(
        "repartee.event_loop.delay.duration",
        "How late the event loop runs what is due, looked at ten times a second.",
        buckets=_LOOP_SECONDS,
    )
    MEMORY: Final = _gauge("process.memory.usage", "By", "Resident memory of the process.")
    CPU: Final = _counter("process.cpu.time", "s", "Processor time of the process.")
    UPTIME: Final = _gauge("process.uptime", "s", "Time since the process began.")
    CERTIFICATE: Final = _gauge(
        "repartee.certificate.remaining", "s", "Time until the first certificate or root expires; below 0 after."
    )
    DEPENDENCY_UP: Final = _gauge(
        "repartee.dependency.up", "1", "1 for a dependency that is up or embedded, else 0.", Labels.DEPENDENCY
    )

    TURNS: Final = _counter(
        "repartee.turns",
        "{turn}",
        "Turns, by the variant they were assigned to.",
        Labels.VARIANT,
        Labels.RUNG,
        Labels.CACHE,
        Labels.FAILED,
    )
    TURN_DURATION: Final = _seconds(
        "repartee.turn.duration", "Turns, to the last byte of the reply.", Labels.VARIANT, Labels.CACHE
    )
    TURNS_REFUSED: Final = _counter(
        "repartee.turns.refused", "{turn}", "Turns above a limit: of their `customer`, or of a `tenant`.", Labels.SCOPE
    )
    SIGNALS: Final = _counter(
        "repartee.turns.signals",
        "{signal}",
        "Signs of how replies were taken that did not fail, by the variant of the turn.",
        Labels.VARIANT,
        Labels.SIGNAL,
    )
    OUTBOX_WAITING: Final = _gauge(
        "repartee.outbox.waiting", "{turn}", "Turns that wait for the store of conversations."
    )
    OUTBOX_LOST: Final = _counter("repartee.outbox.lost", "{turn}", "Turns not kept, for want of room.")
    HYBRID_PERCENT: Final = _gauge(
        "repartee.rollout.hybrid", "%", "Share of conversations that the state of all gives to hybrid."
    )
    SWITCH_WAITING: Final = _gauge(
        "repartee.rollout.waiting", "{decision}", "Decisions that hold on this replica only."
    )
    EVIDENCE: Final = _gauge(
        "repartee.rollout.evidence",
        "1",
        "The guard's e-value that hybrid is worse, all tenants together; at the limit it rolls back.",
        Labels.GUARD,
    )
    EVIDENCE_LIMIT: Final = _gauge(
        "repartee.rollout.evidence.limit", "1", "The e-value at which the guard rolls back.", Labels.GUARD
    )
    ROLLBACKS: Final = _counter(
        "repartee.rollout.rollbacks",
        "{rollback}",
        "Rollbacks by the guard: what touched it off, and whether for one tenant or for all.",
        Labels.GUARD,
        Labels.SCOPE,
    )
    UNACKNOWLEDGED: Final = _gauge(
        "repartee.rollout.unacknowledged", "1", "1 while a rollback for all waits for a person's word, else 0."
    )

    MODEL_DURATION: Final = _seconds(
        "gen_ai.client.operation.duration",
        "Requests to language models, to their last token or their failure.",
        Labels.OPERATION,
        Labels.MODEL,
        buckets=_MODEL_SECONDS,
    )
    FIRST_CHUNK: Final = _seconds(
        "gen_ai.client.operation.time_to_first_chunk",
        "From a request to a language model to the first piece of its text.",
        Labels.OPERATION,
        Labels.MODEL,
        buckets=_MODEL_SECONDS,
    )
    TOKENS: Final = Measure(
        "gen_ai.client.token.usage",
        Kind.HISTOGRAM,
        "{token}",
        "Tokens of one call of a language model.",
        (Labels.OPERATION, Labels.MODEL, Labels.TOKEN_TYPE),
        _TOKENS,
    )
    MODEL_ATTEMPTS: Final = _counter(
        "repartee.llm.attempts",
        "{attempt}",
        "Requests to tiers: `served`, `left` by the caller, or the reason of the failure.",
        Labels.TIER,
        Labels.OUTCOME,
    )
    TIER_STATE: Final = _gauge(
        "repartee.llm.tier.state",
        "1",
        "1 for the state that a tier of the installation is in, 0 for the others.",
        Labels.TIER,
        Labels.STATE,
    )
    ANSWERS: Final = _counter(
        "repartee.engine.answers",
        "{answer}",
        "Answers of an engine, by who worded them and the first reason that they give.",
        Labels.WORDING,
        Labels.REASON,
    )
    COST: Final = _counter(
        "repartee.cost.usd",
        "{usd}",
        "Dollars charged by list prices, also for attempts that were thrown away.",
        Labels.COMPONENT,
        Labels.USED,
    )

    CACHE_LOOKUPS: Final = _counter(
        "repartee.cache.lookups",
        "{lookup}",
        "Lookups: `exact`, `semantic`, or the reason of the miss; `GUARD_…` is the rule that refused the nearest.",
        Labels.OUTCOME,
    )
    CACHE_NOT_KEPT: Final = _counter(
        "repartee.cache.not_kept", "{answer}", "Answers that were not kept.", Labels.REASON
    )
    CACHE_RECHECKS: Final = _counter(
        "repartee.cache.rechecks",
        "{hit}",
        "Hits that were answered anew, unseen: the served answer was `right` or `false`.",
        Labels.OUTCOME,
    )
    CACHE_WAITS: Final = _seconds(
        "repartee.cache.wait.duration",
        "Lookups that waited for another caller's answer: until it `landed`, or in vain (`timeout`).",
        Labels.OUTCOME,
    )
    CACHE_ENTRIES: Final = _gauge("repartee.cache.index.entries", "{entry}", "Answers in the indexes of this process.")
    CACHE_BYTES: Final = _gauge("repartee.cache.index.size", "By", "Memory of the indexes of this process.")
    CACHE_CROSSED: Final = _counter(
        "repartee.cache.crossed",
        "{answer}",
        "Answers met outside their tenant: dropped for their `seal`, or served to the `canary`.",
        Labels.SOURCE,
    )
    DOCUMENTS: Final = _counter(
        "repartee.rag.documents",
        "{document}",
        "Documents handed in or deleted, by what became of them and why.",
        Labels.OUTCOME,
        Labels.REASON,
    )

    VOICE_STREAMS: Final = _counter(
        "repartee.voice.streams",
        "{stream}",
        "Texts and turns spoken: `complete`, `incomplete`, or `interrupted` by the caller.",
        Labels.OUTCOME,
    )
    FIRST_AUDIO: Final = _seconds(
        "repartee.voice.first_audio.duration",
        "From a text or turn to the first audio sent: of a phrase from the `cache`, or of a voice.",
        Labels.SOURCE,
        buckets=_SPEECH_SECONDS,
    )
    GAP: Final = _seconds(
        "repartee.voice.gap.duration",
        "The longest silence within a text or turn, as a listener hears it.",
        buckets=_GAP_SECONDS,
    )
    PHRASES: Final = _counter(
        "repartee.voice.phrases",
        "{phrase}",
        "Phrases asked for: a `hit` comes from memory, a `miss` is made.",
        Labels.OUTCOME,
    )
    SPEECH: Final = _counter(
        "repartee.speech.texts",
        "{text}",
        "Texts given to a voice: `spoken`, `left` by the listener, or the reason of the failure.",
        Labels.PROVIDER,
        Labels.OUTCOME,
    )
    SPEECH_FIRST_AUDIO: Final = _seconds(
        "repartee.speech.first_audio.duration",
        "From a text to a voice's first audio of it.",
        Labels.PROVIDER,
        buckets=_SPEECH_SECONDS,
    )
    CHARACTERS: Final = _counter(
        "repartee.speech.characters",
        "{character}",
        "Characters spoken: `billed`, `free`, or `saved` because a paid voice's phrase came from memory.",
        Labels.PROVIDER,
        Labels.BILLING,
    )


ALL: Final[tuple[Measure, ...]] = tuple(each for each in vars(Measures).values() if isinstance(each, Measure))
