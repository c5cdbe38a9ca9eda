"""Pure: many HotUpgrades, or the revisions of one, as a table without lines, as kubectl does."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table

from hotupgrade_kubectl.ages import age
from hotupgrade_kubectl.objects import HotUpgrade, short


def listing(found: Iterable[HotUpgrade], all_namespaces: bool, now: datetime) -> Table:
    columns = ["NAME", "PHASE", "STEP", "WEIGHT", "DESIRED", "UPDATED", "READY"]
    columns += ["STABLE", "TARGET", "AGE"]
    table = _table(["NAMESPACE", *columns] if all_namespaces else columns)
    for each in sorted(found, key=lambda h: (h.metadata.namespace, h.name)):
        status, steps = each.status, len(each.spec.strategy.steps)
        step = f"{min(status.current_step_index + 1, steps)}/{steps}" if steps else "-"
        target = short(each.wanted, each.spec.artifact.version if each.spec.artifact else "")
        row = [
            each.name,
            str(status.phase),
            step if each.is_under_way else "-",
            str(status.weights.update),
            str(status.pods),
            str(status.updated_pods),
            str(status.ready_pods),
            short(status.stable_revision, status.stable_version),
            target if each.is_under_way else "-",
            age(each.metadata.creation_timestamp, now),
        ]
        table.add_row(*([each.metadata.namespace, *row] if all_namespaces else row))
    return table


def history(hot_upgrade: HotUpgrade, now: datetime) -> Table:
    """The newest first."""
    table = _table(["REVISION", "VERSION", "RESULT", "AGE", "WHY"])
    status = hot_upgrade.status
    for entry in reversed(status.history):
        result = entry.result or "UnderWay"
        if entry.revision == status.stable_revision:
            result = "Stable (now)"
        why = ": ".join(part for part in (entry.reason, entry.message) if part)
        row = (entry.revision, entry.version or "-", result, age(entry.time, now), why or "-")
        table.add_row(*row)
    return table


def _table(columns: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
