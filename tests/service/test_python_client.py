"""The switch from a program: blocking and asyncio, in the words that operators know."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from libs.common.client import get_async_router, get_router
from libs.common.engine_client import get_hybrid_engine
from libs.common.status import RemoteError
from repartee.v1 import rollout_pb2
from tests.fakes.rollout_servicer import FakeRollout, FakeTenants, serving_operators
from tests.fakes.router_world import BUNDLE_YAML

METRICS = {
    "hybrid_enabled": True,
    "old_system": {"count": 150, "errors": 12, "avg_time": 2.3},
    "hybrid_system": {"count": 200, "errors": 3, "avg_time": 0.8},
    "comparison": {
        "old_error_rate": "8.0%",
        "hybrid_error_rate": "1.5%",
        "time_improvement": "+65.2%",
        "recommendation": "hybrid",
    },
}


@pytest.fixture
async def services() -> AsyncIterator[tuple[FakeRollout, FakeTenants, str]]:
    rollout, tenants = FakeRollout(), FakeTenants(BUNDLE_YAML)
    async with serving_operators(rollout, tenants) as port:
        yield rollout, tenants, f"127.0.0.1:{port}"


async def in_thread(work: Callable[[], Any]) -> Any:
    """Runs blocking code beside the server's loop."""
    return await asyncio.to_thread(work)


async def test_blocking_switch(services: tuple[FakeRollout, FakeTenants, str]) -> None:
    rollout, _, target = services

    def work() -> tuple[Any, ...]:
        with get_router(target, tenant="shop") as router:
            return (
                router.is_hybrid_enabled(),
                router.enable_hybrid(),
                router.enable_hybrid(reason="again"),
                router.is_hybrid_enabled(),
                router.toggle(),
                router.disable_hybrid(emergency=True),
                router.get_metrics("7d"),
            )

    assert await in_thread(work) == (False, True, False, True, False, False, METRICS)
    assert {each.tenant_id for each in rollout.requests} == {"shop"}
    assert all(each.reason for each in rollout.requests if hasattr(each, "reason"))
    assert rollout.requests[-1].window == "7d"


async def test_asyncio_switch(services: tuple[FakeRollout, FakeTenants, str]) -> None:
    async with get_async_router(services[2]) as router:
        assert await router.enable_hybrid()
        assert await router.is_hybrid_enabled()
        assert not await router.toggle(expected_version=2)
        assert not await router.disable_hybrid()
        assert await router.get_metrics() == METRICS
        with pytest.raises(RemoteError, match="VERSION_MISMATCH"):
            await router.toggle(expected_version=2)


async def test_refusals_are_named(services: tuple[FakeRollout, FakeTenants, str]) -> None:
    services[0].state.needs_acknowledgement = True

    def work(**fields: Any) -> bool:
        with get_router(services[2]) as router:
            return router.enable_hybrid(**fields)

    with pytest.raises(RemoteError, match="NEEDS_ACKNOWLEDGEMENT"):
        await in_thread(work)
    assert await in_thread(lambda: work(acknowledge=True))
    with pytest.raises(RemoteError, match="CREDENTIAL_UNKNOWN"):
        await in_thread(get_router(services[2], "stranger").is_hybrid_enabled)


async def test_where_and_who_come_from_the_environment(
    services: tuple[FakeRollout, FakeTenants, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPARTEE_ROUTER_TARGET", services[2])
    monkeypatch.setenv("REPARTEE_TOKEN", "dev-operator")
    services[0].change(10, rollout_pb2.SetRolloutRequest(reason="x"), "SetRollout")
    assert await in_thread(get_router().is_hybrid_enabled)


async def test_templates_are_a_mapping(services: tuple[FakeRollout, FakeTenants, str]) -> None:
    _, tenants, target = services

    def work() -> tuple[Any, ...]:
        engine = get_hybrid_engine("shop", target)
        templates = engine.fallback_templates
        before = templates["ask_zone"]
        templates["ask_zone"] = "Quelle commune ?"
        after = templates["ask_zone"]
        del templates["ask_zone"]
        found = before, after, templates["ask_zone"], "ask_photo" in templates, len(templates)
        engine.close()
        return found

    assert await in_thread(work) == ("Dans quelle commune ?", "Quelle commune ?", "Dans quelle commune ?", True, 10)
    assert tenants.templates == {"ask_zone": ""}


async def test_empty_template_is_refused_before_it_resets_one(
    services: tuple[FakeRollout, FakeTenants, str],
) -> None:
    templates = get_hybrid_engine("shop", services[2]).fallback_templates
    with pytest.raises(ValueError, match="needs words"):
        templates["ask_zone"] = " "
