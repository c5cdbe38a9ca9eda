"""Pure: Observation + Plan + status -> what metrics tell of one HotUpgrade."""

from collections import Counter
from datetime import datetime

from hotupgrade_api.resource import IMAGE_REVISION
from hotupgrade_api.resource_status import HotUpgradeStatus, MetricPhase
from hotupgrade_operator.fleet import ConditionState, State
from hotupgrade_operator.observation import Observation, Standing
from hotupgrade_operator.plan import Plan


def measured(seen: Observation, made: Plan, after: HotUpgradeStatus) -> State:
    """Of each label every value is there, at 0 where there is none: a series that begins with an
    event hides it from rate() and increase()."""
    analysis = Counter(metric.phase for metric in after.analysis)
    return State(
        phase=after.phase,
        conditions=tuple(ConditionState(c.type, c.status, c.reason) for c in after.conditions),
        pods={found.value: made.count(found) for found in Standing},
        revisions=_revisions(seen),
        weights={
            "stable": after.weights.stable / 100,
            "update": after.weights.update / 100,
        },
        step=after.current_step_index,
        analysis={phase.value: analysis[phase] for phase in MetricPhase},
        started_at=_unix(after.upgrade_started_at),
        progressed_at=_unix(after.progressed_at),
    )


def _revisions(seen: Observation) -> int:
    """By what the agents say; where one does not answer, by what was last published."""
    return len(
        {
            pod.agent.revision if pod.agent else pod.revision_label or IMAGE_REVISION
            for pod in seen.pods
            if pod.started and not pod.terminating
        }
    )


def _unix(time: str) -> float:
    return datetime.fromisoformat(time).timestamp() if time else 0.0
