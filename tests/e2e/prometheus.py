"""A real Prometheus that scrapes operator and agents as deploy/monitoring says, and answers."""

import json
import math
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import monitoring_config
from tests.cluster.layout import NODE_ADDRESS
from tests.e2e.cluster import Cluster
from tests.e2e.daemon import running
from tests.e2e.discovery import targets
from tests.e2e.http_endpoint import Endpoint

ADDRESS = f"{NODE_ADDRESS}:9090"  # pods reach it, too


@dataclass(frozen=True)
class Series:
    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Prometheus:
    url: str

    def query(self, expression: str) -> list[Series]:
        """Now. Without series whose value is no number."""
        found = [
            Series(series["metric"], float(series["value"][1]))
            for series in self._get("query", query=expression)["result"]
        ]
        return [series for series in found if not math.isnan(series.value)]

    def firing(self, namespace: str) -> set[str]:
        """Names of the alerts that fire for HotUpgrades there."""
        found = self.query(f'ALERTS{{alertstate="firing", namespace="{namespace}"}}')
        return {series.labels["alertname"] for series in found}

    def _get(self, what: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]


@contextmanager
def prometheus(cluster: Cluster, folder: Path, alertmanager: str) -> Iterator[Prometheus]:
    """folder: for its data. alertmanager: host:port."""
    discovery = Endpoint(lambda: targets(cluster.everywhere("pod")))
    rules, config = folder / "alerts.yaml", folder / "prometheus.yaml"
    rules.write_text(yaml.safe_dump(monitoring_config.quick_rules()))
    written = monitoring_config.prometheus(discovery.url, alertmanager, rules)
    config.write_text(yaml.safe_dump(written))
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address={ADDRESS}"]
    url = f"http://{ADDRESS}"
    try:
        with running(command, cluster.layout.logs / "prometheus.log", f"{url}/-/ready"):
            yield Prometheus(url)
    finally:
        discovery.close()
