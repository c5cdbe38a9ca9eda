"""Pure: Observation + Plan -> the status to write, and the Events that tell people of a change."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from hotupgrade_api.resource import IMAGE_REVISION, LABEL_NAME, StrategyType
from hotupgrade_api.resource_status import (
    Condition,
    FailedPod,
    HistoryEntry,
    HotUpgradeStatus,
    Phase,
)
from hotupgrade_operator.observation import Observation, PodObservation, Standing
from hotupgrade_operator.plan import Goal, Plan, Target, entry, is_rejected

MOST_FAILED_PODS = 20
TROUBLE = (
    Standing.NOT_INJECTED,
    Standing.UNREACHABLE,
    Standing.NOT_CAPABLE,
    Standing.SUPERSEDED,
    Standing.FAILED,
)
# No command to an agent changes these; a pod that is made anew may.
HOPELESS = (Standing.NOT_INJECTED, Standing.NOT_CAPABLE)


@dataclass(frozen=True)
class Event:
    """A core/v1 Event on the HotUpgrade."""

    reason: str
    message: str
    warning: bool = False


def render(seen: Observation, plan: Plan, now: datetime) -> HotUpgradeStatus:
    """The whole status. A condition keeps its transition time while its status stays."""
    before = seen.status
    after = msgspec.structs.replace(
        before,
        observed_generation=seen.generation,
        pods=sum(1 for p in seen.pods if not p.terminating),
        updated_pods=plan.count(Standing.DONE),
        ready_pods=sum(1 for p in seen.pods if p.ready and not p.terminating),
        update_revision=plan.target.revision,
        update_version=plan.target.version,
        failed_pods=_failed_pods(plan),
    )
    time = _time(now)
    after = _rejected(after, seen, plan, time)
    if plan.goal is Goal.UPGRADE and before.stable_revision != plan.target.revision:
        after = _tried(after, plan.target, time, seen.spec.revision_history_limit)
    done = _complete(seen, plan)
    if done and plan.goal is Goal.UPGRADE and plan.count(Standing.DONE):
        target = _with_whole_base(plan)
        after = _stable(after, target, time, seen.spec.revision_history_limit)
    facts = _facts(seen, after, plan, done)
    conditions = [
        _condition(before, kind, fact, seen.generation, time) for kind, fact in facts.items()
    ]
    return msgspec.structs.replace(after, conditions=conditions, phase=_phase(facts, plan, done))


def events(before: HotUpgradeStatus, after: HotUpgradeStatus) -> list[Event]:
    """One Event for each condition whose status or reason changed to something to be told."""
    told = []
    old = {c.type: (c.status, c.reason) for c in before.conditions}
    for condition in after.conditions:
        if old.get(condition.type) == (condition.status, condition.reason):
            continue
        if condition.type == "Ready":
            warning = any(c.type == "Stalled" and c.status == "True" for c in after.conditions)
            told.append(Event(condition.reason, condition.message, warning))
        elif condition.type in ("Superseded", "Degraded") and condition.status == "True":
            told.append(Event(condition.reason, condition.message, warning=True))
    return told


@dataclass(frozen=True)
class _Fact:
    status: str
    reason: str
    message: str = ""


def _facts(seen: Observation, after: HotUpgradeStatus, plan: Plan, done: bool) -> dict[str, _Fact]:
    goal, target = plan.goal, plan.target.version or plan.target.revision
    progress = f"{plan.count(Standing.DONE)} of {after.pods} pods run {target}"
    rejected = is_rejected(after, after.rejected_revision, seen.generation)
    if goal is Goal.REFUSE:
        ready = _Fact("False", plan.refused_reason, plan.refused)
    elif rejected:
        failed = entry(after, after.rejected_revision)
        text = f"revision {after.rejected_revision} was taken back"
        reason = failed.reason if failed and failed.reason else "Aborted"
        ready = _Fact("False", reason, f"{text}: {failed.message if failed else ''}; {progress}")
    elif done:
        ready = _Fact("True", _done_reason(plan), progress)
    elif stuck := _stuck(plan):
        ready = _Fact("False", stuck[1].value, f"{progress}; {stuck[0].name}: {_why(*stuck)}")
    elif goal is Goal.NOTHING:
        ready = _Fact("False", "Paused", progress)
    elif not plan.standings:
        label = f"{LABEL_NAME}: {seen.name}"
        ready = _Fact("False", "NoPods", f"no pod has the label {label}; the pod template sets it")
    else:
        ready = _Fact("False", "Upgrading", progress)
    stalled = goal is Goal.REFUSE or rejected or _stuck(plan) is not None
    moving = goal in (Goal.UPGRADE, Goal.TAKE_BACK) and not done and _stuck(plan) is None
    return {
        "Ready": ready,
        "Reconciling": _Fact(_truth(moving), ready.reason if moving else "Settled", progress),
        "Stalled": _Fact(_truth(stalled), ready.reason if stalled else "NotStalled"),
        "Progressing": _Fact(_truth(moving), ready.reason),
        "Paused": _Fact(_truth(seen.spec.paused), "Paused" if seen.spec.paused else "NotPaused"),
        "Available": _Fact(
            _truth(after.ready_pods > 0), "PodsReady" if after.ready_pods else "NoPodReady"
        ),
        "HotCapable": _hot_capable(seen, plan),
        "Superseded": _superseded(plan),
        "Degraded": _degraded(plan),
    }


def _hot_capable(seen: Observation, plan: Plan) -> _Fact:
    pods = [pod for pod, found in plan.standings if found is Standing.NOT_CAPABLE]
    if not pods:
        return _Fact("True", "HotCapable")
    why = pods[0].agent.reason if pods[0].agent else ""
    message = f"{len(pods)} pods, {pods[0].name}: {why}"
    if seen.spec.strategy.type is StrategyType.HOT_IF_POSSIBLE:
        message += "; HotIfPossible cannot roll them the ordinary way yet"
    return _Fact("False", "NotHotCapable", message)


def _superseded(plan: Plan) -> _Fact:
    for pod, found in plan.standings:
        if pod.agent and (found is Standing.SUPERSEDED or pod.agent.superseded):
            why = pod.agent.superseded or (
                f"the revision holds for {plan.target.base_image}, "
                f"the pod runs {pod.agent.base.image}"
            )
            return _Fact("True", "OtherImage", f"{pod.name}: {why}")
    return _Fact("False", "BaseMatches")


def _degraded(plan: Plan) -> _Fact:
    trouble = (Standing.NOT_INJECTED, Standing.UNREACHABLE, Standing.FAILED)
    for pod, found in plan.standings:
        if found in trouble:
            message = f"{plan.count(*trouble)} pods, {pod.name}: {_why(pod, found)}"
            return _Fact("True", found.value, message)
    return _Fact("False", "AsExpected")


def _complete(seen: Observation, plan: Plan) -> bool:
    """Every pod that there is runs the target; a pod that another image runs in is none of it."""
    if not plan.standings:
        return seen.workload.replicas == 0
    rest = [found for _, found in plan.standings if found is not Standing.SUPERSEDED]
    return all(found is Standing.DONE for found in rest)


def _done_reason(plan: Plan) -> str:
    if plan.count(Standing.DONE):
        return "Upgraded"
    return "Superseded" if plan.standings else "ScaledToZero"


def _stuck(plan: Plan) -> tuple[PodObservation, Standing] | None:
    """A pod that keeps the upgrade from its end, where nothing but a new pod will help."""
    rest = [
        (pod, found)
        for pod, found in plan.standings
        if found not in (Standing.DONE, Standing.SUPERSEDED)
    ]
    if rest and all(found in HOPELESS for _, found in rest):
        return rest[0]
    return None


def _with_whole_base(plan: Plan) -> Target:
    """The launchers know the digest of the file that the artifact replaces: from here on, an image
    of the same name with another file is another base."""
    for pod, found in plan.standings:
        if found is Standing.DONE and pod.agent and plan.target.artifact:
            return replace(plan.target, base=pod.agent.base)
    return plan.target


def _rejected(
    after: HotUpgradeStatus, seen: Observation, plan: Plan, time: str
) -> HotUpgradeStatus:
    if plan.rejection is None:
        return after
    revision = seen.status.update_revision
    why = plan.rejection
    tried = entry(after, revision) or HistoryEntry(revision=revision)
    rejected = msgspec.structs.replace(
        tried, result="Rejected", reason=why.reason, message=f"{why.pod}: {why.message}", time=time
    )
    history = [e for e in after.history if e.revision != revision] + [rejected]
    return msgspec.structs.replace(
        after, rejected_revision=revision, rejected_generation=seen.generation, history=history
    )


def _tried(after: HotUpgradeStatus, target: Target, time: str, limit: int) -> HotUpgradeStatus:
    """Keeps artifact and base from the start: new pods boot by them, and a rollback needs them."""
    known = entry(after, target.revision)
    if known is not None and known.base is not None and known.result != "Rejected":
        return after
    added = HistoryEntry(
        revision=target.revision,
        version=target.version,
        time=time,
        artifact=target.artifact,
        base=target.base,
    )
    return _with_history(after, added, limit)


def _stable(after: HotUpgradeStatus, target: Target, time: str, limit: int) -> HotUpgradeStatus:
    if after.stable_revision == target.revision:
        return after
    known = entry(after, target.revision) or HistoryEntry(revision=target.revision)
    kept = msgspec.structs.replace(known, result="Stable", time=time, base=target.base)
    after = msgspec.structs.replace(
        after, stable_revision=target.revision, stable_version=target.version
    )
    return _with_history(after, kept, limit)


def _with_history(after: HotUpgradeStatus, added: HistoryEntry, limit: int) -> HotUpgradeStatus:
    rest = [e for e in after.history if e.revision != added.revision]
    keep = {after.stable_revision, added.revision} - {IMAGE_REVISION}
    while len(rest) > limit:
        old = next((e for e in rest if e.revision not in keep), None)
        if old is None:
            break
        rest.remove(old)
    return msgspec.structs.replace(after, history=[*rest, added])


def _failed_pods(plan: Plan) -> list[FailedPod]:
    failed = [
        FailedPod(name=pod.name, reason=_reason(pod, found), message=_why(pod, found))
        for pod, found in plan.standings
        if found in TROUBLE
    ]
    return failed[:MOST_FAILED_PODS]


def _reason(pod: PodObservation, found: Standing) -> str:
    progress = pod.agent.progress if pod.agent else None
    if found is Standing.FAILED and progress and progress.reason:
        return progress.reason.value
    return "Failed" if found is Standing.FAILED else found.value


def _why(pod: PodObservation, found: Standing) -> str:
    agent = pod.agent
    if found is Standing.NOT_INJECTED:
        return pod.refused or (
            "the pod has no launcher: it was made before, or while no operator answered; "
            "a new one gets it (kubectl rollout restart)"
        )
    if agent is None:
        return pod.agent_error
    if found is Standing.FAILED and agent.progress:
        return agent.progress.message
    return agent.superseded or agent.reason


def _condition(
    before: HotUpgradeStatus, kind: str, fact: _Fact, generation: int, time: str
) -> Condition:
    old = next((c for c in before.conditions if c.type == kind), None)
    same = old is not None and old.status == fact.status
    return Condition(
        type=kind,
        status=fact.status,
        reason=fact.reason,
        message=fact.message,
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and same else time,
    )


def _phase(facts: dict[str, _Fact], plan: Plan, done: bool) -> Phase:
    if plan.goal is Goal.REFUSE:
        return Phase.INVALID
    if facts["Stalled"].status == "True":
        return Phase.ABORTED if done else Phase.ROLLING_BACK
    if plan.goal is Goal.NOTHING:
        return Phase.PAUSED
    if done:
        return Phase.STABLE
    return Phase.UPGRADING if plan.standings else Phase.PENDING


def _truth(value: bool) -> str:
    return "True" if value else "False"


def _time(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
