"""The dashboard that is checked in is what the code makes, and Prometheus can read its queries."""

import json
from pathlib import Path
from typing import Any

import yaml

from deploy.monitoring.dashboard import encoded
from tests.monitoring_config import RULES
from tests.prometheus_tools import run

CHECKED_IN = (RULES / "dashboard.json").read_text()
DASHBOARD: dict[str, Any] = json.loads(CHECKED_IN)
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_dashboard_is_what_the_code_makes() -> None:
    assert encoded() == CHECKED_IN, "stale: run `make dashboard`"


def test_promtool_reads_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run("promtool", "check", "rules", str(file))


def test_every_panel_says_what_it_shows_from_the_source_that_is_chosen() -> None:
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["targets"]


def test_panels_fill_the_width_of_each_row_and_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_every_panel_has_a_number_of_its_own() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
