"""Patterns through a real server: learned, used, looked at, carried over, and gone with their documents."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from typer.testing import CliRunner

from libs.common.pattern_client import get_patterns_for_company, learn_patterns_for_company
from libs.common.status import RemoteError
from repartee.v1 import rag_pb2
from services.rag import app
from tests.fakes.pattern_world import SHOP
from tests.service.test_rag_service import (
    OPERATOR,
    Client,
    ClosableEmbedder,
    of,
    reason_of,
    serving,
    settings_on_files,
)
from tools.cli import app as command
from tools.connection import PORTS


@pytest.fixture(autouse=True)
def fake_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "open_embedder", lambda *_: ClosableEmbedder())


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(await settings_on_files(tmp_path)) as running:
        yield running


async def learn(client: Client, tenant: str = "shop", **fields: object) -> rag_pb2.LearnPatternsResponse:
    return await client.rag.LearnPatterns(rag_pb2.LearnPatternsRequest(**fields), metadata=of(tenant), timeout=30)


async def facts(client: Client, text: str, tenant: str = "shop") -> set[tuple[str, str]]:
    request = rag_pb2.ExtractFactsRequest(text=text)
    found = await client.rag.ExtractFacts(request, metadata=of(tenant), timeout=10)
    return {(fact.kind, fact.value) for fact in found.facts}


async def test_learned_patterns_are_used_by_their_tenant_alone_and_go_with_their_documents(client: Client) -> None:
    await client.put("shop", **SHOP)
    learned = await learn(client)
    assert (learned.documents, learned.country) == (4, "CI")
    assert ("money", "12500") in await facts(client, "Prix : 12.500")
    assert ("money", "12500") not in await facts(client, "Prix : 12.500", tenant="other")
    own = await client.rag.GetPatterns(rag_pb2.GetPatternsRequest(), metadata=of("shop"))
    assert {pattern.field for pattern in own.patterns if pattern.generic} >= {"prix", "email", "telephone"}
    gone = rag_pb2.DeleteDocumentsRequest(document_ids=list(SHOP))
    await client.rag.DeleteDocuments(gone, metadata=of("shop"), timeout=20)
    left = await client.rag.GetPatterns(rag_pb2.GetPatternsRequest(), metadata=of("shop"))
    assert all(pattern.generic for pattern in left.patterns)
    assert left.version > own.version
    assert ("money", "12500") not in await facts(client, "Prix : 12.500")


async def test_learning_without_documents_says_so(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await learn(client)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(refused.value) == "NO_DOCUMENTS"


async def test_operators_import_roll_back_and_count(client: Client) -> None:
    await client.put("shop", **SHOP)
    learned = await learn(client)
    bad = rag_pb2.Pattern(field="prix", expression=r"(\d+)+")
    request = rag_pb2.ImportPatternsRequest(tenant_id="shop", patterns=[*learned.patterns, bad], reason="r")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.admin.ImportPatterns(request, metadata=OPERATOR)
    assert reason_of(refused.value) == "PATTERN_UNSAFE"
    request = rag_pb2.ImportPatternsRequest(tenant_id="shop", patterns=learned.patterns[:1], reason="r")
    assert (await client.admin.ImportPatterns(request, metadata=OPERATOR)).version == learned.version + 1
    back = rag_pb2.RollbackPatternsRequest(tenant_id="shop", version=learned.version, reason="r")
    assert (await client.admin.RollbackPatterns(back, metadata=OPERATOR)).version == learned.version + 2
    back.version = 99
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await client.admin.RollbackPatterns(back, metadata=OPERATOR)
    assert reason_of(missing.value) == "PATTERNS_VERSION_NOT_FOUND"
    await facts(client, "Prix : 12.500")
    stats = await client.admin.GetPatternStats(rag_pb2.GetPatternStatsRequest(), metadata=OPERATOR)
    shown = MessageToDict(stats, always_print_fields_with_no_presence=True)
    assert shown == {"companies_in_redis": 1, "companies_in_memory": 1, "cache_ttl_days": 7}


async def test_programs_and_the_command_line_learn_and_look(client: Client, tmp_path: Path) -> None:
    port = client.port
    documents = [rag_pb2.Document(document_id=name, content=text.encode()) for name, text in SHOP.items()]
    target = f"127.0.0.1:{port}"
    learned = await asyncio.to_thread(learn_patterns_for_company, "shop", documents, target=target)
    assert (learned["documents"], learned["country"]) == (4, "CI")
    found = await asyncio.to_thread(get_patterns_for_company, "shop", target=target)
    assert found["version"] == learned["version"]
    with pytest.raises(RemoteError):
        await asyncio.to_thread(learn_patterns_for_company, "other", target=target)

    place = ["--port-base", str(port - PORTS["rag"])]
    file = str(tmp_path / "patterns.json")
    for arguments, said in (
        (["learn", "shop"], "4 documents"),
        (["learn", "shop", "--dry-run", "--json"], '"field": "prix"'),
        (["patterns", "show", "-t", "shop"], "generic"),
        (["patterns", "export", "-t", "shop", file], "written to"),
        (["patterns", "import", "-t", "shop", file, "-r", "moved"], "version"),
        (["patterns", "rollback", "-t", "shop", "1", "-r", "back"], "equals version 1"),
    ):
        result = await asyncio.to_thread(CliRunner().invoke, command, [*arguments, *place])
        assert result.exit_code == 0, result.output
        assert said in result.output
