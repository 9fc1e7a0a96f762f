"""A migration's report in plain lines, the same for a service's command and for the operators' one."""

from collections.abc import Iterator, Sequence

from libs.common.migrations.runner import StoreReport


def lines(report: StoreReport, *, is_dry: bool) -> Iterator[str]:
    """Yields the lines about one store."""
    stamp = report.stamp_before
    before = "no stamp" if stamp is None else f"version {stamp.version}"
    newer = stamp is not None and stamp.version > report.version
    arrow = "" if newer or (stamp and stamp.version == report.version) else f" → version {report.version}"
    yield f"{report.store}: {before}{arrow}"
    for each in report.findings:
        yield f"  {each.kind}: {each.text}"
    for step in report.steps:
        changed = ", ".join(f"{count} {kind}" for kind, count in step.changes.items())
        would = "would change" if is_dry else "changed"
        yield f"  {step.migration.number} {step.migration.name}: {would} {changed or 'nothing'}"
    if not report.has_work:
        yield "  nothing to do"


def closing(reports: Sequence[StoreReport], *, is_dry: bool) -> str:
    """Returns the last line."""
    if not any(report.has_work for report in reports):
        return "Everything stored has the version of this code."
    if is_dry:
        return "Nothing was changed. Run it without --dry-run to carry this out."
    changes = sum(sum(step.changes.values()) for report in reports for step in report.steps)
    return f"Done: {changes} changes."
