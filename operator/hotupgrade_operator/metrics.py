"""The operator's Prometheus metrics, by conventional names with units; label values are bounded.

`namespace` and `name` are a HotUpgrade's: as many as there are of them, gone with it. Prometheus
must be told to keep them (honor_labels), for its own label `namespace` is the operator's.
"""

import sys
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from hotupgrade_api.agent_messages import FailureReason
from hotupgrade_api.metrics_page import page
from hotupgrade_operator.fleet import Fleet

TITLE = "The operator's metrics"
# They are a second series for each counter and histogram, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)  # what ProcessCollector has shows only so
LEADER = Gauge(
    "hotupgrade_operator_leader",
    "1 in the replica that holds the Lease and reconciles.",
    registry=REGISTRY,
)
RECONCILE_SECONDS = Histogram(
    "hotupgrade_operator_reconcile_seconds",
    "One reconcile: observe, plan, status, act.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
RECONCILE_ERRORS = Counter(
    "hotupgrade_operator_reconcile_errors_total",
    "Reconciles that an error ended; each is tried again.",
    registry=REGISTRY,
)
COMMANDS = Counter(
    "hotupgrade_operator_commands_total",
    "Commands to agents, by command (the plan's action) and result (ok, refused, unreachable).",
    ["command", "result"],
    registry=REGISTRY,
)
REJECTIONS = Counter(
    "hotupgrade_operator_rejections_total",
    "Revisions that were taken back everywhere, by the reason of the first pod that failed, or "
    "AnalysisFailed.",
    ["reason"],
    registry=REGISTRY,
)
INJECTIONS = Counter(
    "hotupgrade_operator_injections_total",
    "Pods that the webhook was asked for, by result (injected, refused, unchanged, error).",
    ["result"],
    registry=REGISTRY,
)
CERTIFICATE_EXPIRY = Gauge(
    "hotupgrade_operator_certificate_expiry_timestamp_seconds",
    "When a certificate ends (ca, client, webhook), in Unix seconds.",
    ["certificate"],
    registry=REGISTRY,
)
FLEET = Fleet()
REGISTRY.register(FLEET)
ProcessCollector(registry=REGISTRY)

for _reason in (*(reason.value for reason in FailureReason), "AnalysisFailed"):
    REJECTIONS.labels(_reason)  # from 0: increase() does not see a series begin

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(TITLE, REGISTRY))
