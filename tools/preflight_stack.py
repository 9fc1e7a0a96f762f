"""The checks of a whole stack before customers come, and those once both systems have been validated."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import grpc
import grpc.aio

from repartee.v1 import common_pb2, common_pb2_grpc, rollout_pb2, router_pb2
from tools.connection import PORTS
from tools.ops_stub import DESCRIPTOR, stub_of
from tools.preflight_installation import INSTALLATION_CHECKS
from tools.preflight_site import GREETING, STATUS, Doubtful, Failed, Site


async def services_serve(site: Site) -> str:
    """Every service answers; its channel asks its health first."""
    silent: list[str] = []
    for name in PORTS:
        async with site.open(name, STATUS) as channel:
            try:
                await common_pb2_grpc.StatusServiceStub(channel).GetStatus(common_pb2.GetStatusRequest(), timeout=5)
            except grpc.aio.AioRpcError as failure:
                if failure.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                silent.append(name)
    if silent:
        raise Failed(f"{', '.join(silent)} does not serve", "its log says why")
    return f"{len(PORTS)} of {len(PORTS)}"


async def one_version(site: Site) -> str:
    """No service was left behind by a rollout."""
    versions = {status.version for status in (await site.statuses()).values()}
    if len(versions) > 1:
        raise Failed(f"services run {', '.join(sorted(versions))}", "finish the rollout, or undo it")
    return versions.pop()


async def nothing_degraded(site: Site) -> str:
    """No dependency of any service is away."""
    named = {
        f"{service}: {each.name} ({each.detail})"
        for service, status in (await site.statuses()).items()
        for each in status.dependencies
        if each.state == common_pb2.Dependency.STATE_DEGRADED
    }
    if named:
        raise Failed("; ".join(sorted(named)), "the runbook's section DependencyDegraded")
    return "no dependency is degraded"


async def tenants_in_force(site: Site) -> str:
    """At least one company can be served."""
    return f"{await site.some_tenant()} is one"


async def _answered_by(site: Site, variant: str, expected: router_pb2.Variant) -> str:
    async with site.conversation() as talk:
        reply = await talk.say(GREETING, variant=variant)
    if reply.served_by != expected or not reply.text:
        why = ", ".join(reply.reasons) or "no reason given"
        raise Failed(f"it was not the {variant} engine that answered: {why}", "that engine's log and GetStatus")
    return f"a greeting, by {reply.llm_tier or 'no model'}"


async def classic_answers(site: Site) -> str:
    """The system that everybody falls back to answers."""
    return await _answered_by(site, "classic", router_pb2.VARIANT_CLASSIC)


async def hybrid_answers(site: Site) -> str:
    """The new system answers."""
    return await _answered_by(site, "hybrid", router_pb2.VARIANT_HYBRID)


async def conversations_survive_a_switch(site: Site) -> str:
    """One conversation goes from one system to the other and keeps its history."""
    async with site.conversation() as talk:
        await talk.say(GREETING, variant="hybrid")
        await talk.say("Merci", variant="classic")
        kept = len(await talk.messages())
    if kept != 4:
        raise Failed(f"{kept} messages were kept where two turns make 4", "GetStatus of the router; Redis")
    return "two turns, one by each, in one history"


async def turns_are_kept(site: Site) -> str:
    """A turn is on the store when its reply leaves."""
    async with site.conversation() as talk:
        reply = await talk.say(GREETING)
    if reply.stored != router_pb2.STORED_DURABLE:
        raise Failed(f"the reply says {router_pb2.Stored.Name(reply.stored)}", "set REPARTEE_REDIS_URL; is Redis up?")
    return "acknowledged by the store"


async def switch_is_ready(site: Site) -> str:
    """Everybody knows who decides, and nothing waits for an operator."""
    async with site.open("router", DESCRIPTOR) as channel:
        state = (await stub_of(channel).GetRollout(rollout_pb2.GetRolloutRequest())).state
    if state.needs_acknowledgement:
        raise Failed("the guard rolled back, and nobody acknowledged it", "`repartee ops audit`, then the runbook")
    if state.source == "default":
        raise Doubtful("nobody decided: classic, by default", "`repartee ops rollout -p … -r …`, or a switch file")
    return f"hybrid gets {state.percent:g} %, by {state.source}"


async def metrics_are_counted(site: Site) -> str:
    """Both systems can be compared, and no system was given more turns than its share."""
    async with site.open("router", DESCRIPTOR) as channel:
        answer = await stub_of(channel).GetMetrics(rollout_pb2.GetMetricsRequest(window="24h"))
    if answer.comparison.recommendation == "invalid_srm":
        raise Failed("the systems' turns are not as many as their shares dealt them", "the runbook, on invalid_srm")
    return (
        f"classic {answer.old_system.count}, hybrid {answer.hybrid_system.count} turns; "
        f"{answer.comparison.recommendation}"
    )


async def audit_is_whole(site: Site) -> str:
    """Nobody changed the history of the switch by hand."""
    async with site.open("router", DESCRIPTOR) as channel:
        page = await stub_of(channel).ListAudit(rollout_pb2.ListAuditRequest(page_size=50))
    if not page.chain_intact:
        raise Failed("the chain of its hashes is broken", "find out who changed Redis by hand")
    return f"{len(page.entries)} entries, none changed"


STACK_CHECKS: Mapping[str, Callable[[Site], Awaitable[str]]] = MappingProxyType(
    {
        "services serve": services_serve,
        "one version": one_version,
        "dependencies": nothing_degraded,
        "tenants": tenants_in_force,
        "classic answers": classic_answers,
        "hybrid answers": hybrid_answers,
        "a conversation survives a switch": conversations_survive_a_switch,
        "turns are kept": turns_are_kept,
        "the switch is ready": switch_is_ready,
        "metrics are counted": metrics_are_counted,
        "the audit is whole": audit_is_whole,
        **INSTALLATION_CHECKS,
    }
)
