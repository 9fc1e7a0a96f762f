"""How much a word tells two of a tenant's questions apart: its bits, from the questions that the tenant keeps."""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from libs.common.request_context import TenantId

Rarity = Callable[[str], float]

# Of fewer questions the shares mean little, and every word counts as rare.
MIN_QUESTIONS = 50
# Together at most some 40 MB.
_MAX_QUESTIONS = 500
_MAX_TENANTS = 300


def every_word_is_rare(_concept: str) -> float:
    """Returns that a word tells everything: two questions that differ in it are two."""
    return math.inf


class QuestionWords:
    """In how many of a tenant's latest questions each concept stands."""

    def __init__(self) -> None:
        self._questions: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def add(self, entry_id: str, concepts: Iterable[str]) -> None:
        """Counts an entry's question, once however often it is seen; of too many, the oldest is forgotten."""
        if entry_id in self._questions:
            return
        self._questions[entry_id] = kept = tuple(set(concepts))
        self._counts.update(kept)
        if len(self._questions) > _MAX_QUESTIONS:
            _, forgotten = self._questions.popitem(last=False)
            self._counts.subtract(forgotten)
            for concept in forgotten:
                if not self._counts[concept]:
                    del self._counts[concept]

    def bits(self, concept: str) -> float:
        """Returns log2(questions / questions with the concept): 1 for a word of every second question."""
        total, count = len(self._questions), self._counts[concept]
        return math.log2(total / count) if total >= MIN_QUESTIONS and count else math.inf


class Rarities:
    """The words of the tenants that this replica serves; the least recently used tenant is forgotten first."""

    def __init__(self, *, max_tenants: int = _MAX_TENANTS) -> None:
        self._max_tenants = max_tenants
        self._tenants: OrderedDict[tuple[TenantId, str], QuestionWords] = OrderedDict()

    def of(self, tenant: TenantId, language: str) -> QuestionWords:
        """Returns the words of a tenant's questions in `language`."""
        key = (tenant, language)
        words = self._tenants.setdefault(key, QuestionWords())
        self._tenants.move_to_end(key)
        if len(self._tenants) > self._max_tenants:
            self._tenants.popitem(last=False)
        return words
