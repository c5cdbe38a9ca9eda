"""The state of every HotUpgrade as metrics: as it was last seen, and gone with the HotUpgrade.

A collector of its own and no labelled gauges: phases and reasons are labels here, and one that is
over must not stay behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

OWNER = ("namespace", "name")  # the HotUpgrade's


@dataclass(frozen=True)
class ConditionState:
    type: str
    status: str
    reason: str


@dataclass(frozen=True)
class State:
    """One HotUpgrade. Times in Unix seconds, 0 where it has not happened."""

    phase: str
    conditions: tuple[ConditionState, ...] = ()
    pods: Mapping[str, int] = field(default_factory=dict)  # by standing
    revisions: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)  # by track, 0 to 1
    step: int = 0
    analysis: Mapping[str, int] = field(default_factory=dict)  # by phase of the measurement
    started_at: float = 0.0
    progressed_at: float = 0.0


class Fleet(Collector):
    """Written by the reconciler, read by whoever scrapes."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], State] = {}

    def put(self, namespace: str, name: str, state: State) -> None:
        self._states[namespace, name] = state

    def forget(self, namespace: str, name: str) -> None:
        self._states.pop((namespace, name), None)

    def describe(self) -> list[GaugeMetricFamily]:
        return list(_families().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = _families()
        for owner, state in self._states.items():
            _add(families, owner, state)
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    def gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"hotupgrade_{name}", what, labels=[*OWNER, *labels])

    return {
        "condition": gauge(
            "condition",
            "1 for each condition of a HotUpgrade, with its status and reason.",
            *("condition", "status", "reason"),
        ),
        "phase": gauge("phase", "1 for the phase that a HotUpgrade is in.", "phase"),
        "pods": gauge(
            "pods",
            "Pods of a HotUpgrade, by where they stand on the way to its revision.",
            "standing",
        ),
        "revisions": gauge("revisions", "Different revisions that the pods serve: 1 at rest."),
        "weight": gauge(
            "weight_ratio",
            "Share of new connections that the stable and the update revision get, 0 to 1.",
            "track",
        ),
        "step": gauge("step", "Index of the step that the upgrade is at."),
        "analysis": gauge(
            "analysis_metrics",
            "Metrics of spec.analysis, by the phase of their measurement.",
            "phase",
        ),
        "started": gauge(
            "upgrade_started_timestamp_seconds", "When the last upgrade began, in Unix seconds."
        ),
        "progressed": gauge(
            "progressed_timestamp_seconds", "When something last moved, in Unix seconds."
        ),
    }


def _add(families: dict[str, GaugeMetricFamily], owner: tuple[str, str], state: State) -> None:
    for condition in state.conditions:
        labels = [*owner, condition.type, condition.status, condition.reason]
        families["condition"].add_metric(labels, 1)
    families["phase"].add_metric([*owner, state.phase], 1)
    by_label = {"pods": state.pods, "weight": state.weights, "analysis": state.analysis}
    for family, values in by_label.items():
        for label, value in values.items():
            families[family].add_metric([*owner, label], value)
    families["revisions"].add_metric(owner, state.revisions)
    families["step"].add_metric(owner, state.step)
    families["started"].add_metric(owner, state.started_at)
    families["progressed"].add_metric(owner, state.progressed_at)
