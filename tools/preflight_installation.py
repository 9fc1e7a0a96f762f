"""The checks of how a stack is installed: credentials, encryption, stores, clocks, replicas, what is observed."""

import asyncio
import dataclasses
import datetime
import ipaddress
import socket
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

import grpc
import grpc.aio
import redis.asyncio
from redis.exceptions import RedisError

from repartee.v1 import cache_pb2, cache_pb2_grpc, common_pb2, common_pb2_grpc, rag_pb2, rag_pb2_grpc, rollout_pb2
from tools.connection import PORTS, Connection
from tools.ops_stub import DESCRIPTOR, stub_of
from tools.preflight_site import GREETING, STATUS, Doubtful, Failed, Site

_CACHE = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
_RAG = rag_pb2.DESCRIPTOR.services_by_name["RagService"]
_MOST_SECONDS_APART = 2.0
_OLDEST_REDIS = (7, 2)
_SECONDS = 3.0


async def credentials_are_issued(site: Site) -> str:
    """Nobody gets in by a word that is written in our documents."""
    stranger = dataclasses.replace(site.operator, authorization="Bearer dev-operator")
    async with stranger.open("router", STATUS) as channel:
        try:
            await common_pb2_grpc.StatusServiceStub(channel).GetStatus(common_pb2.GetStatusRequest(), timeout=_SECONDS)
        except grpc.aio.AioRpcError as failure:
            if failure.code() is grpc.StatusCode.UNAUTHENTICATED:
                return "development credentials are refused"
            raise
    todo = "set REPARTEE_CREDENTIALS_FILE for every service"
    raise (Doubtful if _is_loopback(site.operator.host) else Failed)("`Bearer dev-operator` is an operator here", todo)


async def traffic_is_encrypted(site: Site) -> str:
    """Calls go by TLS, and no certificate ends soon."""
    if site.operator.tls is None:
        todo = "give the services TLS files, and this command REPARTEE_UPSTREAM_CA_FILE"
        raise (Doubtful if _is_loopback(site.operator.host) else Failed)("this command speaks plaintext", todo)
    certificates = {
        name: each
        for name, status in (await site.statuses()).items()
        for each in status.dependencies
        if each.name == "certificate"
    }
    ending = [f"{name}: {each.detail}" for name, each in certificates.items() if _is_degraded(each)]
    if ending:
        raise Failed("; ".join(ending), "replace the files; servers take them without a restart")
    if missing := set(PORTS) - set(certificates):
        raise Doubtful(f"{', '.join(sorted(missing))} shows no certificate", "set REPARTEE_TLS_CERT_FILE there too")
    return f"TLS; {certificates['router'].detail}"


async def redis_keeps_everything(site: Site) -> str:
    """What was acknowledged is on the disk, and nothing is thrown away for want of room."""
    if not site.redis_url:
        raise Doubtful("not looked at", "name it with --redis-url")
    async with _redis(site) as client:
        try:
            told = await client.info("server")
            version = str(told.get("valkey_version") or told["redis_version"])
            settings = await _settings(client, "maxmemory-policy", "appendonly")
        except (RedisError, OSError) as failure:
            raise Failed(f"it does not answer ({type(failure).__name__})", "look at its address and its log") from None
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
        raise Failed(f"version {version}", "7.2 or newer is needed")
    if settings is None:
        raise Doubtful(f"version {version}; it hides its settings", "see that it has noeviction and appendonly yes")
    if settings["maxmemory-policy"] != "noeviction":
        raise Failed(f"maxmemory-policy is {settings['maxmemory-policy']}", "set noeviction: it would evict turns")
    if settings["appendonly"] != "yes":
        raise Failed(f"appendonly is {settings['appendonly']}", "set it to yes: a restart would lose turns")
    return f"version {version}, appendonly, noeviction"


async def clocks_agree(site: Site) -> str:
    """Times in histories, audits and budgets mean the same everywhere."""
    began = time.time()
    async with site.conversation() as talk:
        await talk.say(GREETING)
        ended = time.time()
        kept = (await talk.messages())[0].create_time.ToDatetime(datetime.UTC).timestamp()
    apart = {"the router": max(began - kept, kept - ended, 0.0)}
    if site.redis_url:
        async with _redis(site) as client:
            seconds, _ = await client.time()
        apart["Redis"] = max(abs(time.time() - seconds) - 1, 0.0)
    if far := [f"{name} by {seconds:.0f} s" for name, seconds in apart.items() if seconds > _MOST_SECONDS_APART]:
        raise Failed(f"{', '.join(far)} from this machine's", "run NTP everywhere")
    return f"{' and '.join(apart)} within {_MOST_SECONDS_APART:g} s of this machine"


