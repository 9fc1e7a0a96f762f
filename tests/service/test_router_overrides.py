"""Templates and canned replies changed while the router runs, over the wire."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.server import Registration, running_server
from libs.common.settings import ServiceSettings
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.redis_source import RedisTenantStore
from repartee.v1 import tenants_pb2, tenants_pb2_grpc
from services.router.admin.tenants import TenantServicer
from tests.fakes.router_world import BUNDLE_YAML
from tests.service.test_router import CLIENT, OPERATOR, refused

SHOP = TenantId("shop")
NOW = 1_800_000_000
REPLACE = tenants_pb2.AddRepliesRequest.MODE_REPLACE
INVALID = grpc.StatusCode.INVALID_ARGUMENT


class Stack:
    """The service of tenants alone, on a real Redis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.tenants: Any = tenants_pb2_grpc.TenantServiceStub(channel)

    async def put_shop(self, bundle: str = BUNDLE_YAML, **fields: Any) -> tenants_pb2.PutTenantResponse:
        request = tenants_pb2.PutTenantRequest(tenant_id="shop", bundle_yaml=bundle, reason="test", **fields)
        return await self.tenants.PutTenant(request, metadata=OPERATOR)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisTenantStore]:
    redis = RedisStore.connect(redis_url, timeout_seconds=2.0)
    yield RedisTenantStore(redis)
    await redis.aclose()


