"""Pure: an upgrade's steps. Where it stands is in the status (currentStepIndex, stepStartedAt,
windowStartedAt), so an operator that was killed goes on from there.

A revision that is stable needs no steps: a pod that lacks it is brought to it at once. Otherwise,
where there are steps or an analysis, pods hold: each serves by the weight of the current step, its
old process warm, until every step is done and the rollback window is over; then all are promoted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from hotupgrade_api.resource import HotUpgradeSpec, IntOrPercent, Step
from hotupgrade_api.resource_status import HotUpgradeStatus, MetricPhase
from hotupgrade_operator import analysis, traffic
from hotupgrade_operator.instant import EPOCH, seconds_since, written
from hotupgrade_operator.observation import Observation, PodObservation, Standing
from hotupgrade_operator.target import Target

Standings = Sequence[tuple[PodObservation, Standing]]


@dataclass(frozen=True)
class Stage:
    """What the steps so far ask for."""

    pods: int  # how many may run the revision
    weight: int  # of new connections, in each of them
    held: bool  # they hold until the whole upgrade ends
    route: int | None = None  # of all requests, by the routes; None: they are left alone


def share_of(value: IntOrPercent, pods: int) -> int:
    """A count, or a percentage of the pods, rounded up."""
    if isinstance(value, int):
        return min(value, pods)
    return math.ceil(int(value.rstrip("%")) * pods / 100)


def concurrency(value: IntOrPercent, pods: int) -> int:
    """How many pods at a time: at least 1."""
    return max(1, value if isinstance(value, int) else share_of(value, pods))


def stage(spec: HotUpgradeSpec, status: HotUpgradeStatus, target: Target, pods: int) -> Stage:
    """pods: how many there are to be upgraded."""
    steps = spec.strategy.steps
    stepwise = bool(steps) or spec.analysis is not None
    if not stepwise or status.stable_revision == target.revision:
        return Stage(pods, 100, held=False)
    routed = pods > 1 and routes_are_moved(spec)
    if status.current_step_index >= len(steps):
        return Stage(pods, 100, held=True, route=100 if routed else None)
    counts, weights = _asked_so_far(steps, status.current_step_index)
    if routes_are_moved(spec):
        return _routed(counts, weights[-1] if weights else 0, pods)
    everywhere = pods if weights else 0  # 0: a pause or an analysis comes before all
    allowed = share_of(counts[-1], pods) if counts else everywhere
    return Stage(allowed, weights[-1] if weights else 100, held=True)


def routes_are_moved(spec: HotUpgradeSpec) -> bool:
    """Whether setWeight means the routes: the pods of the new revision serve it wholly then."""
    return spec.traffic_routing is not None and any(
        step.set_weight is not None for step in spec.strategy.steps
    )


def _routed(counts: list[IntOrPercent], weight: int, pods: int) -> Stage:
    """As large a share of the pods as of the requests, where no setPods says otherwise. Below 100 %
    one pod at least stays with the stable revision: with one pod only, no request is moved."""
    if pods <= 1:
        return Stage(pods if weight == 100 else 0, 100, held=True)
    asked = share_of(counts[-1] if counts else f"{weight}%", pods)
    canary = pods if weight == 100 else min(asked, pods - 1)
    return Stage(canary, 100, held=True, route=weight if canary else 0)


def _asked_so_far(steps: Sequence[Step], index: int) -> tuple[list[IntOrPercent], list[int]]:
    """What the steps up to this one set. A setWeight right behind a setPods counts with it: it says
    by how much those pods begin."""
    end = index + 1
    if steps[index].set_pods is not None and end < len(steps):
        end += steps[end].set_weight is not None
    counts = [step.set_pods for step in steps[:end] if step.set_pods is not None]
    weights = [step.set_weight for step in steps[:end] if step.set_weight is not None]
    return counts, weights


def begun(status: HotUpgradeStatus, target: Target, now: datetime) -> HotUpgradeStatus:
    """Where the target is another than before, its upgrade begins: at the first step."""
    if status.update_revision == target.revision:
        return status
    time = written(now)
    return msgspec.structs.replace(
        status,
        update_revision=target.revision,
        current_step_index=0,
        step_started_at=time,
        upgrade_started_at=time,
        progressed_at=time,
        window_started_at="",
        # On the way back it stays: it may be why.
        analysis=status.analysis if target.revision == status.stable_revision else [],
    )


def advanced(
    status: HotUpgradeStatus,
    target: Target,
    standings: Standings,
    seen: Observation,
    now: datetime,
) -> HotUpgradeStatus:
    """The status with every step behind it that is done by now, and the window begun after the
    last one."""
    spec = seen.spec
    pods = countable(standings)
    while True:
        current = stage(spec, status, target, pods)
        if not current.held:
            return status
        if status.current_step_index >= len(spec.strategy.steps):
            break
        step = spec.strategy.steps[status.current_step_index]
        if not _done(step, current, status, standings, now) or not _moved(step, current, seen):
            return status
        status = next_step(status, status.current_step_index + 1, now)
    there = pods and reached(current, standings) and traffic.has(seen, current.route)
    if not status.window_started_at and there:
        return msgspec.structs.replace(status, window_started_at=written(now))
    return status


def next_step(status: HotUpgradeStatus, index: int, now: datetime) -> HotUpgradeStatus:
    time = written(now)
    return msgspec.structs.replace(
        status, current_step_index=index, step_started_at=time, progressed_at=time
    )


def window_over(spec: HotUpgradeSpec, status: HotUpgradeStatus, now: datetime) -> bool:
    """Whether the pods that hold are to be promoted: time is up, and every metric Successful."""
    if status.window_started_at in ("", EPOCH):
        return status.window_started_at == EPOCH
    window = spec.handoff.rollback_window_seconds
    successful = analysis.verdict(status.analysis).phase is MetricPhase.SUCCESSFUL
    return successful and seconds_since(status.window_started_at, now) >= window


def window_ended(status: HotUpgradeStatus) -> HotUpgradeStatus:
    """Somebody asked not to wait for it."""
    return msgspec.structs.replace(status, window_started_at=EPOCH)


def overdue(spec: HotUpgradeSpec, status: HotUpgradeStatus, now: datetime) -> bool:
    """Whether nothing moved for progressDeadlineSeconds though something should have: a pause, an
    analysis and the rollback window take the time that they take."""
    index, steps = status.current_step_index, spec.strategy.steps
    waits = index < len(steps) and bool(steps[index].pause or steps[index].analysis)
    if waits or status.window_started_at or not status.progressed_at:
        return False
    return seconds_since(status.progressed_at, now) > spec.progress_deadline_seconds


def countable(standings: Standings) -> int:
    """The pods that there are to be upgraded."""
    gone = (Standing.ABSENT, Standing.SUPERSEDED)
    return sum(1 for _, found in standings if found not in gone)


def weight_of(pod: PodObservation) -> int:
    """The share of new connections that a pod that holds gives to the new process."""
    return pod.agent.progress.weight if pod.agent and pod.agent.progress else 0


def reached(current: Stage, standings: Standings) -> bool:
    """Whether as many pods as the stage asks for serve by its weight."""
    serving = sum(
        1
        for pod, found in standings
        if found is Standing.DONE or (found is Standing.HELD and weight_of(pod) == current.weight)
    )
    return serving >= current.pods


def _moved(step: Step, current: Stage, seen: Observation) -> bool:
    return step.set_weight is None or traffic.has(seen, current.route)


def _done(
    step: Step, current: Stage, status: HotUpgradeStatus, standings: Standings, now: datetime
) -> bool:
    if step.pause is not None:
        seconds = step.pause.duration_seconds
        return seconds is not None and seconds_since(status.step_started_at, now) >= seconds
    if step.analysis is not None:
        return analysis.step_done(step.analysis.metrics, status)
    return reached(current, standings)