async def replicas_agree(site: Site) -> str:
    """Every router holds the same state of the switch."""
    host, port = site.operator.target("router").rsplit(":", 1)
    targets = site.replicas or tuple(f"{address}:{port}" for address in await _addresses(host, int(port)))
    versions: dict[str, int] = {}
    for target in targets:
        host, port = target.rsplit(":", 1)
        replica: Connection = dataclasses.replace(site.operator, host=host, port_base=int(port))
        async with replica.open("router", DESCRIPTOR) as channel:
            state = (await stub_of(channel).GetRollout(rollout_pb2.GetRolloutRequest(), timeout=_SECONDS)).state
        versions[target] = state.version
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{target} has version {version}" for target, version in versions.items())
        raise Failed(told, "is Redis reachable from each? `repartee ops disable` on each stops hybrid meanwhile")
    return f"{len(versions)} of {len(versions)} at version {next(iter(versions.values()))}"


async def one_embedder(site: Site) -> str:
    """Cache and documents compare vectors of one embedder, and the index was made by it."""
    tenant = await site.some_tenant()
    async with site.open("cache", _CACHE) as channel:
        asked = cache_pb2.LookupAnswerRequest(tenant_id=tenant, query="Ce que personne n'a demandé ici ?")
        missed = await cache_pb2_grpc.CacheServiceStub(channel).LookupAnswer(asked, timeout=_SECONDS)
    async with site.open("rag", _RAG) as channel:
        wanted = rag_pb2.RetrievePassagesRequest(tenant_id=tenant, query=GREETING)
        found = await rag_pb2_grpc.RagServiceStub(channel).RetrievePassages(wanted, timeout=_SECONDS)
    cache, rag = missed.embedding.embedder_id, found.embedding.embedder_id
    if cache and cache != rag:
        raise Failed(f"the cache has {cache}, rag has {rag}", "give both the same REPARTEE_EMBEDDER")
    return rag


async def traces_and_metrics_leave(site: Site) -> str:
    """Somebody will see what happens."""
    async with site.conversation() as talk:
        traced = bool((await talk.say(GREETING)).trace_id)
    for place in site.metrics:
        if not await asyncio.to_thread(_serves_metrics, place):
            raise Failed(f"no metrics of ours at {place}", "set REPARTEE_METRICS=prometheus:PORT there")
    lacking = [] if traced else ["no trace: set REPARTEE_TRACES"]
    lacking += [] if site.metrics else ["metrics were not looked at: name endpoints with --metrics"]
    if lacking:
        raise Doubtful("traces are made" if traced else "turns have no trace", "; ".join(lacking))
    return f"traces are made, {len(site.metrics)} endpoints of metrics answer"


def _redis(site: Site) -> Any:
    # What redis-py says of its own types is incomplete.
    return cast(Any, redis.asyncio.Redis).from_url(site.redis_url, socket_timeout=_SECONDS, decode_responses=True)


async def _settings(client: Any, *names: str) -> dict[str, str] | None:
    """Returns settings of a Redis; None where it does not tell them, as hosted ones do not."""
    try:
        return {name: (await client.config_get(name))[name] for name in names}
    except (RedisError, KeyError):
        return None


async def _addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found})


def _serves_metrics(place: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{place}/metrics", timeout=_SECONDS) as answer:
            return b"repartee_" in answer.read()
    except OSError:
        return False


def _is_degraded(dependency: common_pb2.Dependency) -> bool:
    return dependency.state == common_pb2.Dependency.STATE_DEGRADED


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


INSTALLATION_CHECKS: Mapping[str, Callable[[Site], Awaitable[str]]] = MappingProxyType(
    {
        "credentials": credentials_are_issued,
        "encryption": traffic_is_encrypted,
        "redis keeps everything": redis_keeps_everything,
        "clocks": clocks_agree,
        "replicas agree": replicas_agree,
        "one embedder": one_embedder,
        "traces and metrics": traces_and_metrics_leave,
    }
)
