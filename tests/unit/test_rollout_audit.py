"""The audit's chain: what was written is believed, what was changed afterwards is seen."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.errors import InvalidRequest
from services.router.rollout.audit import NO_ENTRY, AuditEntry, Head, chained, is_intact
from services.router.rollout.audit_pages import audit_page
from services.router.rollout.memory_store import MemoryRolloutStore
from services.router.rollout.store import Commit


def entry(number: int, tenant: str = "") -> AuditEntry:
    return AuditEntry(
        sequence=0,
        tenant=tenant,
        at_ms=number,
        actor="ana",
        action="SetRollout",
        reason=f"n° {number}",
        before="{}",
        after="{}",
    )


def chain(count: int) -> list[AuditEntry]:
    """Newest first."""
    made: list[AuditEntry] = []
    for number in range(1, count + 1):
        made.insert(0, chained(entry(number), made[0].head if made else NO_ENTRY))
    return made


def test_a_chain_is_intact_in_whole_and_in_part() -> None:
    entries = chain(5)
    assert [each.sequence for each in entries] == [5, 4, 3, 2, 1]
    assert entries[-1].previous_hash == ""
    assert is_intact(entries, head=entries[0].head)
    assert is_intact(entries[1:3])
    assert is_intact([], head=NO_ENTRY)


@settings(deadline=None, derandomize=True)
@given(
    st.integers(0, 4),
    st.sampled_from(
        ["sequence", "tenant", "at_ms", "actor", "action", "reason", "before", "after", "previous_hash", "hash"]
    ),
)
def test_any_changed_field_of_any_entry_is_seen(index: int, name: str) -> None:
    entries = chain(5)
    value = getattr(entries[index], name)
    entries[index] = replace(entries[index], **{name: value + 1 if isinstance(value, int) else f"{value}0"})
    assert not is_intact(entries)


def test_dropped_moved_and_cut_entries_are_seen() -> None:
    entries = chain(5)
    assert not is_intact(entries[:2] + entries[3:])
    assert not is_intact([entries[1], entries[0], *entries[2:]])
    assert not is_intact(entries[1:], head=entries[0].head)
    assert not is_intact([], head=Head(3, "x"))


def test_a_changed_entry_with_a_hash_made_to_fit_breaks_the_next_link() -> None:
    entries = chain(5)
    forged = chained(replace(entries[2], reason="another"), Head(entries[3].sequence, entries[3].hash))
    assert not is_intact([*entries[:2], forged, *entries[3:]])


async def filled(tenants: list[str]) -> MemoryRolloutStore:
    store = MemoryRolloutStore(clock=lambda: 0.0)
    for number, tenant in enumerate(tenants, start=1):
        head = (await store.read("")).head
        assert await store.append(Commit(head, entry=chained(entry(number, tenant), head)))
    return store


async def test_pages_go_from_new_to_old_and_lose_none() -> None:
    store = await filled([""] * 7)
    token, seen = "", list[int]()
    for _ in range(3):
        page = await audit_page(store, "", size=3, token=token)
        assert page.is_intact
        seen += [each.sequence for each in page.entries]
        token = page.next_token
    assert (seen, token) == ([7, 6, 5, 4, 3, 2, 1], "")


async def test_a_tenants_page_is_checked_over_what_lies_between() -> None:
    store = await filled(["a", "b", "b", "a", "b", "a", "b"])
    page = await audit_page(store, "a", size=2, token="")
    assert [each.sequence for each in page.entries] == [6, 4]
    rest = await audit_page(store, "a", size=2, token=page.next_token)
    assert ([each.sequence for each in rest.entries], rest.next_token, rest.is_intact) == ([1], "", True)
    store._audit[4] = replace(store._audit[4], reason="forged")  # pyright: ignore[reportPrivateUsage]
    assert not (await audit_page(store, "a", size=2, token="")).is_intact


async def test_the_link_below_the_page_is_checked() -> None:
    store = await filled([""] * 5)
    store._audit[1] = replace(store._audit[1], reason="forged")  # pyright: ignore[reportPrivateUsage]
    assert not (await audit_page(store, "", size=3, token="")).is_intact


@pytest.mark.parametrize("token", ["0", "1", "-1", "x", "٣", "9" * 30, "null", "1 "])
async def test_tokens_that_no_page_gave_are_refused(token: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await audit_page(await filled([""]), "", size=1, token=token)
    assert refusal.value.violations[0].field == "page_token"


async def test_an_empty_audit_is_intact() -> None:
    page = await audit_page(await filled([]), "", size=0, token="")
    assert (list(page.entries), page.next_token, page.is_intact) == ([], "", True)
