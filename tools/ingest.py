"""`repartee ingest`: a folder of documents into a tenant's knowledge, with a progress bar."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from libs.common.errors import FieldViolation, InvalidRequest
from repartee.v1 import rag_pb2, rag_pb2_grpc
from tools.connection import (
    DEFAULT_PORT_BASE,
    Connection,
    HostOption,
    PortBaseOption,
    TenantOption,
    console,
    errors,
    run,
)

_DESCRIPTOR = rag_pb2.DESCRIPTOR.services_by_name["RagService"]
_MEDIA_TYPES = {
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".csv": "text/csv",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
# The id of a text is its name alone; of another file its whole name, so that `prices.md` and `prices.pdf` are two.
_TEXTS = (".md", ".txt")
# A folder of large files may take minutes to read.
_TIMEOUT_SECONDS = 3600.0
_DOCUMENTS_UNDER_WAY = 8
_OUTCOMES = rag_pb2.DocumentResult.Outcome


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A file to index: its id is its path under the folder, its owner the folder it lies in.

    A folder in between is part of the id and of nothing else.
    """

    path: Path
    document_id: str
    owner: str


def ingest(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Documents: FOLDER/OWNER/…, or FOLDER/… with --owner. Markdown, text, HTML, CSV, PDF and DOCX."
        ),
    ],
    tenant: TenantOption = "rue-du-gros",
    owner: Annotated[
        str, typer.Option(help="Whose knowledge it is: an agent's id, or shared. By subfolder if empty.")
    ] = "",
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Index a folder. What is unchanged costs nothing; what is refused or set aside is named, the rest goes on."""
    connection = Connection.for_tenant(tenant, host=host, port_base=port_base)
    refused = run(lambda: ingest_folder(connection, folder, owner=owner, tenant=tenant))
    if refused:
        raise typer.Exit(1)


def find_documents(folder: Path, owner: str = "") -> Sequence[FoundDocument]:
    """Returns the documents under `folder`, in order; raises InvalidRequest (NO_DOCUMENTS) when there are none."""
    found = [
        FoundDocument(path, _document_id(path, folder), owner or _owner(path, folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix.lower() in _MEDIA_TYPES
    ]
    if not found:
        raise InvalidRequest(
            "NO_DOCUMENTS",
            "There is nothing to index there.",
            violations=[
                FieldViolation(str(folder), f"expected a folder with files ending in {', '.join(_MEDIA_TYPES)}")
            ],
        )
    return found


def _document_id(path: Path, folder: Path) -> str:
    relative = path.relative_to(folder)
    return ":".join((relative.with_suffix("") if relative.suffix.lower() in _TEXTS else relative).parts)


def _owner(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else "shared"


async def ingest_folder(connection: Connection, folder: Path, *, owner: str = "", tenant: str = "") -> int:
    """Indexes the documents under `folder` and returns how many were refused or set aside.

    `tenant` is whose they are, where the credential is an operator's; else the credential's own.
    """
    found = find_documents(folder, owner)
    # The first document goes alone: a refusal of the whole call would be lost behind a write that came too late.
    room = asyncio.Semaphore(1)

    async def requests() -> AsyncIterator[rag_pb2.StreamUpsertDocumentsRequest]:
        for document in found:
            await room.acquire()
            yield rag_pb2.StreamUpsertDocumentsRequest(
                tenant_id=tenant,
                document=rag_pb2.Document(
                    document_id=document.document_id,
                    content=document.path.read_bytes(),
                    media_type=_MEDIA_TYPES[document.path.suffix.lower()],
                    agent_owner=document.owner,
                ),
            )

    outcomes: Counter[int] = Counter()
    chunks = 0
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    async with connection.open("rag", _DESCRIPTOR) as channel:
        stub = rag_pb2_grpc.RagServiceStub(channel)
        with bar:
            task = bar.add_task(f"{tenant or folder.name}: indexing documents", total=len(found))
            async for response in stub.StreamUpsertDocuments(requests(), timeout=_TIMEOUT_SECONDS):
                for _ in range(_DOCUMENTS_UNDER_WAY if response.done_count == 1 else 1):
                    room.release()
                result = response.result
                outcomes[result.outcome] += 1
                chunks += result.chunk_count
                if result.reason:
                    colour = "yellow" if result.outcome == _OUTCOMES.OUTCOME_QUARANTINED else "red"
                    errors.print(f"[{colour}]{result.reason}[/]  {result.document_id}: {result.detail}")
                bar.update(task, completed=response.done_count)
    refused, aside = outcomes[_OUTCOMES.OUTCOME_REFUSED], outcomes[_OUTCOMES.OUTCOME_QUARANTINED]
    console.print(
        f"{tenant or folder.name}: {outcomes[_OUTCOMES.OUTCOME_INDEXED]} indexed, "
        f"{outcomes[_OUTCOMES.OUTCOME_UNCHANGED]} unchanged, {refused} refused, {aside} set aside; {chunks} chunks"
    )
    return refused + aside
