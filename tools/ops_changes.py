"""The verbs of `repartee ops` that change the switch. Each needs a reason, and is audited."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from libs.common.errors import InvalidRequest
from repartee.v1 import rollout_pb2
from tools.connection import DEFAULT_PORT_BASE, HostOption, PortBaseOption, console
from tools.ops_stub import ForTenant, call
from tools.ops_view import state_table

if TYPE_CHECKING:
    from repartee.v1.rollout_pb2_grpc import RolloutServiceAsyncStub

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the audit for whoever asks later.")]
Version = Annotated[
    int, typer.Option("--expected-version", help="Only if nobody changed it since this version.", min=0)
]
Acknowledge = Annotated[bool, typer.Option("--acknowledge", help="Lift an automatic rollback, having looked into it.")]


def enable(
    reason: Reason,
    tenant: ForTenant = "",
    acknowledge: Acknowledge = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Give hybrid all conversations. For a share of them, see `repartee ops rollout`."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        request = rollout_pb2.EnableHybridRequest(tenant_id=tenant, reason=reason, acknowledge=acknowledge)
        response = await stub.EnableHybrid(request)
        _changed(response.changed)
        _show(response.state)

    call(work, host, port_base)


def disable(
    reason: Reason,
    tenant: ForTenant = "",
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Also end pinned conversations' stay, and forced variants.")
    ] = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Give classic all conversations. Works with every other process and store dead."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        request = rollout_pb2.DisableHybridRequest(tenant_id=tenant, reason=reason, emergency=emergency)
        response = await stub.DisableHybrid(request)
        _changed(response.changed)
        if response.propagated_to:
            console.print(f"Followed by {escape(', '.join(response.propagated_to))}.", soft_wrap=True)
        if response.pending:
            console.print(f"[yellow]Not yet told: {escape(', '.join(response.pending))}.[/]", soft_wrap=True)
        _show(response.state)

    call(work, host, port_base)


def toggle(
    reason: Reason,
    tenant: ForTenant = "",
    expected_version: Version = 0,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Flip the switch. With --expected-version, two operators who toggle at once do not cancel each other out."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        request = rollout_pb2.ToggleHybridRequest(tenant_id=tenant, reason=reason, expected_version=expected_version)
        response = await stub.ToggleHybrid(request)
        if response.last_writer_wins:
            console.print("[yellow]No version was named, so this has overruled whatever came before it.[/]")
        _show(response.state)

    call(work, host, port_base)


def rollout(
    reason: Reason,
    percent: Annotated[
        float | None, typer.Option("--percent", "-p", help="Share for hybrid, 0 to 100 with three decimals.")
    ] = None,
    plan: Annotated[str, typer.Option(help="A plan by name: default, v1_to_v2 or fast.")] = "",
    tenant: ForTenant = "",
    pin: Annotated[
        bool | None, typer.Option("--pin/--no-pin", help="Whether conversations end where they began.")
    ] = None,
    always: Annotated[
        list[str] | None, typer.Option(help="A conversation or user that gets hybrid whatever the share; repeatable.")
    ] = None,
    shadow: Annotated[float | None, typer.Option(help="Share of turns that both systems decide, one unseen.")] = None,
    experiment: Annotated[str, typer.Option(help="Another name deals every conversation anew.")] = "",
    auto_advance: Annotated[bool, typer.Option("--auto-advance", help="Let the plan advance by itself.")] = False,
    acknowledge: Acknowledge = False,
    expected_version: Version = 0,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Give hybrid a share of conversations, or follow a plan. What is not named stays as it is.

    Raising a share moves conversations to hybrid only, lowering it moves them back only.

    Examples:  repartee ops rollout -p 10 -r "first week"  ·  repartee ops rollout --plan default -t rue-du-gros -r "go"
    """

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        before = (await stub.GetRollout(rollout_pb2.GetRolloutRequest(tenant_id=tenant))).state
        request = rollout_pb2.SetRolloutRequest(
            tenant_id=tenant,
            percent=_percent(percent, plan, before),
            plan=plan,
            switch_policy=_policy(pin, before),
            # What is kept was read a moment ago, so it must still be so.
            expected_version=expected_version or before.version,
            reason=reason,
            auto_advance=auto_advance,
            always_hybrid=before.always_hybrid if always is None else [each for each in always if each],
            experiment=experiment,
            acknowledge=acknowledge,
        )
        if shadow is not None:
            request.shadow_percent = shadow
        _show((await stub.SetRollout(request)).state)

    call(work, host, port_base)


def advance(
    reason: Reason,
    tenant: ForTenant = "",
    force: Annotated[bool, typer.Option("--force", help="Before the step has lasted and been measured.")] = False,
    expected_version: Version = 0,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Go to the plan's next step."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        request = rollout_pb2.AdvanceRolloutRequest(
            tenant_id=tenant, expected_version=expected_version, reason=reason, force=force
        )
        _show((await stub.AdvanceRollout(request)).state)

    call(work, host, port_base)


def _show(state: rollout_pb2.RolloutState) -> None:
    console.print(state_table(state))


def _changed(changed: bool) -> None:
    if not changed:
        console.print("It was so already; nothing changed.")


def _percent(percent: float | None, plan: str, before: rollout_pb2.RolloutState) -> float:
    if plan and percent is not None:
        raise InvalidRequest("INVALID_FIELD", "Name a percent or a plan, not both: a plan has percents of its own.")
    if percent is None and not plan and (before.plan or before.steps):
        raise InvalidRequest(
            "INVALID_FIELD", "A plan is running there. Name --plan again to begin it anew, or --percent to leave it."
        )
    return before.percent if percent is None else percent


def _policy(pin: bool | None, before: rollout_pb2.RolloutState) -> rollout_pb2.SwitchPolicy:
    if pin is None:
        return before.switch_policy
    return rollout_pb2.SWITCH_POLICY_PIN_CONVERSATION if pin else rollout_pb2.SWITCH_POLICY_NEXT_REQUEST
