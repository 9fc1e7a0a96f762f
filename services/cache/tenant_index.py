"""Vectors of the tenants that this replica serves: one exact matrix per tenant and scope, bounded in bytes."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from libs.common.request_context import TenantId
from services.cache.entries import Row, Vector
from services.cache.store import Policy

# Most tenants keep few answers, and there may be ten thousand of them: a matrix has little room to spare.
_FIRST_CAPACITY = 4
# Of a row's objects beside its vector, and of a verdict: measured with tracemalloc on rows of one document.
_ROW_OVERHEAD_BYTES = 650
_VERDICT_BYTES = 450
_MAX_VERDICTS = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was verified once: that the answer to `stored` may serve another wording, at `score`, under `policy`.

    It rests on the two questions and the policy alone, so it holds as long as an entry with that question is there.
    """

    entry_id: str
    stored: str
    score: float
    policy: Policy


@dataclass(slots=True)
class _Matrix:
    """Unit rows, in an array that grows by half when it is full."""

    values: Vector
    entry_ids: list[str] = field(default_factory=list[str])

    @classmethod
    def of(cls, dimensions: int, *, capacity: int) -> "_Matrix":
        return cls(np.empty((max(capacity, _FIRST_CAPACITY), dimensions), dtype=np.float32))

    def append(self, entry_id: str, vector: Vector) -> int:
        count = len(self.entry_ids)
        if count == len(self.values):
            self.values = np.concatenate([self.values, np.empty_like(self.values[: count // 2])])
        self.values[count] = vector
        self.entry_ids.append(entry_id)
        return count

    def remove(self, position: int) -> str | None:
        """Returns the entry that moved to `position`, if one did."""
        last = self.entry_ids.pop()
        if position == len(self.entry_ids):
            return None
        self.values[position] = self.values[len(self.entry_ids)]
        self.entry_ids[position] = last
        return last


class TenantIndex:
    """One tenant's rows. `version` is the store's version that they show; None before the first load."""

    def __init__(self) -> None:
        self.version: int | None = None
        self._rows: dict[str, Row] = {}
        self._positions: dict[str, int] = {}
        self._matrices: dict[str, _Matrix] = {}
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def size_bytes(self) -> int:
        """Bytes held, roughly."""
        matrices = sum(m.values.nbytes for m in self._matrices.values())
        return matrices + _ROW_OVERHEAD_BYTES * (1 + len(self._rows)) + _VERDICT_BYTES * len(self._verdicts)

    def replace_all(self, rows: Sequence[Row]) -> None:
        """Forgets every row and holds `rows`, in matrices without spare room."""
        self._rows.clear()
        self._positions.clear()
        self._matrices.clear()
        scopes = Counter(row.scope for row in rows if row.vector is not None)
        for row in rows:
            self.put(row, expected=scopes[row.scope])

    def recall(self, key: str) -> Verdict | None:
        """Returns what was verified for the question of `key`, if that is still remembered."""
        return self._verdicts.get(key)

    def remember(self, key: str, verdict: Verdict) -> None:
        """Remembers a verdict; of a tenant that has too many, the oldest goes."""
        self._verdicts[key] = verdict
        if len(self._verdicts) > _MAX_VERDICTS:
            self._verdicts.popitem(last=False)

    def put(self, row: Row, *, expected: int = 0) -> None:
        """Adds `row`, or replaces the row of the same entry. `expected` rows of its scope will come in all."""
        self.drop(row.entry_id)
        vector = row.vector
        if vector is not None:
            matrix = self._matrices.get(row.scope)
            if matrix is None:
                matrix = self._matrices[row.scope] = _Matrix.of(len(vector), capacity=expected)
            if len(vector) != matrix.values.shape[1]:
                return
            self._positions[row.entry_id] = matrix.append(row.entry_id, vector)
        # The matrix holds the vector now; the row keeps the rest.
        self._rows[row.entry_id] = Row(
            row.entry_id, row.scope, row.knowledge_epoch, row.expires_at, row.document_ids, None
        )

    def drop(self, entry_id: str) -> None:
        """Forgets one row, if it is there."""
        row = self._rows.pop(entry_id, None)
        position = self._positions.pop(entry_id, None)
        if row is None or position is None:
            return
        moved = self._matrices[row.scope].remove(position)
        if moved is not None:
            self._positions[moved] = position

    def search(self, scope: str, vector: Vector, *, count: int, epoch: int, now: float) -> list[tuple[str, float]]:
        """Returns up to `count` (entry id, cosine) of `scope`, best first: current rows only, others are dropped."""
        matrix = self._matrices.get(scope)
        if matrix is None or len(vector) != matrix.values.shape[1]:
            return []
        while matrix.entry_ids:
            held = len(matrix.entry_ids)
            scores = matrix.values[:held] @ vector
            best = np.argpartition(scores, -count)[-count:] if held > count else np.arange(held)
            ranked = cast("list[int]", best[np.argsort(-scores[best])].tolist())
            found = [(matrix.entry_ids[at], float(scores[at])) for at in ranked]
            outdated = [entry_id for entry_id, _ in found if not self._is_current(entry_id, epoch, now)]
            if not outdated:
                return found
            for entry_id in [e for e in matrix.entry_ids if not self._is_current(e, epoch, now)]:
                self.drop(entry_id)
        return []

    def citing(self, document_id: str) -> list[str]:
        """Returns the entries that rest on a document."""
        return [entry_id for entry_id, row in self._rows.items() if document_id in row.document_ids]

    def near(self, vector: Vector, *, embedder_id: str, floor: float) -> Iterator[str]:
        """Yields the entries, of every agent and language, whose question has a cosine of at least `floor`."""
        for scope, matrix in self._matrices.items():
            if scope.endswith(f"\n{embedder_id}") and matrix.values.shape[1] == len(vector):
                scores = matrix.values[: len(matrix.entry_ids)] @ vector
                yield from (matrix.entry_ids[i] for i in np.flatnonzero(scores >= floor))

    def voices(self) -> set[tuple[str, str]]:
        """Returns the (agent, language) pairs that entries were kept for."""
        return {(agent, language) for agent, language, _ in (row.scope.split("\n") for row in self._rows.values())}

    def _is_current(self, entry_id: str, epoch: int, now: float) -> bool:
        row = self._rows[entry_id]
        return row.knowledge_epoch == epoch and row.expires_at > now


class TenantIndexes:
    """The indexes in memory, at most about `max_bytes` of them; one that was let go is loaded again when asked for."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._indexes: OrderedDict[TenantId, TenantIndex] = OrderedDict()
        self._sizes: dict[TenantId, int] = {}
        self._total_bytes = 0

    @property
    def entries(self) -> int:
        """Rows of all tenants in memory."""
        return sum(map(len, self._indexes.values()))

    @property
    def total_bytes(self) -> int:
        """Bytes held, roughly."""
        return self._total_bytes

    def of(self, tenant: TenantId) -> TenantIndex:
        """Returns the tenant's index, empty and without version when it is not in memory."""
        index = self._indexes.get(tenant)
        if index is None:
            index = self._indexes[tenant] = TenantIndex()
            self._account(tenant, index)
        else:
            self._indexes.move_to_end(tenant)
        return index

    def load(self, tenant: TenantId, *, version: int, is_whole: bool, rows: Sequence[Row], gone: Iterable[str]) -> None:
        """Brings the tenant's index to `version`, and lets the least recently used tenants go when memory is short."""
        index = self.of(tenant)
        if is_whole:
            index.replace_all(rows)
        else:
            for entry_id in gone:
                index.drop(entry_id)
            for row in rows:
                index.put(row)
        index.version = version
        self._account(tenant, index)

    def remember(self, tenant: TenantId, key: str, verdict: Verdict) -> None:
        """Remembers a verdict of the tenant, within the same limit of memory."""
        index = self.of(tenant)
        index.remember(key, verdict)
        self._account(tenant, index)

    def _account(self, tenant: TenantId, index: TenantIndex) -> None:
        size = index.size_bytes
        self._total_bytes += size - self._sizes.get(tenant, 0)
        self._sizes[tenant] = size
        while self._total_bytes > self._max_bytes and len(self._indexes) > 1:
            oldest, _ = self._indexes.popitem(last=False)
            self._total_bytes -= self._sizes.pop(oldest)
