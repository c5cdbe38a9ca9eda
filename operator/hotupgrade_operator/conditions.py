"""Pure: Observation + Plan -> what each condition says, and which pods are in trouble, and why."""

from dataclasses import dataclass

import msgspec

from hotupgrade_api.agent_messages import FailureReason, PodState
from hotupgrade_api.resource import LABEL_NAME
from hotupgrade_api.resource_status import (
    FailedPod,
    HistoryEntry,
    HotUpgradeStatus,
    MetricPhase,
    Phase,
    PreflightLevel,
)
from hotupgrade_operator import analysis, memory_headroom
from hotupgrade_operator.observation import Observation, PodObservation, Standing
from hotupgrade_operator.plan import Goal, Plan
from hotupgrade_operator.preflight import MEMORY, gravest
from hotupgrade_operator.target import entry, is_rejected

TROUBLE = (
    Standing.NOT_INJECTED,
    Standing.UNREACHABLE,
    Standing.NOT_CAPABLE,
    Standing.SUPERSEDED,
    Standing.FAILED,
)
UNVERIFIED = (FailureReason.DIGEST_MISMATCH, FailureReason.VERIFICATION_FAILED)
UNFETCHED = (PodState.IDLE, PodState.FETCHING)
# No command to an agent changes these; a pod that is made anew may.
HOPELESS = (Standing.NOT_INJECTED, Standing.NOT_CAPABLE)


@dataclass(frozen=True)
class Fact:
    status: str
    reason: str
    message: str = ""


def facts(seen: Observation, after: HotUpgradeStatus, plan: Plan, done: bool) -> dict[str, Fact]:
    goal, target = plan.goal, plan.target.version or plan.target.revision
    progress = f"{after.updated_pods} of {after.pods} pods run {target}"
    progress += _step(seen, after) + _analysis(after)
    rejected = _rejected(seen, after)
    if goal is Goal.REFUSE:
        ready = Fact("False", plan.refused_reason, plan.refused)
    elif rejected is not None:
        text = f"revision {rejected.revision} was taken back: {rejected.message}; {progress}"
        ready = Fact("False", rejected.reason, text)
    elif done:
        ready = Fact("True", _done_reason(plan), progress)
    elif plan.fallback is not None and not plan.fallback.impossible:
        text = f"{progress}; the workload is rolled the ordinary way: {plan.fallback.message}"
        ready = Fact("False", "RollingOut", text)
    elif stuck := _stuck(plan):
        ready = Fact("False", stuck[1].value, f"{progress}; {stuck[0].name}: {_why(*stuck)}")
    elif plan.rolling:
        text = "the workload's own rollout comes first: a revision holds for one image"
        ready = Fact("False", "WorkloadRolling", text)
    elif _held_back(seen, plan):
        short = [finding for finding in after.preflight if finding.check == MEMORY]
        text = f"{progress}; {gravest(short)[2]}"
        ready = Fact("False", "Preflight", text)
    elif plan.overdue:
        deadline = seen.spec.progress_deadline_seconds
        text = f"nothing moved for {deadline} s; {progress}"
        ready = Fact("False", "ProgressDeadlineExceeded", text)
    elif goal is Goal.NOTHING or _waits(seen, after):
        ready = Fact("False", "Paused", progress)
    elif plan.network is not None and plan.network.holds:
        ready = Fact("False", plan.network.reason, f"{progress}; {plan.network.message}")
    elif not plan.standings:
        label = f"{LABEL_NAME}: {seen.name}"
        ready = Fact("False", "NoPods", f"no pod has the label {label}; the pod template sets it")
    else:
        ready = Fact("False", "Upgrading", progress)
    stalled = goal is Goal.REFUSE or rejected is not None or _stuck(plan) is not None
    stalled = stalled or (plan.overdue and not done)
    moving = goal in (Goal.UPGRADE, Goal.TAKE_BACK) and not done and _stuck(plan) is None
    return {
        "Ready": ready,
        "Reconciling": Fact(_truth(moving), ready.reason if moving else "Settled", progress),
        "Stalled": Fact(_truth(stalled), ready.reason if stalled else "NotStalled"),
        "Progressing": Fact(_truth(moving), ready.reason),
        "Paused": _paused(seen, after, done),
        "Available": Fact(
            _truth(after.ready_pods > 0), "PodsReady" if after.ready_pods else "NoPodReady"
        ),
        "Verified": _verified(plan, rejected),
        "HotCapable": _hot_capable(plan),
        "Fallback": _fallback(seen, plan),
        "Superseded": _superseded(plan),
        "Degraded": _degraded(plan),
        "NetworkReady": _network(plan),
        "Preflight": _preflight(plan, after),
    }


