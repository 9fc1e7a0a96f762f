"""The table of RPCs that are loaded: where each is served, what is sent, who sends it, and how slow it may be."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from grpc_health.v1 import health_pb2

from repartee.v1 import cache_pb2, common_pb2, engine_pb2, rag_pb2, rollout_pb2, router_pb2, tenants_pb2, voice_pb2

UNIQUE = "{{.UUID}}"
"""Stands in a template for what differs in every call; ghz's own word for it, so that a template works there too."""

TENANT = "$tenant"
"""Stands for the tenant that is loaded, in what an operator sends."""

QUESTION = "Quels sont vos horaires ?"
"""What customers ask again and again; the example tenants' documents answer it."""

UNIQUE_LENGTH = 36
# As long as what takes its place, so that a serialized message stays well formed.
_PLACE = "@" * UNIQUE_LENGTH

_FILES: tuple[FileDescriptor, ...] = (
    health_pb2.DESCRIPTOR,  # pyright: ignore[reportAssignmentType]  # a descriptor in C, which has the same attributes
    *(each.DESCRIPTOR for each in (common_pb2, router_pb2, rollout_pb2, tenants_pb2)),
    *(each.DESCRIPTOR for each in (cache_pb2, engine_pb2, rag_pb2, voice_pb2)),
)


