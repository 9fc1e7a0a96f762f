"""What indexing and removing do, in which order, and what is left when they fail."""

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.common.errors import InvalidRequest, NotFound, Unavailable
from libs.common.request_context import Budget, Principal
from services.rag.adapters.file_clock import FileClock
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.catalog import Catalog
from services.rag.chunking import Block
from services.rag.documents import Parsed, ReadDocument, Refusal, SubmittedDocument, read_document
from services.rag.ingestion import Ingestion
from services.rag.outcomes import Outcome
from services.rag.retrieval import PassageRetrieval, Question
from services.rag.tenant_scope import TenantScope
from tests.fakes.embedder import HashEmbedder
from tests.fakes.rag_parts import FixedRules, JournalIndex, MemoryClock, principal

SHOP = principal("shop")
BUDGET = Budget.of(5.0)
LONG = "\n\n".join(f"# Partie {n}\n\nLe texte de la partie numéro {n}." for n in range(70))


def document(document_id: str, text: str, owner: str = "") -> SubmittedDocument:
    return SubmittedDocument(document_id, text.encode(), agent_owner=owner)


class Stage:
    """Ingestion on a real embedded index, with one journal of everything that changes."""

    def __init__(self, folder: Path) -> None:
        self.journal: list[str] = []
        self.embedder = HashEmbedder()
        self.edge = QdrantEdgeIndex.open(
            folder, embedder_id=self.embedder.embedder_id, dimensions=self.embedder.dimensions
        )
        self.index = JournalIndex(self.edge, self.journal)
        self.clock = MemoryClock(self.journal)
        self.rules = FixedRules(owners=frozenset({"awa"}))
        self.ingestion = Ingestion(
            index=self.index,
            embedder=self.embedder,
            clock=self.clock,
            rules=self.rules,
            now=lambda: datetime(2026, 5, 4, tzinfo=UTC),
        )
        self.retrieval = PassageRetrieval(index=self.index, embedder=self.embedder, clock=self.clock, rules=self.rules)

    async def found(self, text: str, tenant: str = "shop") -> list[str]:
        found = await self.retrieval.retrieve(principal(tenant), Question(text, passage_count=20), budget=BUDGET)
        return [passage.hit.document_id for passage in found.passages]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    await made.edge.aclose()


async def test_a_bad_document_is_refused_alone_and_results_keep_the_order(stage: Stage) -> None:
    upserted = await stage.ingestion.upsert(
        SHOP, [document("a", "les frais"), document("b", " "), document("c", "x", "nobody"), document("d", "retrait")]
    )
    assert [(each.document_id, each.outcome, each.reason) for each in upserted.outcomes] == [
        ("a", Outcome.INDEXED, ""),
        ("b", Outcome.REFUSED, "DOCUMENT_EMPTY"),
        ("c", Outcome.REFUSED, "OWNER_UNKNOWN"),
        ("d", Outcome.INDEXED, ""),
    ]
    assert sorted(await stage.found("les frais")) == ["a", "d"]


async def test_the_epoch_moves_before_anything_is_changed_and_again_after(stage: Stage) -> None:
    upserted = await stage.ingestion.upsert(SHOP, [document("a", "les frais")])
    assert stage.journal == ["epoch", "write", "remove", "epoch", "write"]
    assert upserted.knowledge_epoch == 2
    stage.journal.clear()
    await stage.ingestion.delete(SHOP, ["a"])
    assert stage.journal == ["epoch", "remove", "epoch"]


async def test_the_same_content_is_no_work(stage: Stage) -> None:
    first = await stage.ingestion.upsert(SHOP, [document("a", LONG)])
    stage.journal.clear()
    stage.embedder.calls.clear()
    again = await stage.ingestion.upsert(SHOP, [document("a", LONG)])
    assert again.outcomes[0].outcome is Outcome.UNCHANGED
    assert again.outcomes[0].chunk_count == first.outcomes[0].chunk_count == 70
    assert again.knowledge_epoch == first.knowledge_epoch
    assert (stage.journal, stage.embedder.calls) == ([], [])


