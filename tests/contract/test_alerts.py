"""The alerts: each fires when it must and not otherwise, names what exists, and has its runbook."""

import re
from typing import Any

import pytest

from hotupgrade_agent import metrics as agent_metrics
from hotupgrade_api.resource_status import MetricPhase, Phase
from hotupgrade_operator import metrics as operator_metrics
from hotupgrade_operator.observation import Standing
from tests.monitoring_config import ROOT, RULES, alerts, load
from tests.prometheus_tools import run

TESTS = sorted((ROOT / "tests/contract/alerts").glob("*.yaml"))
RUNBOOKS = ROOT / "docs/runbooks"
TROUBLESHOOT = (ROOT / "docs/how-to/troubleshoot.md").read_text()
MONITOR = (ROOT / "docs/how-to/monitor.md").read_text()
FILES = ("alerts.yaml", "app-alerts.yaml")
ALERTS = {rule["alert"]: rule for file in FILES for rule in alerts(load(RULES / file))}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def samples() -> set[str]:
    """Names on the wire of every metric that operator and agent have."""
    return {
        family.name + suffix
        for registry in (operator_metrics.REGISTRY, agent_metrics.REGISTRY)
        for family in registry.collect()
        for suffix in SUFFIXES.get(family.type, ("",))
    }


def expressions(file: str) -> str:
    return "\n".join(
        rule["expr"] for group in load(RULES / file)["groups"] for rule in group["rules"]
    )


def expected(alert: str) -> list[list[dict[str, Any]]]:
    """What its tests say that fires, evaluation by evaluation."""
    written = load(ROOT / f"tests/contract/alerts/{alert}.yaml")
    return [
        check["exp_samples"]
        for test in written["tests"]
        for check in test["promql_expr_test"]
        if f'alertname="{alert}"' in check["expr"]
    ]


def test_promtool_passes_every_test_of_the_rules() -> None:
    run("promtool", "test", "rules", *map(str, TESTS))


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_is_seen_firing_and_not_firing(alert: str) -> None:
    found = expected(alert)
    assert any(found), "no test in which it fires"
    assert not all(found), "no test in which it does not fire"


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_says_how_bad_it_is_what_it_is_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    runbook = RUNBOOKS / annotations["runbook_url"].rpartition("/")[2]
    assert runbook.stem == alert
    assert runbook.read_text().startswith(f"# {alert}\n\n**Means:**")


@pytest.mark.parametrize("alert", ALERTS)
def test_annotations_use_labels_that_the_alert_has(alert: str) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", str(ALERTS[alert]["annotations"])))
    for fires in expected(alert):
        for sample in fires:
            assert used <= set(re.findall(r'(\w+)="', sample["labels"])), sample


@pytest.mark.parametrize("alert", ALERTS)
def test_how_to_monitor_lists_the_alert_with_its_severity(alert: str) -> None:
    severity = ALERTS[alert]["labels"]["severity"]
    assert f"| [{alert}](../runbooks/{alert}.md) | {severity}" in MONITOR


def test_every_runbook_is_of_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


@pytest.mark.parametrize("file", FILES)
def test_every_metric_of_ours_in_the_rules_exists(file: str) -> None:
    named = set(re.findall(r"\bhotupgrade_\w+", expressions(file)))
    assert named
    assert named <= samples()


def test_every_metric_of_ours_on_the_dashboard_exists() -> None:
    text = (RULES / "dashboard.json").read_text()
    named = set(re.findall(r"\b(?:hotupgrade|process)_\w+", text))
    assert named <= samples()


def test_phases_standings_and_reasons_in_the_rules_exist() -> None:
    known = {
        "phase": {phase.value for phase in (*Phase, *MetricPhase)},
        "standing": {standing.value for standing in Standing},
        # test_docs.py holds that page against the operator's own words.
        "condition": set(re.findall(r"`(\w+)`", TROUBLESHOOT)),
        "reason": set(re.findall(r"`(\w+)`", TROUBLESHOOT)),
    }
    for label, _, values in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]+)"', expressions("alerts.yaml")):
        if label in known:
            assert set(values.split("|")) <= known[label], (label, values)


def test_a_rejection_by_analysis_is_counted_from_zero_like_those_by_a_pod() -> None:
    assert "AnalysisFailed" in TROUBLESHOOT  # as the operator calls it: test_docs.py
    labels = {"reason": "AnalysisFailed"}
    value = operator_metrics.REGISTRY.get_sample_value(
        "hotupgrade_operator_rejections_total", labels
    )
    assert value is not None


def test_rules_are_named_once() -> None:
    names = [rule["alert"] for file in FILES for rule in alerts(load(RULES / file))]
    assert len(names) == len(set(names)) == len(TESTS)
