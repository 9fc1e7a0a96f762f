"""Every check of the preflight passes on a stack that is ready, and fails on one that is not."""

import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterator

import pytest
import redis
from typer.testing import CliRunner

import tools.preflight as command
from libs.common.channel import ClientTls
from repartee.v1 import common_pb2, engine_pb2, rollout_pb2
from tests.fakes.preflight_breakages import BREAKAGES
from tests.fakes.preflight_world import TENANT, World, preflight_world
from tools.cli import app
from tools.preflight import Finding, examine, find
from tools.preflight_installation import INSTALLATION_CHECKS
from tools.preflight_site import Site
from tools.preflight_stack import STACK_CHECKS
from tools.preflight_tenant import TENANT_CHECKS

CHECKS: list[tuple[str, str, Callable[[Site], Awaitable[str]]]] = [
    *((name, "", check) for name, check in STACK_CHECKS.items()),
    *((name, TENANT, check) for name, check in TENANT_CHECKS.items()),
]


@pytest.fixture
def keeping_redis(redis_url: str) -> Iterator[str]:
    """A Redis that keeps everything; as it was before, once the test is over."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        before = {name: client.config_get(name)[name] for name in ("appendonly", "maxmemory-policy")}
        client.config_set("appendonly", "yes")
        client.config_set("maxmemory-policy", "noeviction")
        yield redis_url
        for name, value in before.items():
            client.config_set(name, value)


async def find_one(world: World, name: str, tenant: str = "") -> Finding:
    checks = TENANT_CHECKS if tenant else STACK_CHECKS
    return await find(name, checks[name], world.site(tenant=tenant))


async def test_a_stack_that_is_ready_passes(keeping_redis: str) -> None:
    async with preflight_world(keeping_redis) as world:
        found = [*await examine(world.site()), *await examine(world.site(tenant=TENANT))]
    # Nobody can show a certificate to a test, so plaintext on loopback is what is left to look at.
    assert {each.name for each in found if each.result != "pass"} == {"encryption"}, found


@pytest.mark.parametrize(("name", "tenant", "check"), CHECKS, ids=[f"{name}-{tenant}" for name, tenant, _ in CHECKS])
async def test_each_check_fails_when_it_should(
    name: str, tenant: str, check: Callable[[Site], Awaitable[str]], keeping_redis: str
) -> None:
    async with preflight_world(keeping_redis) as world:
        BREAKAGES[name](world)
        finding = await find(name, check, world.site(tenant=tenant))
    assert finding.result == "fail", finding
    assert finding.found
    assert finding.todo, "it does not say what to do"


async def test_what_serves_on_a_laptop_is_doubtful(keeping_redis: str) -> None:
    async with preflight_world(keeping_redis) as world:
        world.says("GetRollout", state=rollout_pb2.RolloutState(source="default"))
        assert (await find_one(world, "the switch is ready")).result == "warn"
        world.says("ListTiers", tiers=[engine_pb2.Tier(name="local", models=["qwen3-8b"])])
        for name in ("limits and budget", "prices"):
            assert (await find_one(world, name, TENANT)).result == "warn"
        world.says("Chat", trace_id="")
        assert (await find_one(world, "traces and metrics")).result == "warn"
        world.redis_url = ""
        assert (await find_one(world, "redis keeps everything")).result == "warn"
        world.answers["GetStatus"] = lambda request, metadata: common_pb2.GetStatusResponse(version="0.1.0")
        assert (await find_one(world, "credentials")).result == "warn"


async def test_redis_is_held_to_each_of_its_settings(keeping_redis: str) -> None:
    async with preflight_world(keeping_redis) as world:
        with redis.Redis.from_url(keeping_redis) as client:
            client.config_set("appendonly", "no")
        assert "appendonly is no" in (await find_one(world, "redis keeps everything")).found
        world.redis_url = "redis://127.0.0.1:1"
        assert "does not answer" in (await find_one(world, "redis keeps everything")).found


async def test_certificates_are_looked_at_where_there_is_tls(keeping_redis: str) -> None:
    async with preflight_world(keeping_redis) as world:
        # The statuses come by plaintext here; what is judged is what they say.
        site = world.site()
        encrypted = dataclasses.replace(site, operator=_pretending_tls(site))
        check = INSTALLATION_CHECKS["encryption"]
        assert (await find("encryption", check, encrypted)).result == "pass"
        ending = common_pb2.Dependency(
            name="certificate", state=common_pb2.Dependency.STATE_DEGRADED, detail="ends in 3 days"
        )
        world.says("GetStatus", dependencies=[ending])
        finding = await find("encryption", check, encrypted)
        assert (finding.result, "ends in 3 days" in finding.found) == ("fail", True)
        world.says("GetStatus", dependencies=[])
        assert (await find("encryption", check, encrypted)).result == "warn"


def _pretending_tls(site: Site):  # type: ignore[no-untyped-def]
    class Pretending(type(site.operator)):  # type: ignore[misc]
        def open(self, service, descriptor):  # type: ignore[no-untyped-def]
            return site.operator.open(service, descriptor)

    operator = site.operator
    return Pretending(operator.host, operator.port_base, operator.authorization, ClientTls())


@pytest.mark.parametrize(
    ("results", "strict", "code", "last"),
    [
        (["pass", "pass"], False, 0, "PRÊT POUR PRODUCTION"),
        (["pass", "warn"], False, 0, "Nothing failed; 1 of 2 to look at before production."),
        (["pass", "warn"], True, 1, "Not ready: 1 of 2 checks failed."),
        (["fail", "warn"], False, 1, "Not ready: 1 of 2 checks failed."),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, results: list[str], strict: bool, code: int, last: str) -> None:
    async def examined(site: Site) -> list[Finding]:
        return [Finding(f"check {number}", each, "found", "do") for number, each in enumerate(results)]  # type: ignore[arg-type]

    monkeypatch.setattr(command, "examine", examined)
    arguments = ["preflight", *(["--strict"] if strict else [])]
    ended = CliRunner().invoke(app, arguments)
    assert (ended.exit_code, ended.output.strip().splitlines()[-1]) == (code, last)
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert told["ready"] is (code == 0)
    assert [each["result"] for each in told["checks"]] == results
