"""Keeping answers and forgetting them: what is admitted, for how long, and what is never served again."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence

import numpy as np

from libs.common.embedding.port import Embedder
from libs.common.errors import FieldViolation, InvalidRequest, Unavailable
from libs.common.facts import extract_facts
from libs.common.request_context import Principal
from services.cache.admission import (
    ASKED_ONCE,
    CONTEXT_BOUND,
    NOTHING_FOUND_TTL_SECONDS,
    SECOND_ASK_SECONDS,
    STALE_EPOCH,
    refusal_of_answer,
    refusal_to_keep,
    ttl_seconds,
)
from services.cache.counters import REFUSED_PREFIX, Counters
from services.cache.entries import Entry, Row, Vector, scope_of
from services.cache.essence import essence
from services.cache.fingerprint import fingerprint, language_of, normalise
from services.cache.index_following import IndexFollower
from services.cache.offers import GivenEmbedding, Kept, Offer
from services.cache.reading import Reading, read_question
from services.cache.store import AnswerStore, Policies, Policy
from services.cache.tenant_index import TenantIndex

_log = logging.getLogger(__name__)

# Two entries made in the same minute must not expire in the same minute.
_JITTER = 0.1
# Questions this near to one that is forgotten are forgotten with it.
_FORGET_NEAR = 0.6


def _spread() -> float:
    return random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # spreads expiry, guards nothing


class Keeping:
    """Keeps and forgets. Every method may raise Unavailable (STORE_UNAVAILABLE)."""

    def __init__(
        self,
        store: AnswerStore,
        *,
        embedder: Embedder,
        policies: Policies,
        follower: IndexFollower,
        counters: Counters,
        embed_timeout_seconds: float = 1.0,
        now: Callable[[], float] = time.time,
        spread: Callable[[], float] = _spread,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._policies = policies
        self._follower = follower
        self._counters = counters
        self._embed_timeout_seconds = embed_timeout_seconds
        self._now = now
        self._spread = spread

    async def keep(self, owner: Principal, offer: Offer) -> Kept:
        """Keeps an answer, or says why not. Raises InvalidRequest (EMBEDDER_MISMATCH, EMBEDDING_SIZE) too."""
        kept = await self._keep(owner, offer, self._checked(offer.embedding))
        if kept.refused_reason:
            self._counters.add(owner, REFUSED_PREFIX + kept.refused_reason)
        return kept

    async def key_of(self, owner: Principal, *, question: str, agent: str, locale: str) -> str:
        """Returns the key of a question in the exact tier; empty for one that says nothing."""
        normalised = normalise(question)
        if not normalised:
            return ""
        policy = await self._policies.of(owner.require_tenant())
        language = language_of(locale, default=policy.language)
        return fingerprint(tenant=owner.require_tenant(), agent=agent, language=language, normalised=normalised)

    async def _keep(self, owner: Principal, offer: Offer, vector: Vector | None) -> Kept:
        key = await self.key_of(owner, question=offer.question, agent=offer.agent, locale=offer.locale)
        if not key:
            return Kept(refused_reason=CONTEXT_BOUND)
        policy = await self._policies.of(owner.require_tenant())
        language = language_of(offer.locale, default=policy.language)
        reading = read_question(offer.question, language=language, country=policy.country, places=policy.places)
        text = "" if offer.nothing_found else offer.text
        refused = _refusal(offer, reading, policy)
        if refused:
            return Kept(refused_reason=refused, key=key)
        if offer.nothing_found:
            ttl, vector = NOTHING_FOUND_TTL_SECONDS, None
        else:
            ttl = ttl_seconds(reading, asked_for=offer.ttl_seconds, default=policy.ttl_seconds)
            if policy.second_ask and await self._store.ask_first(owner, key, seconds=SECOND_ASK_SECONDS):
                return Kept(refused_reason=ASKED_ONCE, key=key)
            if vector is None:
                vector = await self._embed(offer.question)
        now = self._now()
        entry = Entry(
            entry_id=key,
            question=offer.question,
            text=text,
            agent=offer.agent,
            language=language,
            answered_by=offer.answered_by,
            sources=offer.sources,
            knowledge_epoch=offer.knowledge_epoch,
            stored_at=now,
            expires_at=now + ttl * self._spread(),
        )
        row = Row(
            entry_id=key,
            scope=scope_of(agent=offer.agent, language=language, embedder_id=self._embedder.embedder_id),
            knowledge_epoch=offer.knowledge_epoch,
            expires_at=entry.expires_at,
            document_ids=tuple(dict.fromkeys(source.document_id for source in offer.sources)),
            vector=vector,
        )
        version = await self._store.write(owner, entry, row, now=now)
        if version is None:
            return Kept(refused_reason=STALE_EPOCH, key=key)
        self._follower.note_own_write(owner, row, version)
        return Kept(entry_id=key, key=key)

    async def forget(self, owner: Principal, *, document_id: str, question: str, everything: bool) -> int:
        """Forgets what one of the three names; returns how many answers. Raises InvalidRequest when none does."""
        if everything:
            return await self.forget_all(owner, reason="asked for by the tenant")
        if document_id:
            return await self.forget_document(owner, document_id)
        if question:
            return await self.forget_question(owner, question)
        raise InvalidRequest(
            "REQUIRED_FIELD",
            "Say what to forget: a document, a question, or everything.",
            violations=[FieldViolation("scope", "expected document_id, query or all")],
        )

    async def forget_document(self, owner: Principal, document_id: str) -> int:
        """Forgets the answers that cite a document; returns how many."""
        index = await self._whole_index(owner)
        return await self._remove(owner, index.citing(document_id))

    async def forget_question(self, owner: Principal, question: str) -> int:
        """Forgets the answers to a question and to those near it, of every agent and language of the tenant."""
        index = await self._whole_index(owner)
        normalised = normalise(question)
        vector = await self._embed(question) if normalised else None
        tenant = owner.require_tenant()
        doomed = {
            fingerprint(tenant=tenant, agent=agent, language=language, normalised=normalised)
            for agent, language in index.voices()
        }
        if vector is not None:
            doomed.update(index.near(vector, embedder_id=self._embedder.embedder_id, floor=_FORGET_NEAR))
        return await self._remove(owner, sorted(doomed))

    async def forget_all(self, owner: Principal, *, reason: str) -> int:
        """Forgets everything of the tenant; returns how many answers that were."""
        removed = await self._store.remove(owner, None, now=self._now())
        _log.info("cache of [%s] emptied: %d answers (%r)", owner.require_tenant()[:7], removed, reason)
        return removed

    async def _whole_index(self, owner: Principal) -> TenantIndex:
        snapshot = await self._store.read(owner, [])
        return await self._follower.up_to_date(owner, snapshot.version)

    async def _remove(self, owner: Principal, entry_ids: Sequence[str]) -> int:
        return await self._store.remove(owner, entry_ids, now=self._now()) if entry_ids else 0

    def _checked(self, given: GivenEmbedding | None) -> Vector | None:
        if given is None or not (given.values or given.embedder_id):
            return None
        if given.embedder_id != self._embedder.embedder_id:
            raise InvalidRequest(
                "EMBEDDER_MISMATCH",
                "The embedding was made by another embedder than this cache's.",
                violations=[FieldViolation("embedding.embedder_id", f"expected {self._embedder.embedder_id!r}")],
            )
        vector = np.asarray(given.values, dtype=np.float32)
        length = float(np.linalg.norm(vector))
        if vector.shape != (self._embedder.dimensions,) or not 0.5 < length < 2.0:
            raise InvalidRequest(
                "EMBEDDING_SIZE",
                "The embedding has not the size of this cache's embedder.",
                violations=[
                    FieldViolation("embedding.values", f"expected {self._embedder.dimensions} values of unit length")
                ],
            )
        return vector / np.float32(length)

    async def _embed(self, text: str) -> Vector | None:
        try:
            async with asyncio.timeout(self._embed_timeout_seconds):
                return (await self._embedder.embed([essence(text)]))[0]
        except (Unavailable, TimeoutError) as error:
            _log.warning("only the exact tier will find an answer: no embedding (%s)", type(error).__name__)
            return None


def _refusal(offer: Offer, reading: Reading, policy: Policy) -> str:
    if offer.nothing_found:
        # A question that leans on what was said before has no answer of its own, nor the lack of one.
        return refusal_to_keep(offer.question, "-", reading=reading, answer_facts=())
    of_answer = refusal_of_answer(
        offer.text, wording=offer.wording, confidence=offer.confidence, is_truncated=offer.is_truncated
    )
    facts = extract_facts(offer.text, country=policy.country, places=policy.places)
    return of_answer or refusal_to_keep(offer.question, offer.text, reading=reading, answer_facts=facts)
