"""Pure: Observation -> Plan, the ordered actions of one reconcile and the status to write.

Level-based: what was done already shows in the observation, so a plan that was carried out in part,
by an operator that was killed, is made again and goes on.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from hotupgrade_api.resource import StrategyType
from hotupgrade_api.resource_status import HotUpgradeStatus, MetricPhase
from hotupgrade_operator import (
    analysis,
    assessment,
    fallback,
    memory_headroom,
    requests,
    rollout,
    traffic,
    workload_validation,
)
from hotupgrade_operator.actions import (
    Action,
    Adopt,
    MoveTraffic,
    PodAction,
    Promote,
    PublishRevision,
    PushTrust,
    Roll,
    SetWeight,
    StartUpgrade,
    TakeBack,
)
from hotupgrade_operator.fallback import Fallback
from hotupgrade_operator.network_findings import NetworkFact
from hotupgrade_operator.observation import (
    Attempt,
    Observation,
    PodObservation,
    Standing,
    standing,
)
from hotupgrade_operator.question import Question
from hotupgrade_operator.rollout import Stage
from hotupgrade_operator.target import Target, is_rejected, stable, wanted
from hotupgrade_operator.validation import invalid, not_implemented

# What runs the revision, or is on its way to it.
UPDATED = (Standing.RUNNING, Standing.HELD, Standing.DONE)
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 10.0, 300.0


class Goal(Enum):
    """What this reconcile works towards."""

    REFUSE = "refuse"  # the spec cannot be carried out
    UPGRADE = "upgrade"  # every pod to the spec's revision
    TAKE_BACK = "take back"  # every pod to the stable revision: the spec's was rejected
    NOTHING = "nothing"  # paused


@dataclass(frozen=True)
class Rejection:
    """A pod failed, or the analysis: the revision is rejected for this generation of the spec."""

    revision: str
    pod: str  # empty: it was no pod
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """status: the observed one with what requests, steps and time made of it."""

    goal: Goal
    target: Target
    status: HotUpgradeStatus
    standings: tuple[tuple[PodObservation, Standing], ...] = ()
    actions: tuple[Action, ...] = ()
    rejection: Rejection | None = None
    refused: str = ""  # why the spec cannot be carried out
    refused_reason: str = ""  # InvalidSpec, NotImplemented, WorkloadNotFound
    fallback: Fallback | None = None
    rolling: bool = False  # the workload's own rollout comes first
    overdue: bool = False  # nothing moved for progressDeadlineSeconds
    request: requests.Handled | None = None
    questions: tuple[Question, ...] = ()  # measurements that are due
    network: NetworkFact | None = None  # None: it was not looked at
    route: int | None = None  # the share by the routes, while they are ours

    def count(self, *kinds: Standing) -> int:
        return sum(1 for _, found in self.standings if found in kinds)


def make(seen: Observation, now: datetime) -> Plan:
    request = requests.handled(seen, now)
    seen = replace(seen, status=request.status)
    spec, status, aim = seen.spec, seen.status, wanted(seen)
    rejected = is_rejected(status, aim.revision, seen.generation)
    reason, why = _refusal(seen, rejected)
    if why:
        return Plan(Goal.REFUSE, aim, status, refused=why, refused_reason=reason, request=request)
    target = stable(status) if rejected else aim
    standings = _standings(seen, target)
    # A pod that fails to come to what all others run is in trouble, not the revision.
    tried = not rejected and aim.revision != status.stable_revision
    # What was measured is of the revision before, where this one's upgrade is still to begin.
    if measures := tried and status.update_revision == aim.revision:
        status = assessment.measured(seen, standings, now)
    found = analysis.verdict(status.analysis) if measures else analysis.NOTHING_MEASURED
    rejection = (_rejection(seen, standings) or _breach(aim, found)) if tried else None
    if rejection is None and tried and _rolls_in_vain(seen, aim, status, now):
        rejection = _too_late(seen, aim)
    if rejection is not None:
        target = stable(status)
        standings = _standings(seen, target)
    goal = Goal.TAKE_BACK if rejected or rejection else Goal.UPGRADE
    rolling = _rolls_for_another_reason(seen, target, status)
    held = spec.paused or status.paused or rolling or found.phase in analysis.HOLDING
    if goal is Goal.UPGRADE and held:
        goal = Goal.NOTHING
    back = goal is Goal.TAKE_BACK
    other = None
    if tried or back:  # a pod that slipped through is no reason to replace all that run well
        other = fallback.needed(replace(seen, status=status), target, standings, back)
    if not rolling:
        status = rollout.begun(status, target, now)
    hot = other is None or other.leaves_the_hot_way
    if goal is Goal.UPGRADE and hot:
        status = rollout.advanced(status, target, standings, seen, now)
    # First of all: an abort takes the requests off before it takes the pods back.
    after = replace(seen, status=status)
    route = _route(after, aim, target, standings, goal) if hot else None
    actions: list[Action] = [MoveTraffic(patch) for patch in traffic.patches(seen, route)]
    actions += _care(seen, standings)
    if goal is not Goal.NOTHING and other is not None:
        actions += _roll(seen, other)
    if goal is Goal.UPGRADE and hot:
        actions += _upgrade(after, target, standings, now)
    elif goal is Goal.TAKE_BACK:
        actions += _take_back(seen, target, standings, now, hot)
    # Last: no label is worth a rollback that waits.
    actions += _publish(standings, traffic.keep_label(seen, route))
    return Plan(
        goal,
        target,
        status,
        standings,
        tuple(actions),
        rejection,
        fallback=other,
        rolling=rolling,
        overdue=goal is Goal.UPGRADE and rollout.overdue(spec, status, now),
        request=request,
        questions=assessment.due(after, target, standings, now),
        route=traffic.steered(seen),
    )


def _refusal(seen: Observation, back: bool) -> tuple[str, str]:
    """back: the pods are on their way back, for which the routes need not be there any more."""
    if seen.malformed:
        return "InvalidSpec", seen.malformed
    if fields := not_implemented(seen.spec):
        return (
            "NotImplemented",
            f"cannot act on {', '.join(fields)}: not implemented yet; leave it out",
        )
    if why := invalid(seen.spec, seen.prometheus_allowed):
        return "InvalidSpec", why
    if not seen.workload.found:
        return "WorkloadNotFound", workload_validation.missing(seen.spec, seen.namespace)
    if why := workload_validation.invalid(seen.spec, seen.workload):
        return "InvalidSpec", why
    if not back and (why := traffic.problem(seen)):
        return "RouteNotFound", why
    return "", ""


def _route(
    seen: Observation,
    aim: Target,
    target: Target,
    standings: tuple[tuple[PodObservation, Standing], ...],
    goal: Goal,
) -> traffic.Wanted | None:
    """None: the routes are to be as they were before."""
    pods = rollout.countable(standings)
    # Pods of a new image are of neither revision: bound subsets would run empty.
    if any(found is Standing.SUPERSEDED for _, found in standings):
        return None
    if goal is Goal.TAKE_BACK:
        there = [pod for pod, found in standings if found is not Standing.ABSENT]
        if all(pod.revision_label == target.revision for pod in there):
            return None
        return traffic.Wanted(target.revision, aim.revision, 0, 0, pods, rises=False)
    stage = rollout.stage(seen.spec, seen.status, target, pods)
    if stage.route is None:
        return None
    return traffic.Wanted(
        seen.status.stable_revision,
        target.revision,
        stage.route,
        stage.pods,
        pods,
        rises=goal is Goal.UPGRADE,
    )


def _attempt(seen: Observation, target: Target) -> Attempt:
    # `image` holds for any image: it is what the image itself has.
    image = target.base_image if target.artifact else ""
    return Attempt(target.revision, seen.uid, seen.generation, seen.status.attempt, image)


def _standings(seen: Observation, target: Target) -> tuple[tuple[PodObservation, Standing], ...]:
    attempt = _attempt(seen, target)
    return tuple((pod, standing(pod, attempt)) for pod in seen.pods)


def _rolls_for_another_reason(seen: Observation, target: Target, status: HotUpgradeStatus) -> bool:
    """Whether the user's own rollout is under way where a new revision is to begin."""
    begins = status.update_revision != target.revision
    ours = seen.workload.token == fallback.token_of(seen, target)
    return seen.workload.rolling and begins and not ours