@pytest.fixture
async def stack(store: RedisTenantStore) -> AsyncIterator[Stack]:
    served = Registration(
        tenants_pb2.DESCRIPTOR.services_by_name["TenantService"],
        tenants_pb2_grpc.add_TenantServiceServicer_to_server,
        TenantServicer(store, clock=lambda: float(NOW)),
    )
    async with (
        running_server(ServiceSettings(port=0), name="router", registrations=[served]) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        running_one = Stack(channel)
        await running_one.put_shop()
        yield running_one


async def set_template(stack: Stack, *, metadata: Any = OPERATOR, **fields: Any) -> int:
    request = tenants_pb2.SetTemplateRequest(
        **{"tenant_id": "shop", "action": "ask_zone", "text": "Où ça ?", "reason": "shorter", **fields}
    )
    return (await stack.tenants.SetTemplate(request, metadata=metadata)).version


async def add_replies(stack: Stack, *replies: str, **fields: Any) -> tenants_pb2.AddRepliesResponse:
    request = tenants_pb2.AddRepliesRequest(
        **{"tenant_id": "shop", "intent": "greetings", "replies": replies, "reason": "warmer", **fields}
    )
    return await stack.tenants.AddReplies(request, metadata=OPERATOR)


async def test_change_is_a_version_with_its_actor_and_in_force(stack: Stack, store: RedisTenantStore) -> None:
    assert await set_template(stack) == 2
    added = await add_replies(stack, "Bonjour à vous !", "x" * 200)
    assert added.version == 3
    assert list(added.warnings) == ["replies[1] has 200 characters; below 200 reads better on a phone."]
    async with TenantDirectory(store) as directory:
        bundle = await directory.get(SHOP)
    assert bundle.templates["ask_zone"] == "Où ça ?"
    assert bundle.replies["greetings"] == ("Bonjour à vous !", "x" * 200)
    got = await stack.tenants.GetTenant(tenants_pb2.GetTenantRequest(tenant_id="shop"), metadata=OPERATOR)
    assert (got.tenant.version, got.tenant.bundle_yaml, got.tenant.actor) == (3, BUNDLE_YAML, "dev-operator")
    kept = await store.fetch(SHOP)
    assert kept is not None
    assert kept.reason == "warmer"


async def test_what_is_set_is_shown_with_who_set_it_when_and_why(stack: Stack) -> None:
    await set_template(stack)
    await add_replies(stack, "Bonjour à vous !")
    await add_replies(stack, "Bienvenue ici !", intent="thanks", mode=REPLACE, reason="colder")
    # The same once more is no change, and keeps who made it.
    assert await set_template(stack, reason="again", metadata=OPERATOR) == 4
    await stack.put_shop(BUNDLE_YAML.replace("name: La Boutique\n", "name: Le Magasin\n", 1))
    got = await stack.tenants.GetTenant(tenants_pb2.GetTenantRequest(tenant_id="shop"), metadata=OPERATOR)
    (template,) = got.templates
    assert (template.action, template.locale, template.text) == ("ask_zone", "", "Où ça ?")
    change = template.change
    assert (change.actor, change.reason, change.version) == ("dev-operator", "shorter", 2)
    assert change.time.seconds == NOW
    assert [(each.intent, each.replaces, list(each.replies), each.change.version) for each in got.replies] == [
        ("greetings", False, ["Bonjour à vous !"], 3),
        ("thanks", True, ["Bienvenue ici !"], 4),
    ]
    assert await set_template(stack, text="") == 6
    got = await stack.tenants.GetTenant(tenants_pb2.GetTenantRequest(tenant_id="shop"), metadata=OPERATOR)
    assert (len(got.templates), len(got.replies)) == (0, 2)


async def test_what_an_earlier_version_kept_is_shown_without_who_set_it(stack: Stack, store: RedisTenantStore) -> None:
    kept = '{"replies": {}, "templates": {"": {"ask_zone": "Où ça ?"}}}'
    await store.override(SHOP, kept, actor="ana", reason="before", expected_version=1)
    got = await stack.tenants.GetTenant(tenants_pb2.GetTenantRequest(tenant_id="shop"), metadata=OPERATOR)
    assert (got.templates[0].text, got.templates[0].HasField("change")) == ("Où ça ?", False)


async def test_replace_throws_away_and_an_empty_text_resets(stack: Stack, store: RedisTenantStore) -> None:
    await add_replies(stack, "Bonjour à vous !")
    await add_replies(stack, "Bienvenue ici !", mode=REPLACE)
    await set_template(stack)
    assert await set_template(stack, text="") == 5
    async with TenantDirectory(store) as directory:
        bundle = await directory.get(SHOP)
    assert (bundle.replies["greetings"], bundle.templates["ask_zone"]) == (
        ("Bienvenue ici !",),
        "Dans quelle commune ?",
    )


async def test_mistakes_are_refused_and_change_nothing(stack: Stack, store: RedisTenantStore) -> None:
    assert await refused(set_template(stack, action="ask_size")) == (INVALID, "BUNDLE_INVALID")
    assert await refused(set_template(stack, text="{amont}")) == (INVALID, "BUNDLE_INVALID")
    assert await refused(set_template(stack, locale="en")) == (INVALID, "BUNDLE_INVALID")
    assert await refused(set_template(stack, reason="")) == (INVALID, "REQUIRED_FIELD")
    assert await refused(add_replies(stack, "court")) == (INVALID, "REPLY_LENGTH")
    assert await refused(add_replies(stack, "x" * 500)) == (INVALID, "REPLY_LENGTH")
    assert await refused(add_replies(stack, "Bonjour à vous !", intent="Bon jour")) == (INVALID, "INVALID_FIELD")
    assert await refused(add_replies(stack)) == (INVALID, "REQUIRED_FIELD")
    missing = (grpc.StatusCode.NOT_FOUND, "TENANT_NOT_FOUND")
    assert await refused(set_template(stack, tenant_id="nobody")) == missing
    denied = (grpc.StatusCode.PERMISSION_DENIED, "OPERATOR_ONLY")
    assert await refused(set_template(stack, metadata=CLIENT)) == denied
    kept = await store.fetch(SHOP)
    assert kept is not None
    assert (kept.version, kept.overrides) == (1, "")


async def test_bundle_that_has_no_place_for_what_is_set_beside_it_is_refused(
    stack: Stack, store: RedisTenantStore
) -> None:
    await set_template(stack, action="invalid_zone", text="Hors zone : {zones}.")
    without = BUNDLE_YAML.replace("name: zone,", "name: lieu,").replace("  invalid_zone:", "  invalid_lieu:")
    without = without.replace("  zone: Dites", "  lieu: Dites")
    assert await refused(stack.put_shop(without)) == (INVALID, "BUNDLE_INVALID")
    assert await refused(stack.put_shop(without, validate_only=True)) == (INVALID, "BUNDLE_INVALID")
    await set_template(stack, action="invalid_zone", text="")
    assert (await stack.put_shop(without)).tenant.version == 4


async def test_bundle_that_is_put_anew_keeps_what_is_set_beside_it(stack: Stack, store: RedisTenantStore) -> None:
    await set_template(stack)
    await stack.put_shop(BUNDLE_YAML.replace("name: La Boutique\n", "name: Le Magasin\n", 1))
    async with TenantDirectory(store) as directory:
        bundle = await directory.get(SHOP)
    assert (bundle.name, bundle.templates["ask_zone"]) == ("Le Magasin", "Où ça ?")
