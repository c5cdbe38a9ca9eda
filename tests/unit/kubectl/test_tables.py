"""`list` and `history`: columns as kubectl's, whole however long they get."""

import io
from datetime import timedelta

import pytest
from rich.table import Table

from hotupgrade_kubectl import tables
from hotupgrade_kubectl.ages import age
from hotupgrade_kubectl.commands import console_for, show_table
from tests.unit.kubectl.seen import NEW, NOW, OLD, hot_upgrade, rejected, stable


def rows(table: Table) -> list[list[str]]:
    written = io.StringIO()
    show_table(console_for(written), table)
    return [line.split() for line in written.getvalue().splitlines()]


def test_list_tells_step_weight_and_target_of_an_upgrade_under_way() -> None:
    status = {"currentStepIndex": 1, "updatedPods": 1, "weights": {"stable": 97, "update": 3}}
    moving = hot_upgrade(status, strategy={"steps": [{"setPods": 1}, {"setWeight": 10}]})
    head, row, rest = rows(tables.listing([moving, stable()], False, NOW))
    assert head[:4] == ["NAME", "PHASE", "STEP", "WEIGHT"]
    assert row == ["web", "Upgrading", "2/2", "3", "3", "1", "3", "1.8.1", "1.8.2", "2d"]
    assert rest == ["web", "Stable", "-", "100", "3", "3", "3", "1.8.2", "-", "2d"]


def test_list_of_all_namespaces_names_them() -> None:
    head, row = rows(tables.listing([stable()], True, NOW))
    assert (head[0], row[0]) == ("NAMESPACE", "shop")


def test_history_has_the_newest_first_and_says_why_one_was_rejected() -> None:
    why = "web-a: " + "the last answer was long, " * 20
    entries = [
        {"revision": OLD, "version": "1.8.1", "result": "Stable", "time": "2026-01-01T11:00:00Z"},
        {"revision": NEW, "result": "Rejected", "reason": "ProbeFailed", "message": why},
    ]
    _, newest, oldest = rows(tables.history(rejected({"history": entries}), NOW))
    assert newest == [NEW, "-", "Rejected", "?", "ProbeFailed:", *why.split()]
    assert oldest == [OLD, "1.8.1", "Stable", "(now)", "60m", "-"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (119, "119s"), (120, "2m"), (10799, "179m"), (10800, "3h"), (172800, "2d")],
)
def test_ages_are_short(seconds: int, shown: str) -> None:
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == shown


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-01-01T11:00:00"])
def test_what_is_no_instant_has_no_age(time: str | None) -> None:
    assert age(time, NOW) == "?"