async def test_another_owner_for_the_same_content_is_work(stage: Stage) -> None:
    await stage.ingestion.upsert(SHOP, [document("a", "les frais")])
    moved = await stage.ingestion.upsert(SHOP, [document("a", "les frais", "awa")])
    assert moved.outcomes[0].outcome is Outcome.INDEXED
    assert await stage.found("les frais") == []


async def test_old_chunks_of_a_document_that_shrank_are_gone(stage: Stage) -> None:
    await stage.ingestion.upsert(SHOP, [document("a", LONG)])
    await stage.ingestion.upsert(SHOP, [document("a", "une seule phrase")])
    assert (await stage.edge.size(TenantScope(SHOP))).chunks == 1


async def test_a_removed_document_is_found_no_more_and_others_are(stage: Stage) -> None:
    await stage.ingestion.upsert(SHOP, [document("a", LONG), document("b", "partie numéro 3")])
    deleted = await stage.ingestion.delete(SHOP, ["a", "a", "missing"])
    assert deleted.count == 1
    assert await stage.found("partie numéro 3") == ["b"]


async def test_one_tenant_cannot_remove_nor_replace_what_another_has(stage: Stage) -> None:
    await stage.ingestion.upsert(SHOP, [document("a", "les frais")])
    await stage.ingestion.delete(principal("other"), ["a"])
    await stage.ingestion.upsert(principal("other"), [document("a", "tout autre chose")])
    assert await stage.found("les frais") == ["a"]
    assert stage.clock.epochs["shop"] == 2


async def test_nothing_changes_when_the_epoch_cannot_move(stage: Stage) -> None:
    await stage.ingestion.upsert(SHOP, [document("a", "les frais")])
    stage.journal.clear()
    stage.clock.is_down = True
    with pytest.raises(Unavailable):
        await stage.ingestion.delete(SHOP, ["a"])
    with pytest.raises(Unavailable):
        await stage.ingestion.upsert(SHOP, [document("a", "autre"), document("b", "neuf")])
    assert stage.journal == []
    assert await stage.found("les frais") == ["a"]


async def test_indexing_that_was_cut_short_is_done_again(stage: Stage) -> None:
    """The same content is only `unchanged` once all of it is in and the epoch has moved for the last time."""
    stage.embedder.fail_times = 1
    with pytest.raises(Unavailable):
        await stage.ingestion.upsert(SHOP, [document("a", LONG)])
    stage.index.failing_writes = {2}
    with pytest.raises(Unavailable):
        await stage.ingestion.upsert(SHOP, [document("a", LONG)])
    done = await stage.ingestion.upsert(SHOP, [document("a", LONG)])
    assert done.outcomes[0].outcome is Outcome.INDEXED
    assert (await stage.edge.size(TenantScope(SHOP))).chunks == 70


async def test_a_document_whose_last_mark_failed_is_indexed_again(stage: Stage) -> None:
    stage.index.failing_writes = {2}
    with pytest.raises(Unavailable):
        await stage.ingestion.upsert(SHOP, [document("a", "les frais")])
    assert stage.clock.epochs["shop"] == 2
    again = await stage.ingestion.upsert(SHOP, [document("a", "les frais")])
    assert again.outcomes[0].outcome is Outcome.INDEXED


async def test_concurrent_changes_of_one_document_leave_one_of_them(stage: Stage) -> None:
    texts = [f"# Version {n}\n\n" + "\n\n".join(f"# v{n} p{p}\n\nmot{n} {p}" for p in range(40)) for n in range(5)]
    await asyncio.gather(*(stage.ingestion.upsert(SHOP, [document("a", text)]) for text in texts))
    found = await stage.retrieval.retrieve(SHOP, Question("mot", candidate_count=100, passage_count=20), budget=BUDGET)
    versions = {passage.hit.title.split(" > ")[0] for passage in found.passages}
    assert len(versions) == 1


