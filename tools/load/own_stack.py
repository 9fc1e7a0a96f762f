"""A stack of the load test's own: three companies on embedded defaults, and a double of a language model."""

import re
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from repartee.v1 import engine_pb2, engine_pb2_grpc
from tools.connection import Connection
from tools.fake_llm.wording import talkative
from tools.load.target import Target, local_stack
from tools.stack import Stack, StackOptions, free_port_base, running_stack
from tools.tenants import apply_folder

BUSY, OTHER, LOUD = "rue-du-gros", "load-other", "load-loud"
"""The company that is loaded, one beside it, both without limits, and one with a limit that it will not keep."""

LOUD_PER_MINUTE = 600
"""Turns a minute that the loud company may send: what a company may that says nothing else."""

_ENGINE_ADMIN = engine_pb2.DESCRIPTOR.services_by_name["EngineAdminService"]


@asynccontextmanager
async def own_stack(
    examples: Path, *, environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncGenerator[tuple[Stack, Target]]:
    """Runs the stack within the block, with further settings; its target speaks for `BUSY`.

    Raises what `running_stack` raises, and InvalidRequest (NO_BUNDLE) where the examples are not.
    """
    with tempfile.TemporaryDirectory(prefix="repartee-load-") as folder:
        options = StackOptions(
            state=Path(folder), port_base=free_port_base(), traces=False, fake_llm=True, environment=environment
        )
        async with running_stack(options) as stack:
            if stack.fake_llm is not None:
                # A stream of one sentence shows nothing.
                stack.fake_llm.responder = talkative
            operator = Connection.for_operator(port_base=options.port_base)
            await apply_folder(operator, _companies(examples, Path(folder)), with_documents=True, reason="load test")
            yield stack, local_stack(BUSY, options.port_base)


async def use_models(stack: Stack, *, enabled: bool) -> None:
    """Lets the engines call the double of a language model, or not.

    Its words come slowly on purpose: streams are worth looking at with it, latencies of other calls without.
    """
    mode = engine_pb2.LLM_MODE_ENABLED if enabled else engine_pb2.LLM_MODE_DISABLED
    operator = Connection.for_operator(port_base=stack.options.port_base)
    for engine in ("hybrid-engine", "classic-engine"):
        async with operator.open(engine, _ENGINE_ADMIN) as channel:
            stub = engine_pb2_grpc.EngineAdminServiceStub(channel)
            await stub.SetLlmMode(engine_pb2.SetLlmModeRequest(mode=mode, reason="load test"))


def _companies(examples: Path, state: Path) -> Path:
    """Returns a folder with the companies: the order bot of the examples, under each id."""
    source = examples / BUSY
    bundle = (source / "tenant.yaml").read_text(encoding="utf-8")
    folder = state / "companies"
    for tenant, per_minute in ((BUSY, 10_000_000), (OTHER, 10_000_000), (LOUD, LOUD_PER_MINUTE)):
        (folder / tenant).mkdir(parents=True)
        limits = f"limits: {{user_per_minute: 100000, tenant_per_minute: {per_minute}}}"
        own = re.sub(r"^id: .*$", f"id: {tenant}", bundle, flags=re.MULTILINE)
        (folder / tenant / "tenant.yaml").write_text(f"{own}\n{limits}\n", encoding="utf-8")
        (folder / tenant / "documents").symlink_to((source / "documents").resolve())
    return folder
