"""`repartee preflight` and `repartee support-bundle` on a real stack."""

import json
import tarfile
from pathlib import Path

import pytest

from repartee.v1 import rag_pb2, rag_pb2_grpc, router_pb2, router_pb2_grpc
from tests.e2e.test_stack import ROOT, repartee
from tests.fakes.planted_secrets import FORMS, SECRET
from tools.connection import Connection
from tools.stack import StackOptions, free_port_base, running_stack

ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
RAG = rag_pb2.DESCRIPTOR.services_by_name["RagService"]
CUSTOMER = "Awa Koné de Yopougon, rappelez le 0708091011"
PERSONAL = ("Awa", "Koné", "0708091011", "rappelez")


async def test_a_stack_and_a_tenant_are_checked_and_a_bundle_tells_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    options = StackOptions(state=state, port_base=free_port_base(), fake_llm=True)
    async with running_stack(options) as stack:
        at = ("--port-base", str(stack.options.port_base))
        code, printed = await repartee("preflight", *at, "--redis-url", stack.redis_url)
        assert code == 1
        assert "❌ tenants: no tenant is in force → put one with" in printed
        code, printed = await repartee("tenants", "apply", str(ROOT / "examples/tenants/rue-du-gros"), *at)
        assert code == 0, printed
        code, printed = await repartee("ingest", str(price_lists(tmp_path)), "-t", "rue-du-gros", *at)
        assert code == 0, printed
        code, printed = await repartee("learn", "rue-du-gros", *at)
        assert code == 0, printed
        code, printed = await repartee("preflight", *at, "--redis-url", stack.redis_url)
        assert (code, printed.count("✅")) == (0, 15), printed
        assert "Nothing failed; 3 of 18 to look at before production." in printed
        code, printed = await repartee("voice", "pregenerate", "-t", "rue-du-gros", *at)
        assert code == 0, printed
        code, printed = await repartee("preflight", "-t", "rue-du-gros", "--json", *at)
        checks = {each["name"]: each["result"] for each in json.loads(printed)["checks"]}
        # The double's model has no price, and nothing limits what it may cost.
        assert {name for name, result in checks.items() if result != "pass"} == {"limits and budget", "prices"}, printed
        assert (code, len(checks)) == (0, 10)
        code, printed = await repartee("preflight", "-t", "nobody", *at)
        assert code == 1
        assert "❌ bundle in force: TENANT_NOT_FOUND" in printed

        await a_fresh_conversation(stack.options.port_base)
        # A dead service is a finding, and the bundle says so instead of failing.
        await stack.kill("voice")
        with (state / "logs" / "voice.log").open("a") as log:
            log.write("\n".join(FORMS) + "\nand nameless-but-known\n")
        monkeypatch.setenv("OPENAI_API_KEY", "nameless-but-known")
        bundle = tmp_path / "support.tar.gz"
        code, printed = await repartee("support-bundle", "-o", str(bundle), "--state", str(state), *at)
        assert code == 0, printed
    parts = parts_of(bundle)
    logged(
        parts["logs/rag.log"] + parts["logs/cache.log"],
        "[REGEX] prix_quantite: 3 paquets - 13.000 FCFA",
        "[REGEX] Utilisation de 4 patterns pour company rue-du-...",
        "✅ Cache HIT [rue-du-] (confidence: 1.00)",
    )
    assert {"settings.json", "versions.json", "switch/audit.json", "traces/router.jsonl"} <= set(parts)
    assert json.loads(parts["status/router.json"])["service"] == "router"
    assert json.loads(parts["status/voice.json"])["unanswered"] == "UNAVAILABLE"
    assert bundle.stat().st_mode & 0o077 == 0
    leaked = [
        f"{name}: {word}"
        for name, text in parts.items()
        for word in (SECRET, "nameless-but-known", *PERSONAL)
        if word in text
    ]
    assert leaked == []


def price_lists(folder: Path) -> Path:
    """Writes the price lists of three towns; what one document says alone is not learned."""
    lists = folder / "lists"
    lists.mkdir()
    for number, town in enumerate(("Korhogo", "Daloa", "Man")):
        prices = "\n".join(f"- {count} paquets - {count * 4 + number}.000 FCFA" for count in (6, 12, 24))
        (lists / f"{town}.md").write_text(f"# Tarifs de {town}\n\n- 6 paquets - 25.000 FCFA\n{prices}\n")
    return lists


async def a_fresh_conversation(port_base: int) -> None:
    """Asks the same question in two conversations, and says something personal in a third."""
    client = Connection.for_tenant("rue-du-gros", port_base=port_base)
    async with client.open("router", ROUTER) as channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        for number, message in enumerate(("Combien coûtent 6 paquets ?", "Combien coûtent 6 paquets ?", CUSTOMER)):
            request = router_pb2.ChatRequest(conversation_id=f"fresh-{number}", message=message)
            reply = await stub.Chat(request, timeout=20)
            assert reply.text
            assert reply.cache.hit is (number == 1)
    async with client.open("rag", RAG) as channel:
        request = rag_pb2.ExtractFactsRequest(text="6 paquets - 25.000 FCFA")
        facts = (await rag_pb2_grpc.RagServiceStub(channel).ExtractFacts(request, timeout=20)).facts
        assert [each.value for each in facts] == ["6", "25000"]


def parts_of(bundle: Path) -> dict[str, str]:
    """Returns what a bundle holds, by name."""
    with tarfile.open(bundle) as archive:
        return {
            each.name.removeprefix("repartee-support/"): file.read().decode()
            for each in archive
            if (file := archive.extractfile(each)) is not None
        }


def logged(text: str, *lines: str) -> None:
    """Fails unless `text` holds the lines."""
    assert [line for line in lines if line not in text] == []