def _roll(seen: Observation, other: Fallback) -> list[Action]:
    if other.impossible or seen.workload.token == other.token:
        return []
    return [Roll(other.token)]


def _rolls_in_vain(seen: Observation, aim: Target, status: HotUpgradeStatus, now: datetime) -> bool:
    """Whether the workload is being rolled to the revision, and does not get on: unlike a hot
    upgrade, that leaves pods that do not serve."""
    rolled = seen.workload.token == fallback.token_of(seen, aim)
    return (
        rolled
        and status.fallback_revision == aim.revision
        and rollout.overdue(seen.spec, status, now)
    )


def _too_late(seen: Observation, aim: Target) -> Rejection:
    deadline = seen.spec.progress_deadline_seconds
    message = f"the rollout to it did not get on for {deadline} s"
    return Rejection(aim.revision, "", "ProgressDeadlineExceeded", message)


def _rejection(
    seen: Observation, standings: tuple[tuple[PodObservation, Standing], ...]
) -> Rejection | None:
    hot_only = seen.spec.strategy.type is StrategyType.HOT_ONLY
    for pod, found in standings:
        progress = pod.agent.progress if pod.agent else None
        if fallback.hand_over_failed(pod, found) and not hot_only:
            continue  # the launcher's trouble, not the binary's: there is another way
        if found is Standing.FAILED and progress is not None:
            reason = progress.reason.value if progress.reason else "Failed"
            return Rejection(progress.revision, pod.name, reason, progress.message)
    return None


def _breach(target: Target, found: analysis.Verdict) -> Rejection | None:
    if found.phase is not MetricPhase.FAILED:
        return None
    return Rejection(target.revision, "", "AnalysisFailed", found.message)


