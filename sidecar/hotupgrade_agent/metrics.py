"""The agent's Prometheus metrics, by conventional names with units; label values are bounded."""

import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hotupgrade_api.metrics_page import page

TITLE = "The agent's metrics"
REGISTRY = CollectorRegistry()
UPGRADES = Counter(
    "hotupgrade_agent_upgrades_total",
    "Upgrades of this pod that ended, by result and reason.",
    ["result", "reason"],
    registry=REGISTRY,
)
FLIP_SECONDS = Histogram(
    "hotupgrade_agent_flip_seconds",
    "From the flip command to the kernel's program in place.",
    buckets=(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 1),
    registry=REGISTRY,
)
LAUNCHER_UP = Gauge(
    "hotupgrade_agent_launcher_up", "1 where the launcher answers.", registry=REGISTRY
)

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(TITLE, REGISTRY))