@dataclass(frozen=True, slots=True)
class LoadedCall:
    """One row: `method` is `Service/Method` by short names, `template` the request as JSON.

    `most_times_floor` is how many times the median of a bare health check of the same service the median of this call
    may take while the stack is at ease. It guards against a step backwards, and is about three times what was measured.
    `case` tells rows of one RPC apart. `stream` is what a stream carries: `text`, `audio`, or nothing for a unary call.
    `after` is sent once before, where the call needs something to be there.
    """

    service: str
    method: str
    template: Mapping[str, Any]
    most_times_floor: float
    case: str = ""
    operator: bool = False
    stream: str = ""
    after: "LoadedCall | None" = None

    @property
    def name(self) -> str:
        """The method, and the case where there are several."""
        short = self.method.partition("/")[2]
        return f"{short} ({self.case})" if self.case else short

    @property
    def descriptor(self) -> MethodDescriptor:
        """The method as the contract has it."""
        return METHODS[self.method]

    @property
    def path(self) -> str:
        """As HTTP/2 calls it: `/package.Service/Method`."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def is_unique(self) -> bool:
        """Whether every call must differ from the others."""
        return UNIQUE in json.dumps(self.template)

    def json(self, tenant: str) -> str:
        """Returns the request as JSON, what differs still standing as `UNIQUE`."""
        return json.dumps(self.template, ensure_ascii=False).replace(TENANT, tenant)

    def payload(self, tenant: str) -> "Payload":
        """Returns what makes serialized requests."""
        request = message_factory.GetMessageClass(self.descriptor.input_type)()
        json_format.Parse(self.json(tenant).replace(UNIQUE, _PLACE), request)
        return Payload(request.SerializeToString())


@dataclass(frozen=True, slots=True)
class Payload:
    """A serialized request that is made anew for each call without building a message."""

    blueprint: bytes

    def with_id(self, unique: str) -> bytes:
        """Returns the request with `unique` in its places; it has `UNIQUE_LENGTH` characters, or ValueError."""
        if len(unique) != UNIQUE_LENGTH:
            raise ValueError(f"an id of {UNIQUE_LENGTH} characters is needed, not {unique!r}")
        return self.blueprint.replace(_PLACE.encode(), unique.encode())


METHODS: Mapping[str, MethodDescriptor] = {
    f"{service.name}/{method.name}": method
    for file in _FILES
    for service in file.services_by_name.values()
    for method in service.methods
}
"""Every RPC of the contract, and the health check, by `Service/Method`."""

_IDS: Mapping[str, str] = {"conversation_id": f"load-{UNIQUE}", "turn_id": UNIQUE}
_ORDER: Mapping[str, str] = {**_IDS, "message": "Je veux commander"}
_TURN: Mapping[str, str] = {**_IDS, "text": "Je veux commander"}
_OPEN: Mapping[str, str] = {**_IDS, "text": f"Quels sont vos délais de livraison ? {UNIQUE}"}
# Always the same turn, so that the conversation has one message however often it is sent.
_WRITTEN = LoadedCall(
    "router", "RouterService/Chat", {"conversation_id": "load-read", "turn_id": "load-read", "message": QUESTION}, 0.0
)
_LOOKUP: Mapping[str, str] = {"query": QUESTION, "locale": "fr-CI"}
# Gone a minute later: a load test leaves no answers behind.
_KEPT: Mapping[str, Any] = {"query": f"Avez-vous {UNIQUE} ?", "text": "Oui.", "locale": "fr-CI", "ttl_seconds": 60}
_FLOOR_SERVICES = ("router", "hybrid-engine", "rag", "cache", "voice")

FLOORS: Mapping[str, LoadedCall] = {
    service: LoadedCall(service, "Health/Check", {}, 1.0, case=service) for service in _FLOOR_SERVICES
}
"""A call that does nothing, of each service: what gRPC, the machine and the driver cost."""

CALLS: Sequence[LoadedCall] = (
    LoadedCall("router", "RouterService/Chat", {**_IDS, "message": QUESTION}, 15.0, case="exact hit"),
    LoadedCall("router", "RouterService/Chat", _ORDER, 35.0, case="an engine decides"),
    LoadedCall("router", "RouterService/ListMessages", {"conversation_id": "load-read"}, 6.0, after=_WRITTEN),
    LoadedCall("router", "RolloutService/GetRollout", {}, 6.0, operator=True),
    LoadedCall("router", "RolloutService/GetMetrics", {}, 8.0, operator=True),
    LoadedCall(
        "router",
        "RolloutService/ExplainAssignment",
        {"tenant_id": TENANT, "conversation_id": UNIQUE},
        6.0,
        operator=True,
    ),
    LoadedCall("router", "RolloutService/ListAudit", {"page_size": 20}, 6.0, operator=True),
    LoadedCall("router", "TenantService/GetTenant", {"tenant_id": TENANT}, 6.0, operator=True),
    LoadedCall("router", "TenantService/ListTenants", {}, 6.0, operator=True),
    LoadedCall("router", "UsageService/QueryUsage", {}, 10.0, operator=True),
    LoadedCall("router", "StatusService/GetStatus", {}, 6.0, operator=True),
    LoadedCall("cache", "CacheService/LookupAnswer", _LOOKUP, 6.0, case="exact hit"),
    LoadedCall("cache", "CacheService/StoreAnswer", _KEPT, 6.0),
    LoadedCall("cache", "CacheAdminService/GetTenantStats", {"tenant_id": TENANT}, 6.0, operator=True),
    LoadedCall(
        "cache",
        "CacheAdminService/ExplainLookup",
        {"lookup": {**_LOOKUP, "tenant_id": TENANT}},
        6.0,
        operator=True,
    ),
    LoadedCall("rag", "RagService/RetrievePassages", {"query": QUESTION}, 20.0),
    LoadedCall("rag", "RagService/ExtractFacts", {"text": "6 paquets à 25.000 FCFA, tel 07 07 12 34 56"}, 6.0),
    LoadedCall("rag", "RagService/ListDocuments", {}, 7.0),
    LoadedCall("rag", "RagService/GetPatterns", {}, 7.0),
    LoadedCall("rag", "RagAdminService/GetRagStats", {"tenant_id": TENANT}, 7.0, operator=True),
    LoadedCall("hybrid-engine", "EngineService/GenerateAnswer", _TURN, 9.0),
    LoadedCall(
        "hybrid-engine",
        "EngineAdminService/ExplainDecision",
        {"turn": {**_TURN, "tenant_id": TENANT}},
        8.0,
        operator=True,
    ),
    LoadedCall("hybrid-engine", "EngineAdminService/ListTiers", {}, 6.0, operator=True),
    LoadedCall("voice", "VoiceAdminService/ListPhrases", {"tenant_id": TENANT}, 6.0, operator=True),
)
"""Unary calls, each with its floor."""

_SPOKEN = "Votre colis part demain matin. Les 6 paquets coûtent 25.000 FCFA, merci de votre confiance."

STREAMS: Sequence[LoadedCall] = (
    LoadedCall(
        "router",
        "RouterService/StreamChat",
        {"turn": {**_IDS, "message": f"Quels sont vos délais de livraison ? {UNIQUE}"}},
        0.0,
        stream="text",
    ),
    LoadedCall("hybrid-engine", "EngineService/StreamAnswer", {"turn": _OPEN}, 0.0, stream="text"),
    LoadedCall("voice", "VoiceService/Say", {"text": _SPOKEN}, 0.0, stream="audio"),
    LoadedCall("voice", "VoiceService/SayHybrid", {"cache_key": "filler_ok", "text": _SPOKEN}, 0.0, stream="audio"),
)
"""Streams, judged by their first chunk and their gaps instead."""
