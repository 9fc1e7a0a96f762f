"""What a stopped router left in its outbox: read, never changed, because the next router takes it."""

from collections.abc import Sequence
from pathlib import Path

from libs.common.migrations.finding import Finding
from services.router.adapters.outbox_frames import read_frames


def inspect_outbox(folder: Path) -> Sequence[Finding]:
    """Returns whether this code reads the turns that wait in `folder`, file by file; nothing for an empty one."""
    findings: list[Finding] = []
    for journal in sorted(folder.glob("*.journal")):
        found = read_frames(journal.read_bytes())
        if found.damage:
            findings.append(
                Finding("warning", f"{journal}: {found.damage}; {len(found.turns)} turns before it are read")
            )
        elif found.turns:
            findings.append(Finding("fact", f"{journal}: {len(found.turns)} turns wait for the store"))
    return findings
