"""The checks of one company before it goes live."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from repartee.v1 import (
    common_pb2,
    rag_pb2,
    rag_pb2_grpc,
    router_pb2,
    tenants_pb2,
    tenants_pb2_grpc,
    voice_pb2,
    voice_pb2_grpc,
)
from tools.preflight_turns import GREETING, Failed, Site

_TENANTS = tenants_pb2.DESCRIPTOR.services_by_name["TenantService"]
_RAG = rag_pb2.DESCRIPTOR.services_by_name["RagService"]
_VOICE = voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]


async def bundle_in_force(site: Site) -> str:
    """Its bundle is stored and known."""
    async with site.open("router", _TENANTS) as channel:
        stub = tenants_pb2_grpc.TenantServiceStub(channel)
        tenant = (await stub.GetTenant(tenants_pb2.GetTenantRequest(tenant_id=site.tenant))).tenant
    return f"version {tenant.version}, by {tenant.actor}"


async def documents_indexed(site: Site) -> str:
    """Its knowledge can be searched."""
    async with site.open("rag", _RAG) as channel:
        stub = rag_pb2_grpc.RagServiceStub(channel)
        page = await stub.ListDocuments(rag_pb2.ListDocumentsRequest(tenant_id=site.tenant))
    if not page.documents:
        raise Failed(f"none; index them with `repartee ingest -t {site.tenant} FOLDER`")
    return f"{len(page.documents)}{' and more' if page.next_page_token else ''}"


async def patterns_learned(site: Site) -> str:
    """What is its own in its documents, such as prices and zones, has been learned."""
    async with site.open("rag", _RAG) as channel:
        stub = rag_pb2_grpc.RagServiceStub(channel)
        answer = await stub.GetPatterns(rag_pb2.GetPatternsRequest(tenant_id=site.tenant))
    if not answer.patterns:
        raise Failed("none, not even general ones")
    own = f"version {answer.version}" if answer.version else "the general ones"
    return f"{len(answer.patterns)}, {own}"


async def hybrid_answers(site: Site) -> str:
    """The new system answers for it."""
    async with site.conversation() as talk:
        reply = await talk.say(GREETING, variant="hybrid")
    if reply.served_by != router_pb2.VARIANT_HYBRID:
        raise Failed(f"hybrid did not: {', '.join(reply.reasons) or 'no reason given'}")
    return f"agent {reply.agent or 'of its only flow'}, {router_pb2.Rung.Name(reply.rung)}"


async def a_fresh_conversation_is_empty(site: Site) -> str:
    """A new customer inherits nothing from another conversation."""
    async with site.conversation() as talk:
        state = (await talk.say(GREETING, variant="hybrid")).state
        kept = await talk.messages()
    if state.slots or kept != 2:
        raise Failed(f"it began with {len(state.slots)} filled slots and {kept - 2} earlier messages")
    return "no slot is filled, no message is older"


async def cache_is_isolated(site: Site) -> str:
    """No other company's answer can reach it."""
    statuses = await site.statuses()
    canary = [each for each in statuses["cache"].dependencies if each.name == "isolation"]
    if not canary:
        raise Failed("the canary is off: set REPARTEE_CACHE_CANARY_SECONDS")
    if canary[0].state == common_pb2.Dependency.STATE_DEGRADED:
        raise Failed(canary[0].detail)
    return "the canary sees none cross"


async def it_speaks(site: Site) -> str:
    """A voice says a sentence for it."""
    audio, request = 0, voice_pb2.SayRequest(tenant_id=site.tenant, text=GREETING)
    async with site.open("voice", _VOICE) as channel:
        async for event in voice_pb2_grpc.VoiceServiceStub(channel).Say(request, timeout=20):
            audio += len(event.chunk.samples)
    if not audio:
        raise Failed("no audio came; GetStatus of the voice service says which voices there are")
    return f"{audio} bytes of audio"


TENANT_CHECKS: Mapping[str, Callable[[Site], Awaitable[str]]] = MappingProxyType(
    {
        "bundle in force": bundle_in_force,
        "documents indexed": documents_indexed,
        "patterns": patterns_learned,
        "hybrid answers": hybrid_answers,
        "a fresh conversation is empty": a_fresh_conversation_is_empty,
        "answers do not cross": cache_is_isolated,
        "it speaks": it_speaks,
    }
)