async def test_the_last_of_two_documents_of_one_id_wins(stage: Stage) -> None:
    await stage.ingestion.upsert(SHOP, [document("a", "premier"), document("a", "second")])
    found = await stage.retrieval.retrieve(SHOP, Question("second"), budget=BUDGET)
    assert [passage.hit.text for passage in found.passages] == ["second"]
    again = await stage.ingestion.upsert(SHOP, [document("a", "second")])
    assert again.outcomes[0].outcome is Outcome.UNCHANGED


async def test_an_unknown_tenant_is_refused(stage: Stage) -> None:
    stage.rules.missing.add("shop")
    with pytest.raises(NotFound):
        await stage.ingestion.upsert(SHOP, [document("a", "x")])
    with pytest.raises(NotFound):
        await stage.ingestion.delete(SHOP, ["a"])
    assert stage.journal == []


async def test_documents_are_listed_page_by_page(stage: Stage) -> None:
    names = [f"d{n:02}" for n in range(7)]
    await stage.ingestion.upsert(SHOP, [document(name, f"texte de {name}") for name in reversed(names)])
    catalog = Catalog(index=stage.edge, rules=stage.rules)
    seen: list[str] = []
    token = ""
    for _ in range(3):
        page = await catalog.page(SHOP, page_size=3, page_token=token)
        seen += [listed.record.document_id for listed in page.documents]
        token = page.next_page_token
    assert (seen, token) == (names, "")
    assert (await catalog.page(principal("other"), page_size=3, page_token="")).documents == ()
    with pytest.raises(InvalidRequest):
        await catalog.page(SHOP, page_size=3, page_token="é!")


async def test_epochs_in_files_outlive_the_process_and_are_each_tenants_own(tmp_path: Path) -> None:
    first = FileClock(tmp_path / "epochs")
    shop, other = TenantScope(SHOP), TenantScope(principal("other"))
    assert await first.read(shop) == 0
    assert [await first.advance(shop), await first.advance(shop)] == [1, 2]
    second = FileClock(tmp_path / "epochs")
    assert (await second.read(shop), await second.read(other)) == (2, 0)
    (tmp_path / "epochs" / "other").write_text("junk")
    with pytest.raises(Unavailable):
        await FileClock(tmp_path / "epochs").advance(other)


async def test_calls_go_on_while_a_large_document_is_cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def cut_slowly(submitted: SubmittedDocument, **more: Collection[str]) -> ReadDocument | Refusal:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(10)
        return read_document(submitted, **more)

    monkeypatch.setattr("services.rag.ingestion.read_document", cut_slowly)
    async with asyncio.TaskGroup() as tasks:
        upserting = tasks.create_task(stage.ingestion.upsert(SHOP, [document("frais", "La livraison coûte 10 F.")]))
        await begun.wait()
        assert await stage.found("livraison") == []
        may_end.set()
    assert upserting.result().outcomes[0].outcome is Outcome.INDEXED


class Files:
    """A FileReader that answers what it is told."""

    def __init__(self, answer: Parsed | Refusal) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def read(self, document: SubmittedDocument) -> Parsed | Refusal:
        self.asked.append(document.document_id)
        return self.answer


ENCRYPTED = Refusal("ENCRYPTED", "Locked.", is_quarantine=True)
PAGE = Parsed("Guide", (Block(("page 1",), "Le joint JT-2042 est en stock."),))


def file(document_id: str, content: bytes = b"%PDF-1.4 a") -> SubmittedDocument:
    return SubmittedDocument(document_id, content)


def reading(stage: Stage, files: Files) -> Ingestion:
    return Ingestion(
        index=stage.index,
        embedder=stage.embedder,
        clock=stage.clock,
        rules=stage.rules,
        files=files,
        quarantine=stage.edge,
    )


