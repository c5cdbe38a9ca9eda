"""The chart's monitors and rules, and the plain configuration: they find what is to be scraped."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hotupgrade_api.pod_layout import METRICS_PORT_NAME
from hotupgrade_api.resource import LABEL_NAME
from tests import monitoring_config
from tests.chart import Object, objects, one
from tests.monitoring_config import MONITORING, RULES, load
from tests.prometheus_tools import run

KINDS = ("serviceMonitor", "podMonitor")
# Of monitoring.coreos.com/v1, as far as the chart uses it;
# github.com/prometheus-operator/prometheus-operator/blob/main/Documentation/api-reference/api.md
FIELDS = {
    "ServiceMonitor": {"selector", "endpoints"},
    "PodMonitor": {"selector", "namespaceSelector", "podMetricsEndpoints"},
    "PrometheusRule": {"groups"},
    "endpoints": {"port", "interval", "honorLabels"},
    "podMetricsEndpoints": {"port", "interval", "relabelings"},
    "relabelings": {"sourceLabels", "targetLabel"},
    "groups": {"name", "rules"},
    "rules": {"alert", "record", "expr", "for", "labels", "annotations"},
}
RULE_OPTIONS = ("monitoring.prometheusRule.enabled=true", "monitoring.prometheusRule.app=true")


@pytest.fixture(scope="module")
def rendered() -> list[Object]:
    options = [f"monitoring.{kind}.enabled=true" for kind in (*KINDS, "dashboard")]
    return objects(*options, *RULE_OPTIONS, "monitoring.scrapeAnnotations=true")


def jobs() -> dict[str, dict[str, Any]]:
    config = load(MONITORING / "prometheus.yaml")
    return {job["job_name"]: job for job in config["scrape_configs"]}


def test_nothing_that_a_cluster_may_lack_is_there_by_default() -> None:
    rendered = objects()
    assert not [found for found in rendered if "monitoring.coreos.com" in found["apiVersion"]]
    assert "ConfigMap" not in {found["kind"] for found in rendered}
    assert "annotations" not in one("Deployment", rendered)["spec"]["template"]["metadata"]


def unknown(name: str, found: Any) -> set[str]:
    """Fields that the lists of that name may not have, here and below."""
    beyond = set()
    for item in found if isinstance(found, list) else [found]:
        beyond |= {f"{name}.{key}" for key in item if key not in FIELDS[name]}
        for key, value in item.items():
            beyond |= unknown(key, value) if key in FIELDS else set()
    return beyond


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor", "PrometheusRule"])
def test_custom_resources_have_only_fields_that_their_kind_has(
    kind: str, rendered: list[Object]
) -> None:
    found = one(kind, rendered)
    assert found["apiVersion"] == "monitoring.coreos.com/v1"
    assert set(found) == {"apiVersion", "kind", "metadata", "spec"}
    assert unknown(kind, found["spec"]) == set()


def test_rules_are_those_of_the_files(rendered: list[Object]) -> None:
    groups = [
        group
        for file in ("alerts.yaml", "app-alerts.yaml")
        for group in load(RULES / file)["groups"]
    ]
    assert one("PrometheusRule", rendered)["spec"]["groups"] == groups


def test_rules_of_the_app_are_asked_for_apart() -> None:
    rule = one("PrometheusRule", objects(RULE_OPTIONS[0]))
    assert rule["spec"]["groups"] == load(RULES / "alerts.yaml")["groups"]


def test_runbooks_are_where_the_user_keeps_them() -> None:
    rendered = objects(*RULE_OPTIONS, "monitoring.prometheusRule.runbooks=https://wiki.example.com")
    for group in one("PrometheusRule", rendered)["spec"]["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                url = f"https://wiki.example.com/{rule['alert']}.md"
                assert rule["annotations"]["runbook_url"] == url


def test_service_monitor_selects_the_operators_service(rendered: list[Object]) -> None:
    service, monitor = one("Service", rendered), one("ServiceMonitor", rendered)["spec"]
    labels = service["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["honorLabels"] is True
    assert jobs()["hotupgrade-operator"]["honor_labels"] is True


def test_plain_scrape_keeps_the_operators_pods(rendered: list[Object]) -> None:
    labels = one("Deployment", rendered)["spec"]["template"]["metadata"]["labels"]
    keep = jobs()["hotupgrade-operator"]["relabel_configs"][0]
    names = ("app.kubernetes.io/part-of", "app.kubernetes.io/component")
    assert keep["regex"] == ";".join([*(labels[name] for name in names), "metrics"])


def test_agents_are_found_by_the_port_that_injection_names(rendered: list[Object]) -> None:
    monitor = one("PodMonitor", rendered)["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] == METRICS_PORT_NAME
    assert monitor["selector"]["matchExpressions"][0]["key"] == LABEL_NAME
    assert jobs()["hotupgrade-agents"]["relabel_configs"][0]["regex"] == METRICS_PORT_NAME


def test_agents_get_the_label_that_dashboard_and_rules_use(rendered: list[Object]) -> None:
    (endpoint,) = one("PodMonitor", rendered)["spec"]["podMetricsEndpoints"]
    (by_operator,) = endpoint["relabelings"]
    by_hand = jobs()["hotupgrade-agents"]["relabel_configs"][-1]
    assert by_operator["sourceLabels"] == by_hand["source_labels"]
    assert by_operator["targetLabel"] == by_hand["target_label"] == "hotupgrade"


def test_scrape_annotations_name_the_metrics_port(rendered: list[Object]) -> None:
    template = one("Deployment", rendered)["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    ports = {
        port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]
    }
    assert annotations["prometheus.io/port"] == str(ports["metrics"])


def test_pod_annotations_of_the_user_stay() -> None:
    options = ("monitoring.scrapeAnnotations=true", "operator.podAnnotations.team=web")
    template = one("Deployment", objects(*options))["spec"]["template"]
    assert template["metadata"]["annotations"].keys() >= {"team", "prometheus.io/scrape"}


def test_dashboard_is_the_file(rendered: list[Object]) -> None:
    written = one("ConfigMap", rendered)
    assert written["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert written["data"]["hotupgrade.json"] == (RULES / "dashboard.json").read_text()


def test_plain_configuration_is_valid(tmp_path: Path) -> None:
    """As the end-to-end tests run it: Debian's promtool has no discovery of Kubernetes."""
    rules, config = tmp_path / "rules.yaml", tmp_path / "prometheus.yaml"
    rules.write_text(yaml.safe_dump(monitoring_config.quick_rules()))
    config.write_text(
        yaml.safe_dump(monitoring_config.prometheus("http://localhost:1", "localhost:2", rules))
    )
    run("promtool", "check", "config", str(config))
    run("amtool", "check-config", str(MONITORING / "alertmanager.yaml"))
