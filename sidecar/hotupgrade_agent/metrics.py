"""The agent's Prometheus metrics, by conventional names with units; label values are bounded."""

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

from hotupgrade_api.agent_messages import FailureReason, PodState, Progress
from hotupgrade_api.launcher_messages import LauncherStatus
from hotupgrade_api.metrics_page import page

TITLE = "The agent's metrics"
STEERING_BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 1)
# They are a second series for each counter and histogram, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)  # what ProcessCollector has shows only so
ProcessCollector(registry=REGISTRY)
UPGRADES = Counter(
    "hotupgrade_agent_upgrades_total",
    "Upgrades of this pod that ended, by result (committed, failed) and reason.",
    ["result", "reason"],
    registry=REGISTRY,
)
FETCH_SECONDS = Histogram(
    "hotupgrade_agent_fetch_seconds",
    "Fetching, verifying and staging an artifact.",
    buckets=(0.01, 0.1, 0.5, 1, 5, 15, 60, 300),
    registry=REGISTRY,
)
LISTEN_SECONDS = Histogram(
    "hotupgrade_agent_listen_seconds",
    "From the start command until the new process listened on every address: the app's own start.",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60),
    registry=REGISTRY,
)
FLIP_SECONDS = Histogram(
    "hotupgrade_agent_flip_seconds",
    "From the flip command to the kernel's program in place.",
    buckets=STEERING_BUCKETS,
    registry=REGISTRY,
)
ROLLBACK_SECONDS = Histogram(
    "hotupgrade_agent_rollback_seconds",
    "From what triggered a rollback to the kernel's program in place.",
    buckets=STEERING_BUCKETS,
    registry=REGISTRY,
)
LAUNCHER_UP = Gauge(
    "hotupgrade_agent_launcher_up", "1 where the launcher answers.", registry=REGISTRY
)
HOT_CAPABLE = Gauge(
    "hotupgrade_agent_hot_capable",
    "1 where the launcher can hand over in this pod.",
    registry=REGISTRY,
)
PROCESS_GENERATIONS = Gauge(
    "hotupgrade_agent_process_generations",
    "Runs of the app that live now: 1 at rest, 2 while an old one is warm or drains.",
    registry=REGISTRY,
)
APP_RESTARTS = Gauge(
    "hotupgrade_agent_app_restarts",
    "How often the launcher restarted a crashed app since the container started.",
    registry=REGISTRY,
)
MEMORY = Gauge(
    "hotupgrade_agent_container_memory_bytes",
    "Memory that the app's container uses; both process generations count.",
    registry=REGISTRY,
)
MEMORY_LIMIT = Gauge(
    "hotupgrade_agent_container_memory_limit_bytes",
    "The container's memory limit; 0 where there is none.",
    registry=REGISTRY,
)
FLIPPED = Gauge(
    "hotupgrade_agent_flipped_timestamp_seconds",
    "When new connections went to the revision that serves, in Unix seconds; 0 where it was never "
    "flipped to.",
    registry=REGISTRY,
)

# From 0: rate() and increase() do not see a series begin.
UPGRADES.labels(PodState.COMMITTED.value, "")
for _reason in FailureReason:
    UPGRADES.labels(PodState.FAILED.value, _reason.value)


def ended(progress: Progress) -> None:
    """An upgrade of this pod came to its end. What it did not come to is 0, and not counted."""
    UPGRADES.labels(progress.state.value, progress.reason.value if progress.reason else "").inc()
    for histogram, milliseconds in (
        (FETCH_SECONDS, progress.fetch_ms),
        (LISTEN_SECONDS, progress.listen_ms),
        (FLIP_SECONDS, progress.flip_ms),
        (ROLLBACK_SECONDS, progress.rollback_ms),
    ):
        if milliseconds:
            histogram.observe(milliseconds / 1000)


def scraped(launcher: LauncherStatus | None, flipped_at: float) -> None:
    """What the launcher says when somebody asks for metrics; None: it does not answer."""
    LAUNCHER_UP.set(launcher is not None)
    FLIPPED.set(flipped_at)
    if launcher is None:
        return
    HOT_CAPABLE.set(launcher.hot_capable)
    PROCESS_GENERATIONS.set(sum(1 for found in launcher.generations if found.pid))
    APP_RESTARTS.set(launcher.restarts)
    MEMORY.set(launcher.memory_bytes)
    MEMORY_LIMIT.set(launcher.memory_limit_bytes)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(TITLE, REGISTRY))
