"""Every query of the Grafana dashboard has an answer after an upgrade and a failure."""

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.artifacts import Artifacts
from tests.e2e.manifests import GO
from tests.e2e.namespace import Namespace
from tests.e2e.prometheus import Prometheus
from tests.e2e.workload import Workload
from tests.monitoring_config import RULES

WINDOW = "10m"  # longer than the test: what Grafana makes of $__rate_interval is shorter


def queries(namespace: str, name: str) -> Iterator[str]:
    """As Grafana sends them, with its variables filled in."""
    dashboard: Any = json.loads((RULES / "dashboard.json").read_text())
    values = {"$__rate_interval": WINDOW, "$namespace": namespace, "$name": name}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in values.items():
                expression = expression.replace(variable, value)
            yield expression


def test_every_query_returns_data_after_an_upgrade_and_a_failure(
    namespace: Namespace, artifacts: Artifacts, prometheus: Prometheus
) -> None:
    workload = Workload(namespace, "web", GO)
    agents = f'count(hotupgrade_agent_launcher_up{{namespace="{namespace.name}"}}) == 2'
    namespace.until("Prometheus scrapes the agents", lambda: prometheus.query(agents))
    workload.upgrade(artifacts.spec("v2", "v2"))
    namespace.apply(workload.hot_upgrade(artifacts.spec("crash", "v3")))  # after the flip
    workload.until_ready("ProcessExited")

    def silent() -> list[str]:
        return [query for query in queries(namespace.name, "web") if not prometheus.query(query)]

    namespace.until("every query has an answer", lambda: not silent() or None)
    assert silent() == []
