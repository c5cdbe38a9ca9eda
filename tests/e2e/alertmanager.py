"""A real Alertmanager that routes as deploy/monitoring says, and the receiver of its webhooks."""

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
from tests.e2e.http_endpoint import Endpoint

ADDRESS = f"{NODE_ADDRESS}:9093"
PROGRAM = "prometheus-alertmanager"  # as Debian names it


@dataclass(frozen=True)
class Alert:
    status: str  # firing, resolved
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def name(self) -> str:
        return self.labels["alertname"]


@dataclass(frozen=True)
class Alertmanager:
    address: str
    receiver: Endpoint

    def sent(self, receiver: str, namespace: str) -> list[Alert]:
        """What came to that receiver about HotUpgrades of the namespace, oldest first."""
        groups: list[Any] = self.receiver.posted(f"/{receiver}")
        found = [
            Alert(alert["status"], alert["labels"], alert["annotations"])
            for group in groups
            for alert in group["alerts"]
        ]
        return [alert for alert in found if alert.labels.get("namespace") == namespace]


@contextmanager
def alertmanager(cluster: Cluster, folder: Path) -> Iterator[Alertmanager]:
    receiver, config = Endpoint(), folder / "alertmanager.yaml"
    config.write_text(yaml.safe_dump(monitoring_config.alertmanager(receiver.url)))
    command = [PROGRAM, f"--config.file={config}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address={ADDRESS}", "--cluster.listen-address="]
    log = cluster.layout.logs / "alertmanager.log"
    try:
        with running(command, log, f"http://{ADDRESS}/-/ready"):
            yield Alertmanager(ADDRESS, receiver)
    finally:
        receiver.close()