def _step(seen: Observation, after: HotUpgradeStatus) -> str:
    """Which step is under way, for people."""
    steps, index = seen.spec.strategy.steps, after.current_step_index
    if not steps or after.stable_revision == after.update_revision:
        return ""
    if index >= len(steps):
        return "; all steps are done" + (", rollback window" if after.window_started_at else "")
    text = msgspec.json.encode(steps[index]).decode()
    return f"; step {index + 1} of {len(steps)}: {text}"


def _analysis(after: HotUpgradeStatus) -> str:
    """How the gravest metric stands, for people."""
    if not after.analysis or after.stable_revision == after.update_revision:
        return ""
    found = analysis.verdict(after.analysis)
    return f"; analysis {found.phase.value}: {found.message}"


def _waits(seen: Observation, after: HotUpgradeStatus) -> bool:
    """Whether the current step waits for a person."""
    steps, index = seen.spec.strategy.steps, after.current_step_index
    if index >= len(steps) or after.stable_revision == after.update_revision:
        return False
    pause = steps[index].pause
    return pause is not None and pause.duration_seconds is None


def _paused(seen: Observation, after: HotUpgradeStatus, done: bool) -> Fact:
    if seen.spec.paused:
        return Fact("True", "PausedBySpec", "spec.paused is true")
    if after.paused:
        return Fact("True", "PausedByRequest", "somebody asked to pause; `resume` goes on")
    found = analysis.verdict(after.analysis)
    if after.stable_revision != after.update_revision and found.phase in analysis.HOLDING:
        broken = found.phase is MetricPhase.ERROR
        reason = "AnalysisError" if broken else "AnalysisInconclusive"
        text = "`resume` measures anew, `promote` goes on without, `abort` goes back"
        return Fact("True", reason, f"{found.message}; {text}")
    if not done and _waits(seen, after):
        return Fact("True", "PauseStep", "the step waits for `promote`")
    return Fact("False", "NotPaused")


def _rejected(seen: Observation, after: HotUpgradeStatus) -> HistoryEntry | None:
    """The spec's revision, where it was rejected."""
    if not is_rejected(after, after.rejected_revision, seen.generation):
        return None
    return entry(after, after.rejected_revision)


def _verified(plan: Plan, rejected: HistoryEntry | None) -> Fact:
    """Whether the artifact's bytes are those that the spec names, as far as an agent has seen."""
    if rejected is not None and rejected.reason in UNVERIFIED:
        return Fact("False", rejected.reason, rejected.message)
    if plan.target.artifact is None:
        return Fact("Unknown", "NoArtifact")
    for pod, found in plan.standings:
        progress = pod.agent.progress if pod.agent else None
        if found is Standing.DONE:
            return Fact("True", "DigestMatches")
        moving = found in (Standing.RUNNING, Standing.HELD)
        if moving and progress and not (progress.state in UNFETCHED or progress.reason):
            return Fact("True", "DigestMatches")
    return Fact("Unknown", "NotFetched")


def _hot_capable(plan: Plan) -> Fact:
    asked = [(pod, pod.agent) for pod, _ in plan.standings if pod.agent and pod.agent.launcher]
    plain = [(pod, agent) for pod, agent in asked if not agent.hot_capable]
    if not asked:
        return Fact("Unknown", "NoAgentAnswered")
    if not plain:
        return Fact("True", "HotCapable")
    pod, agent = plain[0]
    return Fact("False", "NotHotCapable", f"{len(plain)} pods, {pod.name}: {agent.reason}")


def _fallback(seen: Observation, plan: Plan) -> Fact:
    other = plan.fallback
    if other is None:
        return Fact("False", "NotNeeded")
    if other.impossible:
        return Fact("False", "Impossible", other.impossible)
    steps = ", without its steps" if seen.spec.strategy.steps else ""
    return Fact("True", other.cause.value, f"the workload is rolled{steps}: {other.message}")


