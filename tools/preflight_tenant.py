"""The checks of one company before it goes live."""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from libs.common.errors import InvalidRequest
from libs.common.spending.price_file import load_prices
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from repartee.v1 import (
    common_pb2,
    engine_pb2,
    engine_pb2_grpc,
    rag_pb2,
    rag_pb2_grpc,
    router_pb2,
    tenants_pb2,
    tenants_pb2_grpc,
    voice_pb2,
    voice_pb2_grpc,
)
from tools.preflight_site import GREETING, Doubtful, Failed, Site

_TENANTS = tenants_pb2.DESCRIPTOR.services_by_name["TenantService"]
_USAGE = tenants_pb2.DESCRIPTOR.services_by_name["UsageService"]
_ENGINE = engine_pb2.DESCRIPTOR.services_by_name["EngineAdminService"]
_RAG = rag_pb2.DESCRIPTOR.services_by_name["RagService"]
_VOICE = voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]
_VOICE_ADMIN = voice_pb2.DESCRIPTOR.services_by_name["VoiceAdminService"]


async def bundle_in_force(site: Site) -> str:
    """Its bundle is stored, and right by this version's rules: a template an action, an emergency text a slot."""
    tenant = await _tenant(site)
    bundle = _bundle(tenant)
    texts = f"{len(bundle.templates)} templates, {len(bundle.emergency)} emergency texts"
    return f"version {tenant.version}, by {tenant.actor}; {texts}"


async def documents_indexed(site: Site) -> str:
    """Its knowledge can be searched."""
    async with site.open("rag", _RAG) as channel:
        stub = rag_pb2_grpc.RagServiceStub(channel)
        page = await stub.ListDocuments(rag_pb2.ListDocumentsRequest(tenant_id=site.tenant))
    if not page.documents:
        raise Failed("none", f"index them with `repartee ingest -t {site.tenant} FOLDER`")
    if aside := [each.document_id for each in page.documents if each.status == "quarantined"]:
        raise Failed(f"{', '.join(aside)} could not be read", "the runbook, on documents that are set aside")
    return f"{len(page.documents)}{' and more' if page.next_page_token else ''}"


async def patterns_learned(site: Site) -> str:
    """What is its own in its documents, such as prices and zones, has been learned."""
    async with site.open("rag", _RAG) as channel:
        stub = rag_pb2_grpc.RagServiceStub(channel)
        answer = await stub.GetPatterns(rag_pb2.GetPatternsRequest(tenant_id=site.tenant))
    if not answer.patterns:
        raise Failed("none, not even general ones", "rag's log says why")
    own = f"version {answer.version}" if answer.version else "the general ones"
    return f"{len(answer.patterns)}, {own}"


async def hybrid_answers(site: Site) -> str:
    """The new system answers for it."""
    async with site.conversation() as talk:
        reply = await talk.say(GREETING, variant="hybrid")
    if reply.served_by != router_pb2.VARIANT_HYBRID:
        raise Failed(f"hybrid did not: {', '.join(reply.reasons) or 'no reason given'}", "the hybrid engine's log")
    return f"agent {reply.agent or 'of its only flow'}, {router_pb2.Rung.Name(reply.rung)}"


async def a_fresh_conversation_is_empty(site: Site) -> str:
    """A new customer inherits nothing from another conversation."""
    async with site.conversation() as talk:
        state = (await talk.say(GREETING, variant="hybrid")).state
        kept = len(await talk.messages())
    if state.slots or kept != 2:
        found = f"it began with {len(state.slots)} filled slots and {kept - 2} earlier messages"
        raise Failed(found, "stop, and report it with a support bundle")
    return "no slot is filled, no message is older"


async def cache_is_isolated(site: Site) -> str:
    """No other company's answer can reach it."""
    statuses = await site.statuses()
    canary = [each for each in statuses["cache"].dependencies if each.name == "isolation"]
    if not canary:
        raise Failed("the canary is off", "set REPARTEE_CACHE_CANARY_SECONDS")
    if canary[0].state == common_pb2.Dependency.STATE_DEGRADED:
        raise Failed(canary[0].detail, "the runbook, on isolation")
    return "the canary sees none cross"


