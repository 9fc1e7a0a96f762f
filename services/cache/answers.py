"""The lookup: exact, then semantic and verified, else a miss that hands the embedding on. Never an error."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace

from libs.common.embedding.port import Embedder
from libs.common.errors import Unavailable
from libs.common.request_context import Principal, TenantId
from libs.common.stages import Stages, no_stages
from services.cache import guard
from services.cache.admission import is_elliptical
from services.cache.counters import EXACT_HITS, GUARD_REJECTS, SEAL_FAILURES, Counters
from services.cache.entries import Entry, Vector, scope_of
from services.cache.essence import essence
from services.cache.fingerprint import fingerprint, language_of, normalise
from services.cache.index_following import IndexFollower
from services.cache.lookup import (
    BELOW_THRESHOLD,
    ELLIPTICAL,
    EMPTY_QUERY,
    EXACT,
    NO_CANDIDATE,
    NOTHING_FOUND,
    SEMANTIC,
    SLOT_IN_PROGRESS,
    STALE_EPOCH,
    STORE_UNAVAILABLE,
    Candidate,
    Hit,
    Lookup,
    Question,
)
from services.cache.rarity import Rarities
from services.cache.reading import Reading, read_question
from services.cache.store import AnswerStore, Nearest, Policies, Policy, Snapshot
from services.cache.store_health import StoreHealth
from services.cache.tenant_index import Verdict

_log = logging.getLogger(__name__)

CANDIDATES = 5
_FLOAT_SLACK = 1e-6
# No operator and no tenant gets answers to questions that are less alike, whatever a bundle says.
THRESHOLD_FLOOR = 0.8
# Of hits that only the guard vouches for, so many are answered anew to measure how many are false.
SAMPLE_SHARE = 0.02


def _draw() -> float:
    return random.random()  # noqa: S311  # picks samples, guards nothing


class Answers:
    """Looks answers up. Every fault of the store is a miss within `store_budget_seconds`; the embedder has its own.

    `nearest` finds candidates; without one, the follower's indexes in memory do.
    """

    def __init__(
        self,
        store: AnswerStore,
        *,
        embedder: Embedder,
        policies: Policies,
        follower: IndexFollower,
        counters: Counters,
        nearest: Nearest | None = None,
        store_budget_seconds: float = 0.12,
        embed_timeout_seconds: float = 1.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        stages: Stages = no_stages,
        threshold_floor: float = THRESHOLD_FLOOR,
        sample_share: float = SAMPLE_SHARE,
        draw: Callable[[], float] = _draw,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._policies = policies
        self._follower = follower
        self._nearest: Nearest = nearest or follower
        self._counters = counters
        self._store_budget_seconds = store_budget_seconds
        self._embed_timeout_seconds = embed_timeout_seconds
        self._now = now
        self._clock = clock
        self._stages = stages
        self._threshold_floor = threshold_floor
        self._sample_share = sample_share
        self._draw = draw
        self._rarities = Rarities()
        self._health = StoreHealth(clock)

    async def look_up(self, owner: Principal, question: Question) -> Lookup:
        """Returns a hit of the owner's own tenant, agent and language, or why there is none. Counts and logs it."""
        found = await self.find(owner, question)
        self.note(owner, found)
        return found

    async def find(self, owner: Principal, question: Question) -> Lookup:
        """Returns what `look_up` would, and leaves counting it to `note`."""
        return await self._look_up(owner, question, is_dry_run=False)

    def note(self, owner: Principal, found: Lookup) -> None:
        """Counts and logs a lookup."""
        if found.hit is None:
            self._counters.miss(owner, found.miss_reason)
            return
        self._counters.hit(owner)
        if found.hit.type == EXACT:
            self._counters.add(owner, EXACT_HITS)
        _log.info("✅ Cache HIT [%s] (confidence: %.2f)", owner.require_tenant()[:7], found.hit.confidence)

    async def explain(self, owner: Principal, question: Question) -> Lookup:
        """Returns what `look_up` would, with every candidate judged. Counts nothing."""
        return await self._look_up(owner, question, is_dry_run=True)

    async def _look_up(self, owner: Principal, question: Question, *, is_dry_run: bool) -> Lookup:
        normalised = normalise(question.text)
        if not normalised:
            return Lookup(miss_reason=EMPTY_QUERY)
        if question.awaiting_slot:
            return Lookup(miss_reason=SLOT_IN_PROGRESS)
        if self._health.is_resting():
            return Lookup(miss_reason=STORE_UNAVAILABLE)
        tenant = owner.require_tenant()
        policy = await self._policies.of(tenant)
        language = language_of(question.locale, default=policy.language)
        key = fingerprint(tenant=tenant, agent=question.agent, language=language, normalised=normalised)
        # The guard reads capitals and accents that the exact tier passes over: what it said belongs to the very text.
        wording = fingerprint(tenant=tenant, agent=question.agent, language=language, normalised=question.text)
        known = None if is_dry_run else self._follower.recall(owner, wording)
        begun = self._clock()
        try:
            with self._stages("exact"):
                async with asyncio.timeout(self._store_budget_seconds):
                    first = await self._read(owner, [key, known.entry_id] if known else [key])
            self._health.note_answer()
            # What the store may still take: its budget is one for the whole lookup, without the embedder's time.
            store_seconds = self._store_budget_seconds - (self._clock() - begun)
            threshold = self._threshold(policy, question, first)
            exact = first.entries[0]
            if exact is not None and (hit := self._served(exact, first, EXACT, 1.0)):
                if exact.says_nothing:
                    return Lookup(miss_reason=NOTHING_FOUND, threshold=threshold, key=key)
                return Lookup(hit=hit, threshold=threshold, key=key)
            if known is not None and (hit := self._served_again(known, first, policy, threshold)):
                return Lookup(hit=hit, threshold=threshold, key=key)
            is_stale = exact is not None and exact.knowledge_epoch != first.epoch
            with self._stages("semantic"):
                found = await self._semantic(
                    owner, question, policy, language, first, threshold, store_seconds, is_dry_run
                )
            if found.hit is not None and not is_dry_run:
                entry, score = found.hit.entry, found.hit.confidence
                self._follower.remember(owner, wording, Verdict(entry.entry_id, entry.question, score, policy))
        except (Unavailable, TimeoutError) as error:
            self._health.note_fault(error)
            return Lookup(miss_reason=STORE_UNAVAILABLE)
        if is_stale and found.miss_reason == NO_CANDIDATE:
            return Lookup(miss_reason=STALE_EPOCH, vector=found.vector, threshold=threshold, key=key)
        return replace(found, key=key)

    def _threshold(self, policy: Policy, question: Question, snapshot: Snapshot) -> float:
        """Returns the similarity that a hit needs: the tenant's, never under the floor, raised by its false hits."""
        own = max(policy.threshold, self._threshold_floor) + snapshot.threshold_raise
        return min(1.0, max(own, question.min_confidence))

    async def _semantic(
        self,
        owner: Principal,
        question: Question,
        policy: Policy,
        language: str,
        first: Snapshot,
        threshold: float,
        store_seconds: float,
        is_dry_run: bool,
    ) -> Lookup:
        asked = read_question(question.text, language=language, country=policy.country, places=policy.places)
        if is_elliptical(asked):
            return Lookup(miss_reason=ELLIPTICAL, threshold=threshold)
        with self._stages("embed"):
            vector = await self._embed(question.text)
        if vector is None:
            return Lookup(miss_reason=NO_CANDIDATE, threshold=threshold)
        async with asyncio.timeout(store_seconds):
            near = await self._nearest.nearest(
                owner,
                vector,
                scope=scope_of(agent=question.agent, language=language, embedder_id=self._embedder.embedder_id),
                count=CANDIDATES,
                epoch=first.epoch,
                version=first.version,
                now=self._now(),
            )
            if not near:
                return Lookup(miss_reason=NO_CANDIDATE, vector=vector, threshold=threshold)
            wanted = near if is_dry_run else [pair for pair in near if pair[1] >= threshold - _FLOAT_SLACK]
            if not wanted:
                return Lookup(miss_reason=BELOW_THRESHOLD, vector=vector, threshold=threshold)
            # The epoch is read again with the entries: it may have moved while the question was embedded.
            second = await self._read(owner, [entry_id for entry_id, _ in wanted])
        hit: Hit | None = None
        judged: list[Candidate] = []
        for (entry_id, score), entry in zip(wanted, second.entries, strict=True):
            served = self._served(entry, second, SEMANTIC, min(score, 1.0)) if entry else None
            if entry is None or served is None:
                judged.append(Candidate(entry_id, score, STALE_EPOCH if entry else NO_CANDIDATE))
                continue
            refused = self._refuse(owner.require_tenant(), asked, entry, language, policy)
            if score < threshold - _FLOAT_SLACK:
                judged.append(Candidate(entry_id, score, BELOW_THRESHOLD, refused.rule if refused else ""))
            elif refused is not None:
                judged.append(Candidate(entry_id, score, refused.rule, refused.detail))
                if not is_dry_run:
                    self._counters.add(owner, GUARD_REJECTS)
            else:
                judged.append(Candidate(entry_id, score))
                hit = hit or served
                if not is_dry_run:
                    break
        reason = "" if hit else judged[0].refused_by
        if hit and not is_dry_run:
            hit = self._perhaps_a_sample(hit)
        kept_vector = None if hit else vector
        return Lookup(hit, reason, kept_vector, tuple(judged), threshold)

    def _served_again(self, known: Verdict, first: Snapshot, policy: Policy, threshold: float) -> Hit | None:
        """Serves what was verified before for these words, while entry, policy and threshold still allow it."""
        entry = first.entries[1]
        if entry is None or entry.says_nothing or entry.question != known.stored:
            return None
        if known.policy is not policy or known.score < threshold - _FLOAT_SLACK:
            return None
        hit = self._served(entry, first, SEMANTIC, known.score)
        return self._perhaps_a_sample(hit) if hit else None

    def _perhaps_a_sample(self, hit: Hit) -> Hit:
        return replace(hit, is_sample=True) if self._draw() < self._sample_share else hit

    async def _read(self, owner: Principal, entry_ids: list[str]) -> Snapshot:
        snapshot = await self._store.read(owner, entry_ids)
        self._note_crossed(owner, snapshot.crossed_count)
        return snapshot

    def _note_crossed(self, owner: Principal, count: int) -> None:
        if count:
            self._counters.add(owner, SEAL_FAILURES, count)

    def _served(self, entry: Entry, snapshot: Snapshot, kind: str, confidence: float) -> Hit | None:
        now = self._now()
        if entry.knowledge_epoch != snapshot.epoch or entry.expires_at <= now:
            return None
        return Hit(entry, kind, confidence, max(0.0, now - entry.stored_at))

    def _refuse(
        self, tenant: TenantId, asked: Reading, entry: Entry, language: str, policy: Policy
    ) -> guard.Refusal | None:
        stored = read_question(entry.question, language=language, country=policy.country, places=policy.places)
        words = self._rarities.of(tenant, language)
        words.add(entry.entry_id, stored.content)
        return guard.refuse(asked, stored, language=language, rarity=words.bits)

    async def _embed(self, text: str) -> Vector | None:
        try:
            async with asyncio.timeout(self._embed_timeout_seconds):
                return (await self._embedder.embed([essence(text)]))[0]
        except (Unavailable, TimeoutError) as error:
            _log.warning("the semantic tier is passed over: no embedding (%s)", type(error).__name__)
            return None

    @property
    def is_degraded(self) -> bool:
        """True from the first fault of the store to its next answer."""
        return self._health.is_degraded
