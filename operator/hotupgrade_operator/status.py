"""Pure: Observation + Plan -> the status to write, and the Events that tell of a change."""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from hotupgrade_api.resource import IMAGE_REVISION
from hotupgrade_api.resource_status import Condition, HistoryEntry, HotUpgradeStatus, Weights
from hotupgrade_operator.actions import StartUpgrade
from hotupgrade_operator.conditions import Fact, complete, facts, failed_pods, phase
from hotupgrade_operator.instant import written
from hotupgrade_operator.observation import Observation, Standing
from hotupgrade_operator.plan import Goal, Plan, in_flight
from hotupgrade_operator.preflight import preflight
from hotupgrade_operator.requests import rejected
from hotupgrade_operator.rollout import weight_of
from hotupgrade_operator.target import REJECTED, STABLE, Target, entry

MOST_FAILED_PODS = 20
TOLD = ("Superseded", "Degraded", "Fallback")  # beside Ready


@dataclass(frozen=True)
class Event:
    """A core/v1 Event on the HotUpgrade."""

    reason: str
    message: str
    warning: bool = False
    key: str = ""  # one for each attempt: the same Event of it is told once


def render(seen: Observation, plan: Plan, now: datetime) -> HotUpgradeStatus:
    """The whole status. A condition keeps its transition time while its status stays."""
    before, time = seen.status, written(now)
    after = msgspec.structs.replace(
        plan.status,
        observed_generation=seen.generation,
        pods=sum(1 for p in seen.pods if not p.terminating),
        updated_pods=plan.count(Standing.DONE, Standing.HELD),
        ready_pods=sum(1 for p in seen.pods if p.ready and not p.terminating),
        update_revision=before.update_revision if plan.rolling else plan.target.revision,
        update_version=before.update_version if plan.rolling else plan.target.version,
        failed_pods=failed_pods(plan)[:MOST_FAILED_PODS],
        preflight=preflight(seen, plan),
        weights=_weights(plan),
        fallback_revision=_fallback_revision(plan),
        fallback_pods=plan.count(Standing.DONE) if plan.fallback else 0,
        in_flight=_in_flight(plan),
    )
    if (after.updated_pods, after.weights) != (before.updated_pods, before.weights):
        after = msgspec.structs.replace(after, progressed_at=time)
    if plan.rejection is not None:
        why = plan.rejection
        message = f"{why.pod}: {why.message}" if why.pod else why.message
        noted = HistoryEntry(revision="", reason=why.reason, message=message, time=time)
        after = rejected(after, why.revision, seen.generation, noted)
    if plan.goal is Goal.UPGRADE and before.stable_revision != plan.target.revision:
        after = _tried(after, plan.target, time, seen.spec.revision_history_limit)
    if plan.goal in (Goal.UPGRADE, Goal.NOTHING):
        after = _fresh(after, plan.target)
    done = complete(seen, plan)
    if done and plan.goal is Goal.UPGRADE and plan.count(Standing.DONE):
        target = _with_whole_base(plan)
        after = _stable(after, target, time, seen.spec.revision_history_limit)
    found = facts(seen, after, plan, done)
    conditions = [
        _condition(before, kind, fact, seen.generation, time) for kind, fact in found.items()
    ]
    return msgspec.structs.replace(
        after, conditions=conditions, phase=phase(plan, found, done).value
    )


def events(seen: Observation, after: HotUpgradeStatus, plan: Plan) -> list[Event]:
    """One Event for each condition whose status or reason changed to something to be told, for each
    step that began, and for a request."""
    before, told = seen.status, []
    if plan.request is not None and plan.request.refused:
        told.append(Event("RequestRefused", plan.request.refused, warning=True))
    elif plan.request is not None and plan.request.done:
        told.append(Event("RequestCarriedOut", plan.request.done))
    if after.current_step_index > before.current_step_index:
        told.append(Event("StepDone", f"{after.current_step_index} steps are done"))
    old = {c.type: (c.status, c.reason) for c in before.conditions}
    for condition in after.conditions:
        if old.get(condition.type) == (condition.status, condition.reason):
            continue
        if condition.type == "Ready":
            warning = any(c.type == "Stalled" and c.status == "True" for c in after.conditions)
            told.append(Event(condition.reason, condition.message, warning))
        elif condition.type in TOLD and condition.status == "True":
            told.append(Event(condition.reason, condition.message, warning=True))
    return [replace(event, key=f"{seen.generation}.{after.attempt}") for event in told]


def _in_flight(plan: Plan) -> list[str]:
    """With those that are begun now: this is written before their agents are told."""
    begun = {action.pod.uid for action in plan.actions if isinstance(action, StartUpgrade)}
    return sorted(begun.union(in_flight(plan.status, plan.standings)))


def _fallback_revision(plan: Plan) -> str:
    """What new pods boot while the workload is rolled. Written before it is: a new pod must not be
    faster than the word on what it runs. On the way back that is what is stable: nothing to say."""
    going = plan.goal is Goal.UPGRADE and plan.fallback and not plan.fallback.impossible
    return plan.target.revision if going else ""


def _weights(plan: Plan) -> Weights:
    """Of all requests, by the routes, while those are moved; else of new connections, over all
    pods that serve."""
    if plan.route is not None:
        return Weights(stable=100 - plan.route, update=plan.route)
    serving = plan.count(*Standing) - plan.count(Standing.ABSENT)
    held = sum(weight_of(pod) for pod, found in plan.standings if found is Standing.HELD)
    update = (100 * plan.count(Standing.DONE) + held) // serving if serving else 0
    return Weights(stable=100 - update, update=update)


def _with_whole_base(plan: Plan) -> Target:
    """The launchers know the digest of the file that the artifact replaces: from here on, an image
    of the same name with another file is another base."""
    for pod, found in plan.standings:
        if found is Standing.DONE and pod.agent and plan.target.artifact:
            return replace(plan.target, base=pod.agent.base)
    return plan.target


def _tried(after: HotUpgradeStatus, target: Target, time: str, limit: int) -> HotUpgradeStatus:
    """Keeps artifact and base from the start: new pods boot by them, and a rollback needs them."""
    known = entry(after, target.revision)
    if known is not None and known.base == target.base and known.result != REJECTED:
        return after
    added = HistoryEntry(
        revision=target.revision,
        version=target.version,
        time=time,
        artifact=target.artifact,
        base=target.base,
    )
    return _with_history(after, added, limit)


def _fresh(after: HotUpgradeStatus, target: Target) -> HotUpgradeStatus:
    """The spec may name another source, or another version, for the same bytes: new pods boot by
    what the history has."""
    known = entry(after, target.revision)
    if known is None or (known.artifact, known.version) == (target.artifact, target.version):
        return after
    fresh = msgspec.structs.replace(known, artifact=target.artifact, version=target.version)
    history = [fresh if e is known else e for e in after.history]
    return msgspec.structs.replace(after, history=history)


def _stable(after: HotUpgradeStatus, target: Target, time: str, limit: int) -> HotUpgradeStatus:
    if after.stable_revision == target.revision:
        return after
    known = entry(after, target.revision) or HistoryEntry(revision=target.revision)
    kept = msgspec.structs.replace(known, result=STABLE, time=time, base=target.base)
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


def _condition(
    before: HotUpgradeStatus, kind: str, fact: Fact, generation: int, time: str
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