async def listed(stage: Stage) -> list[tuple[str, str, str, int]]:
    page = await Catalog(index=stage.edge, rules=stage.rules, quarantine=stage.edge).page(
        SHOP, page_size=9, page_token=""
    )
    return [(each.record.document_id, each.status, each.reason, each.record.chunk_count) for each in page.documents]


async def test_a_file_is_read_cut_and_found_with_its_page_and_its_code(stage: Stage) -> None:
    upserted = await reading(stage, Files(PAGE)).upsert(SHOP, [file("guide")])
    assert upserted.outcomes[0].outcome is Outcome.INDEXED
    found = await stage.retrieval.retrieve(SHOP, Question("jt2042"), budget=BUDGET)
    assert found.passages[0].hit.title == "Guide > page 1"
    record = (await stage.edge.documents(TenantScope(SHOP)))[0]
    assert (record.media_type, record.locale) == ("application/pdf", "fr")


async def test_a_file_that_cannot_be_read_is_set_aside_and_the_rest_goes_on(stage: Stage) -> None:
    upserted = await reading(stage, Files(ENCRYPTED)).upsert(SHOP, [file("locked"), document("a", "les frais")])
    assert [(each.outcome, each.reason) for each in upserted.outcomes] == [
        (Outcome.QUARANTINED, "ENCRYPTED"),
        (Outcome.INDEXED, ""),
    ]
    assert await listed(stage) == [("a", "indexed", "", 1), ("locked", "quarantined", "ENCRYPTED", 0)]


async def test_an_earlier_version_stays_in_use_until_a_readable_one_comes(stage: Stage) -> None:
    files = Files(PAGE)
    ingestion = reading(stage, files)
    first = await ingestion.upsert(SHOP, [file("guide")])
    files.answer = ENCRYPTED
    bad = await ingestion.upsert(SHOP, [file("guide", b"%PDF-1.4 b")])
    assert (bad.outcomes[0].chunk_count, bad.knowledge_epoch) == (1, first.knowledge_epoch)
    assert await stage.found("joint") == ["guide"]
    assert await listed(stage) == [("guide", "quarantined", "ENCRYPTED", 1)]
    again = await ingestion.upsert(SHOP, [file("guide")])
    assert again.outcomes[0].outcome is Outcome.UNCHANGED
    assert await listed(stage) == [("guide", "indexed", "", 1)]


async def test_a_deleted_document_leaves_no_note(stage: Stage) -> None:
    ingestion = reading(stage, Files(ENCRYPTED))
    await ingestion.upsert(SHOP, [file("locked")])
    await ingestion.delete(SHOP, ["locked"])
    assert await listed(stage) == []


async def test_what_is_unchanged_is_not_even_read(stage: Stage) -> None:
    files = Files(PAGE)
    ingestion = reading(stage, files)
    await ingestion.upsert(SHOP, [file("guide")])
    await ingestion.upsert(SHOP, [file("guide")])
    assert files.asked == ["guide"]


class Patterns:
    """A PatternKeeper that writes down what it is told."""

    def __init__(self, journal: list[str]) -> None:
        self._journal = journal

    def documents_changed(self, owner: Principal) -> None:
        self._journal.append("changed")

    async def documents_gone(self, owner: Principal, document_ids: Sequence[str]) -> None:
        self._journal.append(f"gone {' '.join(document_ids)}")


async def test_patterns_lose_a_document_after_the_passages_and_before_the_call_returns(stage: Stage) -> None:
    ingestion = Ingestion(
        index=stage.index,
        embedder=stage.embedder,
        clock=stage.clock,
        rules=stage.rules,
        patterns=Patterns(stage.journal),
    )
    await ingestion.upsert(SHOP, [document("a", "les frais")])
    assert stage.journal == ["epoch", "write", "remove", "epoch", "write", "changed"]
    stage.journal.clear()
    await ingestion.delete(SHOP, ["a", "b"])
    assert stage.journal == ["epoch", "remove", "remove", "gone a b", "epoch"]
