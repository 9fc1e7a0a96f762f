"""What checks before a start share: the stack they look at, and turns that leave nothing behind."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from libs.common.errors import NotFound
from repartee.v1 import common_pb2, common_pb2_grpc, router_pb2, router_pb2_grpc, tenants_pb2, tenants_pb2_grpc
from tools.connection import PORTS, Connection

_ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
STATUS = common_pb2.DESCRIPTOR.services_by_name["StatusService"]
_TENANTS = tenants_pb2.DESCRIPTOR.services_by_name["TenantService"]

GREETING = "Bonjour"


class Failed(Exception):
    """A check that did not pass: what was found, and what to do."""

    def __init__(self, found: str, todo: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.todo = todo


class Doubtful(Failed):
    """A check that found something good enough for a laptop, or could not look."""


@dataclass(frozen=True, slots=True)
class Site:
    """The stack under check, as an operator reaches it; `tenant` is empty for the stack as a whole.

    `redis_url`, `metrics` and `replicas` (each `host:port`) are what the stack does not tell of itself.
    """

    operator: Connection
    tenant: str = ""
    redis_url: str = ""
    metrics: tuple[str, ...] = ()
    replicas: tuple[str, ...] = ()

    def open(self, service: str, descriptor: ServiceDescriptor) -> grpc.aio.Channel:
        """Opens a channel to a service; the caller closes it with `async with`."""
        return self.operator.open(service, descriptor)

    async def statuses(self) -> dict[str, common_pb2.GetStatusResponse]:
        """Returns what every service says of itself, by its short name."""
        found: dict[str, common_pb2.GetStatusResponse] = {}
        for name in PORTS:
            async with self.open(name, STATUS) as channel:
                stub = common_pb2_grpc.StatusServiceStub(channel)
                found[name] = await stub.GetStatus(common_pb2.GetStatusRequest(), timeout=5)
        return found

    async def some_tenant(self) -> str:
        """Returns the tenant under check, or the first of those in force; raises Failed without any."""
        if self.tenant:
            return self.tenant
        async with self.open("router", _TENANTS) as channel:
            page = await tenants_pb2_grpc.TenantServiceStub(channel).ListTenants(tenants_pb2.ListTenantsRequest())
        if not page.tenants:
            raise Failed("no tenant is in force", "put one with `repartee tenants apply FOLDER`")
        return page.tenants[0].tenant_id

    @contextlib.asynccontextmanager
    async def conversation(self) -> AsyncGenerator["Conversation"]:
        """A new conversation of the tenant within the block, deleted at its end."""
        async with self.open("router", _ROUTER) as channel:
            talk = Conversation(router_pb2_grpc.RouterServiceStub(channel), await self.some_tenant())
            try:
                yield talk
            finally:
                await talk.delete()


class Conversation:
    """Turns of one conversation."""

    def __init__(self, stub: Any, tenant: str) -> None:
        self._stub = stub
        self._tenant = tenant
        self._id = f"preflight-{secrets.token_hex(6)}"

    async def say(self, message: str, *, variant: str = "") -> router_pb2.ChatResponse:
        """Returns the reply; `variant` forces `hybrid` or `classic`."""
        request = router_pb2.ChatRequest(tenant_id=self._tenant, conversation_id=self._id, message=message)
        metadata = (("x-repartee-variant", variant),) if variant else ()
        return await self._stub.Chat(request, timeout=20, metadata=metadata)

    async def messages(self) -> Sequence[common_pb2.Message]:
        """Returns the messages that were kept."""
        request = router_pb2.ListMessagesRequest(tenant_id=self._tenant, conversation_id=self._id)
        return (await self._stub.ListMessages(request, timeout=5)).messages

    async def delete(self) -> None:
        """Deletes everything that was kept of it."""
        request = router_pb2.DeleteConversationRequest(tenant_id=self._tenant, conversation_id=self._id)
        with contextlib.suppress(NotFound):
            await self._stub.DeleteConversation(request, timeout=5)