async def limits_and_budget(site: Site) -> str:
    """One customer cannot take all turns, and models cannot cost without an end."""
    bundle = _bundle(await _tenant(site))
    limits, budget = bundle.limits, bundle.budget
    told = f"{limits.user_per_minute} turns a minute and customer, {limits.tenant_per_minute} in all"
    if limits.user_per_minute > limits.tenant_per_minute:
        raise Failed(told, "one customer may take everybody's turns: lower `limits.user_per_minute`")
    if budget.daily_tokens or budget.daily_usd:
        return f"{told}; {budget.daily_usd:g} $ and {budget.daily_tokens} tokens a day (0: no limit)"
    if await _models(site):
        raise Doubtful(f"{told}; models without a limit", "set `budget.daily_usd` in its bundle")
    return f"{told}; no model, so nothing to limit"


async def prices_are_known(site: Site) -> str:
    """What its models cost can be said, and held to the budget."""
    async with site.open("router", _USAGE) as channel:
        request = tenants_pb2.QueryUsageRequest(tenant_id=site.tenant, group_by=["component"])
        rows = (await tenants_pb2_grpc.UsageServiceStub(channel).QueryUsage(request)).rows
    if unpriced := sum(row.unpriced_calls for row in rows):
        raise Failed(f"{unpriced} calls had no price", "add the model to REPARTEE_PRICES_FILE")
    file = os.environ.get("REPARTEE_PRICES_FILE")
    prices = load_prices(Path(file) if file else None)
    models = await _models(site)
    if unknown := [model for model in models if prices.find(model) is None]:
        raise Doubtful(f"{', '.join(unknown)} is not in the price list", "right if it is local, else add its price")
    return ", ".join(models) or "no model"


async def it_speaks(site: Site) -> str:
    """A voice says a sentence for it."""
    audio, request = 0, voice_pb2.SayRequest(tenant_id=site.tenant, text=GREETING)
    async with site.open("voice", _VOICE) as channel:
        async for event in voice_pb2_grpc.VoiceServiceStub(channel).Say(request, timeout=20):
            audio += len(event.chunk.samples)
    if not audio:
        raise Failed("no audio came", "GetStatus of the voice service says which voices there are")
    return f"{audio} bytes of audio"


async def phrases_are_ready(site: Site) -> str:
    """What masks a wait needs no waiting itself."""
    async with site.open("voice", _VOICE_ADMIN) as channel:
        request = voice_pb2.ListPhrasesRequest(tenant_id=site.tenant)
        phrases = (await voice_pb2_grpc.VoiceAdminServiceStub(channel).ListPhrases(request)).phrases
    if missing := [each.key for each in phrases if not each.ready]:
        raise Failed(f"{len(missing)} of {len(phrases)} are not", f"`repartee voice pregenerate -t {site.tenant}`")
    return f"{len(phrases)} of {len(phrases)}"


async def _tenant(site: Site) -> tenants_pb2.Tenant:
    async with site.open("router", _TENANTS) as channel:
        stub = tenants_pb2_grpc.TenantServiceStub(channel)
        return (await stub.GetTenant(tenants_pb2.GetTenantRequest(tenant_id=site.tenant))).tenant


def _bundle(tenant: tenants_pb2.Tenant) -> TenantBundle:
    try:
        return parse_bundle(tenant.bundle_yaml)
    except InvalidRequest as refused:
        places = "; ".join(f"{each.field} {each.description}" for each in refused.violations)
        raise Failed(places, "mend it and `repartee tenants apply` it") from None


async def _models(site: Site) -> list[str]:
    """Returns the models that the company's turns may be worded by, each once."""
    async with site.open("hybrid-engine", _ENGINE) as channel:
        request = engine_pb2.ListTiersRequest(tenant_id=site.tenant)
        tiers = (await engine_pb2_grpc.EngineAdminServiceStub(channel).ListTiers(request)).tiers
    return list(dict.fromkeys(model for tier in tiers for model in tier.models))


TENANT_CHECKS: Mapping[str, Callable[[Site], Awaitable[str]]] = MappingProxyType(
    {
        "bundle in force": bundle_in_force,
        "documents indexed": documents_indexed,
        "patterns": patterns_learned,
        "hybrid answers": hybrid_answers,
        "a fresh conversation is empty": a_fresh_conversation_is_empty,
        "answers do not cross": cache_is_isolated,
        "it speaks": it_speaks,
        "limits and budget": limits_and_budget,
        "prices": prices_are_known,
        "phrases are ready": phrases_are_ready,
    }
)