def _care(
    seen: Observation, standings: tuple[tuple[PodObservation, Standing], ...]
) -> list[PodAction]:
    """What keeps an agent ours, whatever the goal is; before any command that needs it."""
    actions: list[PodAction] = []
    for pod, found in standings:
        if pod.agent is None or found is Standing.ABSENT:
            continue
        if pod.agent.hot_upgrade_uid != seen.uid:
            actions.append(Adopt(pod))
        if seen.trust and pod.agent.trust != seen.trust:
            actions.append(PushTrust(pod))
    return actions


def _publish(
    standings: tuple[tuple[PodObservation, Standing], ...], keep: frozenset[str]
) -> list[PodAction]:
    """keep: the pods whose label must stay for now."""
    actions: list[PodAction] = []
    for pod, found in standings:
        agent = pod.agent
        if agent is None or agent.launcher is None or found is Standing.ABSENT or pod.name in keep:
            continue
        if (agent.revision, agent.version) != (pod.revision_label, pod.version_annotation):
            actions.append(PublishRevision(pod, agent.revision, agent.version))
    return actions


def _upgrade(
    seen: Observation,
    target: Target,
    standings: tuple[tuple[PodObservation, Standing], ...],
    now: datetime,
) -> list[PodAction]:
    """Towards what the current step asks for, maxConcurrent pods at a time."""
    pods = rollout.countable(standings)
    stage = rollout.stage(seen.spec, seen.status, target, pods)
    over = rollout.window_over(seen.spec, seen.status, now) or not stage.held
    inside = sum(1 for _, found in standings if found in UPDATED)
    busy = len(in_flight(seen.status, standings))
    room = min(
        rollout.concurrency(seen.spec.strategy.max_concurrent, pods) - busy, stage.pods - inside
    )
    actions: list[PodAction] = []
    for pod, found in standings:
        if found is Standing.OTHER:
            actions.append(_back(pod, target))
        elif found is Standing.HELD:
            actions += _steer(pod, target, stage, over)
        elif found is Standing.WAITING and room > 0:
            if memory_headroom.is_short(pod, seen.spec.handoff):
                continue
            room -= 1
            actions.append(_start(seen, pod, target, stage.held))
        elif found is Standing.FAILED and _may_try_again(pod, seen, target, now):
            actions.append(_start(seen, pod, target, stage.held))
    return actions


def in_flight(
    status: HotUpgradeStatus, standings: tuple[tuple[PodObservation, Standing], ...]
) -> list[str]:
    """UIDs of the pods that hold one of maxConcurrent places: those whose upgrade is under way, and
    those that fell silent in the midst of it. One that was never told anything holds none."""
    return sorted(
        pod.uid
        for pod, found in standings
        if found in (Standing.RUNNING, Standing.OTHER)
        or (found is Standing.UNREACHABLE and pod.uid in status.in_flight)
    )


def _steer(pod: PodObservation, target: Target, stage: Stage, over: bool) -> list[PodAction]:
    progress = pod.agent.progress if pod.agent else None
    if progress is None:
        return []
    if over:
        return [Promote(pod, progress.id, target.revision)]
    if rollout.weight_of(pod) != stage.weight:
        return [SetWeight(pod, progress.id, target.revision, stage.weight)]
    return []


def _take_back(
    seen: Observation,
    target: Target,
    standings: tuple[tuple[PodObservation, Standing], ...],
    now: datetime,
    hot: bool,
) -> list[PodAction]:
    """Going back does not wait its turn: a bad version is taken back everywhere at once."""
    actions: list[PodAction] = []
    for pod, found in standings:
        if found is Standing.OTHER:
            actions.append(_back(pod, target))
        elif not hot:
            continue  # the workload is rolled
        elif found is Standing.WAITING or (
            found is Standing.FAILED and _may_try_again(pod, seen, target, now)
        ):
            actions.append(_start(seen, pod, target, hold=False))
    return actions


def _may_try_again(pod: PodObservation, seen: Observation, target: Target, now: datetime) -> bool:
    """A pod that failed to come to the stable revision is tried again, less and less often."""
    progress = pod.agent.progress if pod.agent else None
    if progress is None or seen.status.stable_revision != target.revision:
        return False
    tries = _attempt(seen, target).tries_of(pod)
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, 10), MOST_PAUSE_SECONDS)
    return bool(now.timestamp() - progress.finished_at >= pause)


def _back(pod: PodObservation, target: Target) -> TakeBack:
    assert pod.agent is not None
    assert pod.agent.progress is not None
    progress = pod.agent.progress
    message = f"revision {target.revision} is wanted"
    return TakeBack(pod, progress.id, progress.revision, message)


def _start(seen: Observation, pod: PodObservation, target: Target, hold: bool) -> StartUpgrade:
    attempt = _attempt(seen, target)
    return StartUpgrade(pod, attempt.command_id(attempt.tries_of(pod)), target, hold)
