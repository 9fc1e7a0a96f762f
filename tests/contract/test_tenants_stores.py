"""Every keeper of tenants behaves the same: memory, a folder, and a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from libs.common.errors import Conflict, Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.file_source import FileTenantStore
from libs.common.tenants.memory_source import MemoryTenantStore
from libs.common.tenants.open_store import open_tenant_store
from libs.common.tenants.overrides import Overrides
from libs.common.tenants.redis_source import RedisTenantStore
from libs.common.tenants.stored import TenantStore
from libs.common.tenants.validation import parse_bundle
from tests.fakes.router_world import BUNDLE_YAML
from tests.unit.test_tenants_bundle import MINIMAL

SHOP, OTHER = TenantId("my-shop"), TenantId("other-shop")
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


async def soon(_seconds: float) -> None:
    """Waiting that takes no time, so that a watch looks again at once."""
    await asyncio.sleep(0.001)


@pytest.fixture(params=["memory", "file", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TenantStore]:
    if request.param == "memory":
        yield MemoryTenantStore(now=lambda: NOW)
    elif request.param == "file":
        yield FileTenantStore(tmp_path / "tenants", now=lambda: NOW, wait=soon)
    else:
        redis = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=2.0)
        yield RedisTenantStore(redis, now=lambda: NOW, wait=soon)
        await redis.aclose()


async def put(store: TenantStore, text: str, tenant: TenantId = SHOP, expected: int = 0) -> tuple[int, bool]:
    outcome = await store.put(tenant, text, actor="ana", reason="why", expected_version=expected)
    return outcome.stored.version, outcome.changed


async def test_what_is_put_is_fetched(store: TenantStore) -> None:
    assert await store.fetch(SHOP) is None
    outcome = await store.put(SHOP, "name: Été 📦\n", actor="ana", reason="première")
    assert await store.fetch(SHOP) == outcome.stored
    assert (outcome.stored.version, outcome.changed) == (1, True)
    assert (outcome.stored.actor, outcome.stored.reason) == ("ana", "première")
    assert outcome.stored.update_time == NOW


async def test_versions_grow_by_one_and_the_same_text_changes_nothing(store: TenantStore) -> None:
    assert await put(store, "a") == (1, True)
    assert await put(store, "b") == (2, True)
    assert await put(store, "b") == (2, False)


async def test_only_the_expected_version_is_replaced(store: TenantStore) -> None:
    await put(store, "a")
    assert await put(store, "b", expected=1) == (2, True)
    with pytest.raises(Conflict) as conflict:
        await put(store, "c", expected=1)
    assert conflict.value.reason == "VERSION_MISMATCH"
    assert conflict.value.metadata["actual_version"] == "2"
    with pytest.raises(Conflict):
        await put(store, "c", OTHER, expected=1)
    kept = await store.fetch(SHOP)
    assert kept is not None
    assert kept.bundle_yaml == "b"


async def test_of_concurrent_changes_of_one_version_one_wins(store: TenantStore) -> None:
    await put(store, "a")
    results = await asyncio.gather(*(put(store, f"b{n}", expected=1) for n in range(8)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert all(isinstance(result, Conflict | tuple) for result in results)


async def test_a_deleted_tenant_is_gone_and_its_versions_are_not_used_again(store: TenantStore) -> None:
    await put(store, "a")
    assert await store.delete(SHOP, actor="ana", reason="why")
    assert not await store.delete(SHOP, actor="ana", reason="why")
    assert await store.fetch(SHOP) is None
    assert await store.list_tenants() == []
    with pytest.raises(Conflict):
        await put(store, "a", expected=1)
    version, was_changed = await put(store, "a")
    assert was_changed
    assert version == 3


async def test_tenants_are_listed_by_id_page_by_page(store: TenantStore) -> None:
    for number in (3, 1, 2):
        await put(store, f"text {number}", TenantId(f"shop-{number}"))
    first = await store.list_tenants(limit=2)
    rest = await store.list_tenants(after=first[-1].tenant, limit=2)
    assert [stored.tenant for stored in (*first, *rest)] == ["shop-1", "shop-2", "shop-3"]


async def test_a_watcher_first_hears_that_it_listens_then_of_each_change(store: TenantStore) -> None:
    await put(store, "before")
    async with asyncio.timeout(10), aclosing(cast("Any", store.watch())) as changes:
        assert await anext(changes) is None
        await put(store, "after")
        assert await anext(changes) == SHOP
        await put(store, "new", OTHER)
        assert await anext(changes) == OTHER
        await store.delete(SHOP, actor="ana", reason="why")
        assert await anext(changes) == SHOP


async def test_a_directory_follows_the_store(store: TenantStore) -> None:
    await put(store, MINIMAL)
    async with asyncio.timeout(10), TenantDirectory(store, wait=soon) as directory:
        assert (await directory.get(SHOP)).name == "My Shop"
        await put(store, MINIMAL.replace("My Shop", "New Name"))
        while (await directory.get(SHOP)).name != "New Name":
            await soon(0)


async def test_overrides_are_a_version_beside_the_bundle(store: TenantStore) -> None:
    await put(store, "a")
    assert await store.override(SHOP, '{"x": "é"}', actor="bea", reason="wording", expected_version=1) == 2
    kept = await store.fetch(SHOP)
    assert kept is not None
    assert (kept.version, kept.bundle_yaml, kept.overrides) == (2, "a", '{"x": "é"}')
    assert (kept.actor, kept.reason, kept.update_time) == ("bea", "wording", NOW)
    assert await store.override(SHOP, '{"x": "é"}', actor="bea", reason="again", expected_version=2) == 2
    # A bundle that is put leaves them as they are.
    outcome = await store.put(SHOP, "b", actor="ana", reason="why", expected_version=2)
    assert (outcome.stored.version, outcome.stored.overrides) == (3, '{"x": "é"}')
    assert await store.fetch(SHOP) == outcome.stored
    assert await store.override(SHOP, "", actor="bea", reason="reset", expected_version=3) == 4
    reset = await store.fetch(SHOP)
    assert reset is not None
    assert reset.overrides == ""


async def test_no_overrides_are_no_change_of_a_bundle_without_any(store: TenantStore) -> None:
    await put(store, "a")
    assert await store.override(SHOP, "", actor="bea", reason="reset", expected_version=1) == 1


async def test_overrides_need_the_version_they_were_made_for(store: TenantStore) -> None:
    for expected in (1, 2):
        with pytest.raises(Conflict) as conflict:
            await store.override(SHOP, "{}", actor="bea", reason="why", expected_version=expected)
        assert conflict.value.metadata["actual_version"] == ("0" if expected == 1 else "1")
        await put(store, "a")
    results = await asyncio.gather(
        *(store.override(SHOP, f"{n}", actor="bea", reason="why", expected_version=1) for n in range(8)),
        return_exceptions=True,
    )
    assert sorted(result for result in results if isinstance(result, int)) == [2]


async def test_a_deleted_tenant_leaves_no_overrides_to_the_next(store: TenantStore) -> None:
    await put(store, "a")
    await store.override(SHOP, "{}", actor="bea", reason="why", expected_version=1)
    await store.delete(SHOP, actor="ana", reason="why")
    assert (await put(store, "a"))[0] == 4
    kept = await store.fetch(SHOP)
    assert kept is not None
    assert kept.overrides == ""


async def test_lists_have_names_and_no_bundles(store: TenantStore) -> None:
    await store.put(SHOP, "a", actor="ana", reason="why", name="Le Magasin")
    (listed,) = await store.list_tenants()
    assert (listed.tenant, listed.version, listed.name, listed.bundle_yaml) == (SHOP, 1, "Le Magasin", "")
    assert (listed.actor, listed.update_time) == ("ana", NOW)
    fetched = await store.fetch(SHOP)
    assert fetched is not None
    assert (fetched.name, fetched.bundle_yaml) == ("Le Magasin", "a")


async def test_a_directory_serves_the_bundle_with_its_overrides(store: TenantStore) -> None:
    tenant, bundle = TenantId("shop"), parse_bundle(BUNDLE_YAML)
    await put(store, BUNDLE_YAML, tenant)
    async with asyncio.timeout(10), TenantDirectory(store, wait=soon) as directory:
        assert (await directory.get(tenant)).templates["ask_zone"] == "Dans quelle commune ?"
        overrides = Overrides().with_template(bundle, action="ask_zone", text="Où ça ?")
        await store.override(tenant, overrides.to_json(), actor="bea", reason="shorter", expected_version=1)
        while (await directory.get(tenant)).templates["ask_zone"] != "Où ça ?":
            await soon(0)


async def test_overrides_that_do_not_fit_or_cannot_be_read_never_cost_the_tenant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, tenant = MemoryTenantStore(), TenantId("shop")
    await put(store, BUNDLE_YAML, tenant)
    unfit = Overrides(templates={"": {"ask_size": "Taille ?", "ask_zone": "Où ça ?"}})
    await store.override(tenant, unfit.to_json(), actor="bea", reason="why", expected_version=1)
    async with TenantDirectory(store, wait=soon) as directory:
        assert (await directory.get(tenant)).templates["ask_zone"] == "Où ça ?"
        assert "overrides.templates.fr.ask_size is left out" in caplog.text
    await store.override(tenant, "{broken", actor="bea", reason="why", expected_version=2)
    async with TenantDirectory(store, wait=soon) as directory:
        assert (await directory.get(tenant)).templates["ask_zone"] == "Dans quelle commune ?"


async def test_overrides_edited_by_hand_count_as_one_version_more(tmp_path: Path) -> None:
    store = FileTenantStore(tmp_path)
    await put(store, "a")
    (tmp_path / SHOP / "overrides.json").write_text("{}", encoding="utf-8")
    edited = await store.fetch(SHOP)
    assert edited is not None
    assert (edited.version, edited.overrides, edited.actor) == (2, "{}", "file")


async def test_a_file_edited_by_hand_counts_as_one_version_more(tmp_path: Path) -> None:
    store = FileTenantStore(tmp_path)
    await put(store, "a")
    (tmp_path / SHOP / "tenant.yaml").write_text("edited", encoding="utf-8")
    edited = await store.fetch(SHOP)
    assert edited is not None
    assert (edited.version, edited.bundle_yaml, edited.actor) == (2, "edited", "file")
    assert await put(store, "b", expected=2) == (3, True)


async def test_a_folder_that_was_never_put_is_read(tmp_path: Path) -> None:
    (tmp_path / SHOP).mkdir()
    (tmp_path / SHOP / "tenant.yaml").write_text("copied", encoding="utf-8")
    (tmp_path / "not a tenant").mkdir()
    store = FileTenantStore(tmp_path)
    assert [(stored.tenant, stored.version) for stored in await store.list_tenants()] == [(SHOP, 1)]


async def test_a_folder_that_cannot_be_used_is_a_store_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / SHOP).mkdir()
    (tmp_path / SHOP / "tenant.yaml").write_bytes(b"\xff\xfe")
    store = FileTenantStore(tmp_path)
    with pytest.raises(Unavailable) as fault:
        await store.fetch(SHOP)
    assert fault.value.reason == "STORE_UNAVAILABLE"
    (tmp_path / "plain-file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable):
        await put(FileTenantStore(tmp_path / "plain-file"), "a")


async def test_redis_that_is_not_there_is_a_store_that_does_not_answer(tmp_path: Path) -> None:
    redis = RedisStore.connect(f"unix://{tmp_path}/none")
    with pytest.raises(Unavailable) as fault:
        await RedisTenantStore(redis).fetch(SHOP)
    assert fault.value.reason == "STORE_UNAVAILABLE"
    await redis.aclose()


def test_settings_choose_the_store(tmp_path: Path) -> None:
    class Settings:
        def __init__(self, state_dir: Path | None) -> None:
            self.state_dir = state_dir

    redis = RedisStore.connect("redis://127.0.0.1:1")
    assert isinstance(open_tenant_store(Settings(tmp_path), redis), RedisTenantStore)
    assert isinstance(open_tenant_store(Settings(tmp_path), None), FileTenantStore)
    assert isinstance(open_tenant_store(Settings(None), None), MemoryTenantStore)
