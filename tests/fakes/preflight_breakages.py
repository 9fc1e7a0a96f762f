"""For each check of the preflight, what makes it fail."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import grpc
import redis
from google.protobuf.message import Message

from repartee.v1 import common_pb2, rollout_pb2, router_pb2, tenants_pb2, voice_pb2
from tests.fakes.preflight_world import BUNDLE, TENANT, World, always


def _degrade(world: World, name: str, detail: str) -> None:
    dependency = common_pb2.Dependency(name=name, state=common_pb2.Dependency.STATE_DEGRADED, detail=detail)
    world.says("GetStatus", dependencies=[dependency])


def _late(world: World) -> None:
    usual = world.answers["ListMessages"]

    def late(request: Any, metadata: Mapping[str, str]) -> Message:
        answer: Any = usual(request, metadata)
        for each in answer.messages:
            each.create_time.seconds -= 3600
        return answer

    world.answers["ListMessages"] = late


def _configure(world: World, name: str, value: str) -> None:
    with redis.Redis.from_url(world.redis_url) as client:
        client.config_set(name, value)


def _bundle(world: World, old: str, new: str) -> None:
    text = BUNDLE.read_text()
    assert old in text
    world.says("GetTenant", tenant=tenants_pb2.Tenant(tenant_id=TENANT, bundle_yaml=text.replace(old, new)))


def _elsewhere(world: World) -> None:
    world.operator = replace(world.operator, host="router.example")


def _anybody_is_operator(world: World) -> None:
    world.answers["GetStatus"] = always(common_pb2.GetStatusResponse(version="0.1.0"))
    _elsewhere(world)


def _two_replicas(world: World) -> None:
    world.counts("GetRollout", "state")
    target = world.operator.target("router")
    world.replicas = (target, target.replace("127.0.0.1", "localhost"))


BREAKAGES: Mapping[str, Callable[[World], None]] = MappingProxyType(
    {
        "services serve": lambda world: world.refuses("GetStatus", grpc.StatusCode.UNAVAILABLE),
        "one version": lambda world: world.counts("GetStatus", "version"),
        "dependencies": lambda world: _degrade(world, "redis", "turns wait"),
        "tenants": lambda world: world.says("ListTenants", tenants=[]),
        "classic answers": lambda world: world.says("Chat", served_by=router_pb2.VARIANT_HYBRID),
        "hybrid answers": lambda world: world.says("Chat", served_by=router_pb2.VARIANT_CLASSIC),
        "a conversation survives a switch": lambda world: world.says("ListMessages", messages=[]),
        "turns are kept": lambda world: world.says("Chat", stored=router_pb2.STORED_PENDING),
        "the switch is ready": lambda world: world.says(
            "GetRollout", state=rollout_pb2.RolloutState(needs_acknowledgement=True)
        ),
        "metrics are counted": lambda world: world.says(
            "GetMetrics", comparison=rollout_pb2.Comparison(recommendation="invalid_srm")
        ),
        "the audit is whole": lambda world: world.says("ListAudit", chain_intact=False),
        "credentials": _anybody_is_operator,
        "encryption": _elsewhere,
        "redis keeps everything": lambda world: _configure(world, "maxmemory-policy", "allkeys-lru"),
        "clocks": _late,
        "replicas agree": _two_replicas,
        "one embedder": lambda world: world.says("RetrievePassages", embedding=common_pb2.Embedding(embedder_id="b")),
        "traces and metrics": lambda world: setattr(world, "metrics", ("127.0.0.1:1",)),
        "bundle in force": lambda world: _bundle(world, "locale: fr-CI", "locale: french"),
        "documents indexed": lambda world: world.says("ListDocuments", documents=[]),
        "patterns": lambda world: world.says("GetPatterns", patterns=[]),
        "a fresh conversation is empty": lambda world: world.says(
            "Chat", state=common_pb2.FlowState(slots={"zone": common_pb2.SlotValue(value="Cocody")})
        ),
        "answers do not cross": lambda world: _degrade(world, "isolation", "an answer crossed"),
        "it speaks": lambda world: world.says("Say", completed=voice_pb2.AudioCompleted()),
        "limits and budget": lambda world: _bundle(
            world, "\nknowledge:", "\nlimits: {user_per_minute: 700}\n\nknowledge:"
        ),
        "prices": lambda world: world.says("QueryUsage", rows=[tenants_pb2.UsageRow(unpriced_calls=3)]),
        "phrases are ready": lambda world: world.says("ListPhrases", phrases=[voice_pb2.Phrase(key="greet")]),
    }
)
"""For each check, by its name, what makes it fail."""
