"""The tenants' vectors in memory."""

import numpy as np

from libs.common.request_context import TenantId
from services.cache.entries import Row, Vector, decode_entry, decode_row, encode_row
from services.cache.store import Policy
from services.cache.tenant_index import TenantIndex, TenantIndexes, Verdict

A, B = TenantId("tenant-a"), TenantId("tenant-b")


def unit(*values: float) -> Vector:
    vector = np.array(values, dtype=np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def row(entry_id: str, vector: Vector | None, *, scope: str = "s", epoch: int = 0, expires_at: float = 100.0) -> Row:
    return Row(entry_id, scope, epoch, expires_at, ("doc",), vector)


def found(index: TenantIndex, vector: Vector, *, scope: str = "s", epoch: int = 0, now: float = 0.0) -> list[str]:
    return [entry_id for entry_id, _ in index.search(scope, vector, count=5, epoch=epoch, now=now)]


def test_best_first_within_the_scope() -> None:
    index = TenantIndex()
    for number in range(40):
        index.put(row(f"e{number}", unit(1.0, number / 10)))
    index.put(row("elsewhere", unit(1.0, 0.0), scope="other"))
    assert found(index, unit(1.0, 0.0)) == ["e0", "e1", "e2", "e3", "e4"]


def test_expired_and_outdated_rows_do_not_crowd_out_current_ones() -> None:
    index = TenantIndex()
    for number in range(10):
        index.put(row(f"old{number}", unit(1.0, 0.0), epoch=1))
        index.put(row(f"expired{number}", unit(1.0, 0.0), epoch=2, expires_at=5.0))
    index.put(row("current", unit(1.0, 0.5), epoch=2))
    assert found(index, unit(1.0, 0.0), epoch=2, now=10.0) == ["current"]
    assert len(index) == 1


def test_replacing_and_dropping_keep_positions_right() -> None:
    index = TenantIndex()
    for name, y in (("a", 0.0), ("b", 1.0), ("c", 2.0)):
        index.put(row(name, unit(1.0, y)))
    index.put(row("a", unit(0.0, 1.0)))
    index.drop("b")
    index.drop("never-there")
    assert found(index, unit(0.0, 1.0)) == ["a", "c"]


def test_the_tenant_asked_for_longest_ago_goes_first() -> None:
    indexes = TenantIndexes(max_bytes=7500)
    indexes.load(A, version=1, is_whole=True, rows=[row("a", unit(1.0, 0.0))], gone=())
    rows = [row(f"b{number}", unit(1.0, 0.0)) for number in range(9)]
    indexes.load(B, version=1, is_whole=True, rows=rows, gone=())
    assert indexes.of(A).version is None
    assert indexes.of(B).version == 1


def test_tenants_that_were_only_asked_for_count_too() -> None:
    indexes = TenantIndexes(max_bytes=20_000)
    for number in range(1000):
        indexes.of(TenantId(f"tenant-{number}"))
    assert len(indexes._indexes) < 40


def test_verdicts_are_bounded_by_tenant_and_count_as_memory() -> None:
    indexes = TenantIndexes(max_bytes=1 << 20)
    indexes.load(A, version=1, is_whole=True, rows=[row("a", unit(1.0, 0.0))], gone=())
    policy = Policy()
    for number in range(5000):
        indexes.remember(B, f"key-{number}", Verdict("b", "?", 0.9, policy))
    assert indexes.of(B).recall("key-3999") is None
    assert indexes.of(B).recall("key-4999") is not None
    assert indexes.of(B).size_bytes > 400_000
    assert indexes.of(A).version == 1


def test_a_whole_load_takes_no_more_room_than_it_needs_and_can_grow() -> None:
    index = TenantIndex()
    index.replace_all([row(f"e{number}", unit(1.0, number / 10)) for number in range(7)])
    assert index._matrices["s"].values.shape == (7, 2)
    index.put(row("more", unit(0.0, 1.0)))
    assert found(index, unit(0.0, 1.0))[0] == "more"
    index.replace_all([row("only", unit(1.0, 0.0))])
    assert found(index, unit(0.0, 1.0)) == ["only"]


def test_a_row_survives_its_encoding_within_16_bit_floats() -> None:
    vector = unit(*np.random.default_rng(1).normal(size=512))
    read_back = decode_row("e", encode_row(row("e", vector, scope="agent\nfr\nid", epoch=7, expires_at=12.5)))
    assert read_back is not None
    assert read_back.vector is not None
    assert float(read_back.vector @ vector) > 0.9999
    assert (read_back.scope, read_back.knowledge_epoch, read_back.document_ids) == ("agent\nfr\nid", 7, ("doc",))


def test_unreadable_values_are_absent() -> None:
    assert decode_row("e", b"\x00") is None
    assert decode_row("e", b"\x02\x00{}") is None
    assert decode_entry("e", b"nonsense") is None
    assert decode_entry("e", b"[1,2]") is None
