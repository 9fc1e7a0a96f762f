"""The audit in a file of one's own: what the store cannot take back once it was written down elsewhere.

One line of JSON an entry, oldest first, as the chain hashes them. A file that is there is gone on with, and only if the
router's chain still runs through its last entry: so whoever rewrites the store's whole chain is found out too.
"""

import os
from pathlib import Path
from typing import Any

from libs.common.errors import PreconditionFailed
from repartee.v1 import rollout_pb2
from services.router.rollout.audit import NO_ENTRY, AuditEntry, Head, is_intact

_PAGE_SIZE = 200


async def export_audit(stub: Any, path: Path) -> tuple[int, Head]:
    """Adds to `path` every entry that it lacks; returns how many, and place and hash of the newest.

    Raises PreconditionFailed (AUDIT_BROKEN) and writes nothing when the file, the router's chain, or the place where
    they meet is not as it was written. The router's own errors pass.
    """
    kept = read_audit(path)
    last = kept[-1].head if kept else NO_ENTRY
    newest_first = await _entries_down_to(stub, last.sequence)
    meeting = newest_first.pop() if kept and newest_first and newest_first[-1].sequence == last.sequence else None
    if kept and (meeting is None or meeting.head != last):
        raise _broken(f"The router's entry {last.sequence} is not the one at the end of {path.name}")
    reaches_back = not newest_first or newest_first[-1].sequence == last.sequence + 1
    if not reaches_back or not is_intact([*newest_first, *([meeting] if meeting else [])]):
        raise _broken("The router's chain is not whole")
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{entry.to_json()}\n" for entry in reversed(newest_first))
        file.flush()
        os.fsync(file.fileno())
    return len(newest_first), newest_first[0].head if newest_first else last


def read_audit(path: Path) -> list[AuditEntry]:
    """Returns the entries of an exported file, oldest first, none for one that is not there; raises AUDIT_BROKEN."""
    if not path.exists():
        return []
    try:
        entries = [AuditEntry.from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise _broken(f"{path.name} holds a line that is no entry") from error
    if entries and (entries[0].sequence != 1 or not is_intact(entries[::-1])):
        raise _broken(f"{path.name} is not as it was written")
    return entries


async def _entries_down_to(stub: Any, sequence: int) -> list[AuditEntry]:
    """Returns the router's entries, newest first, as far as `sequence`."""
    found: list[AuditEntry] = []
    token = ""
    while True:
        page = await stub.ListAudit(rollout_pb2.ListAuditRequest(page_size=_PAGE_SIZE, page_token=token))
        if not page.chain_intact:
            raise _broken("The router's chain is not whole")
        found += [entry for entry in map(_entry, page.entries) if entry.sequence >= sequence]
        token = page.next_page_token
        if not token or int(token) <= sequence:
            return found


def _entry(message: rollout_pb2.AuditEntry) -> AuditEntry:
    return AuditEntry(
        sequence=message.sequence,
        tenant=message.tenant_id,
        at_ms=message.time.ToMilliseconds(),
        actor=message.actor,
        action=message.action,
        reason=message.reason,
        before=message.before,
        after=message.after,
        previous_hash=message.previous_hash,
        hash=message.hash,
    )


def _broken(what: str) -> PreconditionFailed:
    return PreconditionFailed(
        "AUDIT_BROKEN",
        f"{what}: an entry was changed, dropped or moved afterwards. Nothing was written; keep the file, and compare.",
    )