def _superseded(plan: Plan) -> Fact:
    for pod, found in plan.standings:
        if pod.agent and (found is Standing.SUPERSEDED or pod.agent.superseded):
            why = pod.agent.superseded or (
                f"the revision holds for {plan.target.base_image}, "
                f"the pod runs {pod.agent.base.image}"
            )
            return Fact("True", "OtherImage", f"{pod.name}: {why}")
    return Fact("False", "BaseMatches")


def _network(plan: Plan) -> Fact:
    found = plan.network
    if found is None:
        return Fact("Unknown", "NotLooked")
    return Fact(found.status, found.reason, found.message)


def _preflight(plan: Plan, after: HotUpgradeStatus) -> Fact:
    """Whether a hot upgrade could start, or could have: it is looked at in quiet times, too."""
    level, check, text = gravest(after.preflight)
    if level is PreflightLevel.BLOCK:
        return Fact("False", check, text)
    if plan.goal is Goal.REFUSE or not plan.count(*Standing) - plan.count(Standing.ABSENT):
        return Fact("Unknown", "NotLooked")
    if level is PreflightLevel.WARN:
        return Fact("True", "Warnings", text)
    return Fact("True", "Passed")


def _held_back(seen: Observation, plan: Plan) -> bool:
    """Whether all that is left to be started waits for memory."""
    if plan.goal is not Goal.UPGRADE or plan.count(Standing.RUNNING):
        return False
    waiting = [pod for pod, found in plan.standings if found is Standing.WAITING]
    short = [memory_headroom.is_short(pod, seen.spec.handoff) for pod in waiting]
    return bool(short) and all(short)


def _degraded(plan: Plan) -> Fact:
    trouble = (Standing.NOT_INJECTED, Standing.UNREACHABLE, Standing.FAILED)
    for pod, found in plan.standings:
        if found in trouble:
            message = f"{plan.count(*trouble)} pods, {pod.name}: {_why(pod, found)}"
            return Fact("True", found.value, message)
    return Fact("False", "AsExpected")


def complete(seen: Observation, plan: Plan) -> bool:
    """Every pod that there is runs the target. A pod that starts or ends is not there: one that
    starts boots what is stable, and is brought to the target later. Nor is one of another image."""
    if not plan.standings:
        return seen.workload.replicas == 0
    if plan.fallback is not None and plan.goal is not Goal.REFUSE:
        return False
    there = [found for _, found in plan.standings if found is not Standing.ABSENT]
    rest = [found for found in there if found is not Standing.SUPERSEDED]
    return bool(there) and all(found is Standing.DONE for found in rest)


def _done_reason(plan: Plan) -> str:
    if plan.count(Standing.DONE):
        return "Upgraded"
    return "Superseded" if plan.standings else "ScaledToZero"


def _stuck(plan: Plan) -> tuple[PodObservation, Standing] | None:
    """A pod that keeps the upgrade from its end, where nothing but a new pod will help."""
    if plan.fallback is not None and not plan.fallback.impossible:
        return None
    rest = [
        (pod, found)
        for pod, found in plan.standings
        if found not in (Standing.DONE, Standing.SUPERSEDED, Standing.ABSENT)
    ]
    if rest and all(found in HOPELESS for _, found in rest):
        return rest[0]
    return None


def phase(plan: Plan, facts: dict[str, Fact], done: bool) -> Phase:
    if plan.goal is Goal.REFUSE:
        return Phase.INVALID
    if plan.goal is Goal.TAKE_BACK:
        return Phase.ABORTED if done else Phase.ROLLING_BACK
    if done:
        return Phase.STABLE
    if facts["Paused"].status == "True":
        return Phase.PAUSED
    return Phase.UPGRADING if plan.standings else Phase.PENDING


def failed_pods(plan: Plan) -> list[FailedPod]:
    return [
        FailedPod(name=pod.name, reason=_reason(pod, found), message=_why(pod, found))
        for pod, found in plan.standings
        if found in TROUBLE
    ]


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


def _truth(value: bool) -> str:
    return "True" if value else "False"
