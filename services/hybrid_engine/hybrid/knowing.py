"""A question answered from the tenant's documents: in a model's words, in the documents' own, or not at all."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from libs.common.errors import ErrorKind, ReparteeError
from libs.common.stages import Stages
from libs.common.text_fold import tokens
from services.hybrid_engine.asking import attempts_of, purpose_of, reason_of, tokens_of
from services.hybrid_engine.flow.lexicon import INTERROGATIVES, content_words
from services.hybrid_engine.flow.spelling import spelled_out
from services.hybrid_engine.flow.zones import with_official_names
from services.hybrid_engine.gate import GATE_PAYMENT_NUMBER
from services.hybrid_engine.hybrid.checks import first_failure
from services.hybrid_engine.hybrid.deciding import Decided
from services.hybrid_engine.hybrid.extraction import extract_answer
from services.hybrid_engine.hybrid.grounding import ungrounded
from services.hybrid_engine.hybrid.rewording import LANGUAGE_NOT_CHECKED, LLM_NOT_CONFIGURED, VARIANT, Worded
from services.hybrid_engine.hybrid.wording import Words
from services.hybrid_engine.llm.chat import MidStream
from services.hybrid_engine.llm.tiers import Cascade
from services.hybrid_engine.streaming import Ended, checked, policy_for, spent, staged
from services.hybrid_engine.turn import NOTHING, Found, Passage, PassageFinder, Piece, Turn, Voided, Wording

_log = logging.getLogger(__name__)

RETRIEVAL_UNAVAILABLE = "RETRIEVAL_UNAVAILABLE"
NOTHING_FOUND = "NOTHING_FOUND"


@dataclass(frozen=True, slots=True)
class Known:
    """The answer to a question. `said` when its text has left already, piece by piece."""

    worded: Worded
    found: Found = NOTHING
    cited: tuple[Passage, ...] = ()
    cacheable: bool = False
    said: bool = False
    # The documents were asked just now, and none answers.
    nothing_found: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question within a turn: the words it is searched in, whose documents, and in which voice it is answered."""

    turn: Turn
    decided: Decided
    speech: Words
    agent: str
    streamed: bool

    @property
    def text(self) -> str:
        """The question in full words and official names."""
        return with_official_names(spelled_out(self.turn.event.text), self.speech.rules.places)


