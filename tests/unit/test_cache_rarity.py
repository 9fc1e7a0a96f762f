"""How common a tenant's words are: shares of distinct questions, per tenant, bounded."""

import math

from libs.common.request_context import TenantId
from services.cache.rarity import MIN_QUESTIONS, QuestionWords, Rarities


def filled(count: int) -> QuestionWords:
    words = QuestionWords()
    for at in range(count):
        words.add(f"e{at}", {"hotel", f"word{at}"} if at % 2 else {"hotel", "chambre"})
    return words


def test_bits_are_the_logarithm_of_the_share() -> None:
    words = filled(64)
    assert words.bits("hotel") == 0.0
    assert words.bits("chambre") == 1.0
    assert words.bits("word1") == 6.0
    assert words.bits("never") == math.inf


def test_of_a_few_questions_every_word_is_rare() -> None:
    assert filled(MIN_QUESTIONS - 1).bits("hotel") == math.inf


def test_a_question_counts_once_however_often_it_is_seen() -> None:
    words = filled(64)
    for _ in range(1000):
        words.add("e1", {"hotel", "word1"})
    assert words.bits("word1") == 6.0


def test_the_oldest_questions_are_forgotten() -> None:
    words = filled(64)
    for at in range(500):
        words.add(f"later{at}", {"piscine"})
    assert words.bits("piscine") == 0.0
    assert words.bits("hotel") == math.inf


def test_tenants_and_languages_are_apart_and_the_oldest_tenant_is_forgotten() -> None:
    rarities = Rarities(max_tenants=2)
    for at in range(MIN_QUESTIONS):
        rarities.of(TenantId("a"), "fr").add(f"e{at}", {"hotel"})
    assert rarities.of(TenantId("a"), "fr").bits("hotel") == 0.0
    assert rarities.of(TenantId("a"), "en").bits("hotel") == math.inf
    assert rarities.of(TenantId("b"), "fr").bits("hotel") == math.inf
    assert rarities.of(TenantId("a"), "fr").bits("hotel") == math.inf
