"""A learned pattern, and one version of a tenant's patterns with the documents that they rest on."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any, Literal

Status = Literal["active", "candidate", "rejected"]

MIN_SUPPORT = 3
MIN_SUPPORT_SMALL = 2
# A tenant with fewer documents is a small one.
SMALL_TENANT_DOCUMENTS = 20
# Of purity, and of precision on documents held out.
MIN_PRECISION = 0.9
MAX_EXAMPLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Shown:
    """A piece of a document that a pattern found, and that document's place in the set (-1: not known)."""

    text: str
    document: int = -1


@dataclass(frozen=True, slots=True)
class LearnedPattern:
    """One pattern. `precision` is 0 to 1; `witnesses` has bit n set when document n of its set shows the pattern."""

    field: str
    expression: str
    status: Status
    support: int
    precision: float
    examples: tuple[Shown, ...] = ()
    counter_examples: tuple[Shown, ...] = ()
    witnesses: int = 0

    def without(self, gone: int, *, min_support: int) -> "LearnedPattern | None":
        """Returns the pattern without the documents whose bits are set in `gone`; None when nothing carries it."""
        if not self.witnesses & gone and not any(_rests(each, gone) for each in self.counter_examples):
            return self
        witnesses = self.witnesses & ~gone
        lost = (self.witnesses & gone).bit_count()
        support = max(0, self.support - lost)
        if lost and not witnesses:
            return None
        is_thin = self.status == "active" and support < min_support
        return replace(
            self,
            witnesses=witnesses,
            support=support,
            status="candidate" if is_thin else self.status,
            examples=tuple(each for each in self.examples if not _rests(each, gone)),
            counter_examples=tuple(each for each in self.counter_examples if not _rests(each, gone)),
        )


@dataclass(frozen=True, slots=True)
class PatternSet:
    """One version of a tenant's own patterns.

    `documents` are references of those that were read; times are seconds since 1970. A pinned set was chosen by an
    operator: it neither ages nor is replaced in the background.
    """

    patterns: tuple[LearnedPattern, ...] = ()
    documents: tuple[str, ...] = ()
    country: str = ""
    country_confidence: float = 0.0
    learned_at: float = 0.0
    fresh_until: float = 0.0
    pinned: bool = False
    # Who chose a pinned one, and why.
    actor: str = ""
    reason: str = ""

    @property
    def active(self) -> tuple[LearnedPattern, ...]:
        """The patterns that are used."""
        return tuple(pattern for pattern in self.patterns if pattern.status == "active")

    @property
    def min_support(self) -> int:
        """Documents that must show a pattern before it is used."""
        return min_support(len(self.documents))

    def without(self, document_ids: Iterable[str]) -> "PatternSet":
        """Returns the set as if these documents had never been read; itself when none of them was."""
        refs = {document_ref(document_id) for document_id in document_ids}
        gone = sum(1 << place for place, ref in enumerate(self.documents) if ref in refs)
        if not gone:
            return self
        # A rejected shape that nothing carries may still be one of a document that goes; an operator's own is none.
        carried = (pattern for pattern in self.patterns if pattern.witnesses or self.pinned)
        thinned = (pattern.without(gone, min_support=self.min_support) for pattern in carried)
        # Places stay, so that witnesses still point at the right document.
        documents = tuple("" if ref in refs else ref for ref in self.documents)
        return replace(self, patterns=tuple(each for each in thinned if each is not None), documents=documents)

    def to_json(self) -> bytes:
        """Returns the set as canonical JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "PatternSet":
        """Returns the set that `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        fields["patterns"] = tuple(_pattern(each) for each in fields["patterns"])
        fields["documents"] = tuple(fields["documents"])
        return cls(**fields)


def min_support(document_count: int) -> int:
    """Returns how many documents must show a pattern, for a tenant with that many: 3, or 2 under 20 documents."""
    return MIN_SUPPORT_SMALL if document_count < SMALL_TENANT_DOCUMENTS else MIN_SUPPORT


def document_ref(document_id: str) -> str:
    """Returns a short reference of a document's id; it does not tell the id."""
    return blake2b(document_id.encode(), digest_size=8).hexdigest()


def shown(text: str, document: int) -> Shown:
    """Returns a piece of a document for people: one line, no control characters, at most 80 characters."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return Shown(line[:MAX_EXAMPLE_CHARACTERS], document)


def _rests(each: Shown, gone: int) -> bool:
    return each.document >= 0 and bool(gone >> each.document & 1)


def _pattern(fields: dict[str, Any]) -> LearnedPattern:
    for name in ("examples", "counter_examples"):
        pieces: Sequence[dict[str, Any]] = fields[name]
        fields[name] = tuple(Shown(**piece) for piece in pieces)
    return LearnedPattern(**fields)