class Knowing:
    """Answers questions. What no document answers is said to be unknown, and never cached."""

    def __init__(self, *, passages: PassageFinder, stages: Stages) -> None:
        self._passages = passages
        self._stages = stages

    async def answer(self, asked: Asked, cascade: Cascade) -> AsyncGenerator[Piece | Voided | Known]:
        """Yields what a model says, as far as it passes the checks, and Known at last.

        Raises NotFound (TENANT_NOT_FOUND); whatever else fails is degraded around.
        """
        speech = asked.speech
        if own := speech.where_to_pay(asked.text):
            yield Known(Worded(own, Wording.TEMPLATE))
            return
        try:
            with self._stages("retrieve"):
                found = NOTHING if asked.turn.nothing_found else await self._find(asked)
        except ReparteeError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                raise
            _log.warning("retrieval failed: %s", error.reason)
            yield Known(Worded(speech.default("retrieval_down"), Wording.TEMPLATE, (RETRIEVAL_UNAVAILABLE,)))
            return
        if not found.passages:
            worded = Worded(_not_found(asked), Wording.TEMPLATE, (NOTHING_FOUND,))
            yield Known(worded, found, nothing_found=not asked.turn.nothing_found)
            return
        tried = Worded("", Wording.TEMPLATE, (LLM_NOT_CONFIGURED,))
        if cascade.configured and not speech.can_be_checked:
            tried = replace(tried, reasons=(LANGUAGE_NOT_CHECKED,))
        elif cascade.configured:
            async with aclosing(self._ask_model(asked, found, cascade)) as events:
                async for event in events:
                    if not isinstance(event, Worded):
                        yield event
                        continue
                    tried = event
            if tried.wording is Wording.MODEL:
                yield Known(tried, found, found.passages, cacheable=tried.complete, said=True)
                return
        yield self._quote(asked, found, tried)

    async def _find(self, asked: Asked) -> Found:
        """Finds passages; the embedding of a question that was spelled out is not the one of the turn."""
        question, turn = asked.text, asked.turn
        if question == turn.event.text:
            return await self._passages.find(question, agent=asked.agent, embedding=turn.embedding)
        return replace(await self._passages.find(question, agent=asked.agent, embedding=None), embedding=None)

    async def _ask_model(self, asked: Asked, found: Found, cascade: Cascade) -> AsyncGenerator[Piece | Voided | Worded]:
        """Yields the model's sentences that may leave, and Worded: the model's, or empty with the reason why not."""
        speech, turn, question = asked.speech, asked.turn, asked.text
        texts = tuple(passage.text for passage in found.passages)
        prompt = speech.knowledge_prompt(question, found.context or "\n\n".join(texts))
        expected = speech.knowledge_expectation((*texts, question))
        allowed = speech.allowed(texts, about=question)
        policy = policy_for(turn, streamed=asked.streamed)
        can_void = policy is not MidStream.CONTINUE_SENTENCE
        purpose = purpose_of(turn, "answer", variant=VARIANT, language=speech.language, agent=asked.agent)

        def check(text: str) -> str:
            with self._stages("check"):
                failure = first_failure(text, expected) or ungrounded(text, question, texts, speech.language)
                return failure or allowed.refusal(text)

        said, ended = False, Ended("")
        try:
            sentences = checked(cascade.stream(prompt, policy=policy, purpose=purpose), check, can_void=can_void)
            async with aclosing(staged(sentences, self._stages, streamed=asked.streamed)) as events:
                async for event in events:
                    if isinstance(event, Ended):
                        ended = event
                        continue
                    said = isinstance(event, Piece)
                    yield event
        except ReparteeError as error:
            if said:
                yield Voided(reason_of(error))
            yield Worded("", Wording.TEMPLATE, (reason_of(error),), tokens_of(error), attempts=attempts_of(error))
            return
        worded = _ended(ended, speech)
        if ended.text and worded.text != ended.text:
            yield Piece(worded.text[len(ended.text) :])
        yield worded

    def _quote(self, asked: Asked, found: Found, tried: Worded) -> Known:
        """Returns the sentences of the documents that answer, as far as the gate lets them out."""
        question = asked.text
        extract = extract_answer(question, found.passages)
        if extract is None:
            return Known(tried.instead(_not_found(asked), NOTHING_FOUND), found)
        cited = tuple(passage.text for passage in extract.passages)
        refusal = asked.speech.allowed(cited, about=question).refusal(extract.text)
        if refusal:
            own = asked.speech.payment_text() if refusal == GATE_PAYMENT_NUMBER else ""
            return Known(tried.instead(own or asked.speech.bundle.knowledge.not_found, refusal), found)
        return Known(tried.instead(extract.text, wording=Wording.EXTRACT), found, extract.passages, cacheable=True)


def _ended(ended: Ended, speech: Words) -> Worded:
    reply = ended.reply
    if reply is None:
        if not ended.text:
            return Worded("", Wording.TEMPLATE, (ended.refusal,))
        # Spoken sentences stay; the customer is told that the rest is missing.
        return Worded(
            f"{ended.text} {speech.default('cut_short')}",
            Wording.MODEL,
            (ended.refusal,),
            complete=False,
            finish_reason="content_filter",
        )
    if not ended.text:
        tokens = spent(reply, served=False)
        return Worded("", Wording.TEMPLATE, ("LLM_EMPTY",), tokens, reply.tier, reply.attempts)
    tokens = spent(reply, served=True)
    return Worded(
        ended.text, Wording.MODEL, (), tokens, reply.tier, reply.attempts, reply.complete, reply.finish_reason
    )


def _not_found(asked: Asked) -> str:
    """Returns what to say without an answer: «combien ?» alone asks for more words, one word may be none of ours."""
    speech, text = asked.speech, asked.turn.event.text
    told = set(content_words(tokens(text))) - INTERROGATIVES
    if not told:
        return speech.default("clarify")
    if served := speech.zone_served(text):
        return served
    if len(told) == 1 and not asked.decided.reading.question:
        return speech.default("not_understood")
    return speech.bundle.knowledge.not_found
